"""Tables tracked with deferred => true: what is kept in the transaction, and for whom."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from capture.folding import captured, emit_captured, fold, made, stored, waiting
from psycopg import sql

AnyConnection = psycopg.Connection[Any]
Connect = Callable[..., AnyConnection]
Refused = Callable[..., psycopg.Error]


def test_events_are_made_later(stock: AnyConnection, pg: AnyConnection) -> None:
    stock.execute("insert into stock select n from generate_series(1, 5) as n")
    stock.execute("update stock set n = 1 where id = 3; delete from stock where id = 4")
    assert made(pg) == []
    assert emit_captured(pg) == 7
    assert emit_captured(pg) == 0
    assert waiting(pg) == 0
    assert fold(captured(pg, "stock")) == stored(stock, "stock", "id")
    assert pg.execute("select * from ledger.verify('acme')").fetchall() == []


def test_the_event_says_when_and_by_whom(
    stock: AnyConnection, app: Connect, pg: AnyConnection
) -> None:
    """Of the change, not of who makes the event; and leaves no context behind."""
    trace, correlation = uuid4(), uuid4()
    connection = app()
    stock.execute("grant all on stock to public")
    with connection.transaction():
        (run,) = connection.execute("select ledger.start_run('importer')").fetchone() or ()
        connection.execute(
            "select ledger.set_context(run_id => %s, trace_id => %s, correlation_id => %s,"
            " actor_type => 'user', actor_id => 'ann')",
            [run, trace, correlation],
        )
        connection.execute("insert into stock values (1), (2)")
    connection.execute("insert into stock values (3)")
    (at,) = pg.execute("select max(captured_at) from ledger.capture_queue").fetchone() or ()
    with pg.transaction():
        pg.execute("select ledger.set_context('globex', actor_type => 'system', actor_id => 'dba')")
        assert emit_captured(pg) == 3
        context = "select ledger.setting('tenant_id'), ledger.setting('actor_id')"
        assert pg.execute(context).fetchone() == ("globex", "dba")
    rows = pg.execute(
        "select tenant_id, aggregate_id, run_id, trace_id, correlation_id, actor_id"
        " from ledger.events where event_type = 'stock.created' order by aggregate_id"
    ).fetchall()
    assert rows[:2] == [("acme", key, run, trace, correlation, "ann") for key in ("1", "2")]
    assert rows[2][5] is None
    assert rows[2][3] != trace
    late = (
        "select occurred_at, created_at > occurred_at from ledger.events where aggregate_id = '3'"
    )
    assert pg.execute(late).fetchone() == (at, True)


def test_nothing_remains_of_what_rolls_back(stock: AnyConnection, pg: AnyConnection) -> None:
    with stock.transaction():
        stock.execute("insert into stock values (1)")
        with stock.transaction(force_rollback=True):
            stock.execute("update stock set n = 7")
    with stock.transaction(force_rollback=True):
        stock.execute("delete from stock")
    emit_captured(pg)
    assert made(pg) == [("created", "1", 1)]


def test_statements_that_change_nothing_do_not_wait(
    stock: AnyConnection, pg: AnyConnection
) -> None:
    stock.execute("update stock set n = 1 where id = 99; delete from stock")
    assert waiting(pg) == 0
    stock.execute("insert into stock values (1)")
    stock.execute("update stock set n = n")
    emit_captured(pg)
    assert (waiting(pg), made(pg)) == (0, [("created", "1", 1)])


def test_secrets_and_what_is_private(owner: AnyConnection, pg: AnyConnection) -> None:
    """Events that emit_event() has to mask or split are made like all others."""
    owner.execute("create table login (id int primary key, password text, hidden text, pin text)")
    owner.execute(
        "select ledger.track_table('login', excluded => '{hidden}', masked => '{pin}',"
        " deferred => true)"
    )
    owner.execute("insert into login values (1, 'hunter2', 'hunter3', 'hunter4')")
    owner.execute("insert into login select n, 'hunter2' from generate_series(2, 5) as n")
    owner.execute("update login set pin = 'hunter5', hidden = 'hunter6' where id = 1")
    queue = str(pg.execute("select q::text from ledger.capture_queue as q").fetchall())
    assert "hunter3" not in queue
    assert "hunter6" not in queue
    emit_captured(pg)
    events = pg.execute("select e::text from ledger.events as e").fetchall()
    assert len([event for (event,) in events if "login." in event]) == 6
    assert "hunter" not in str(events)


@pytest.mark.parametrize("tenant_column", [None, "note"])
@pytest.mark.parametrize("count", [1, 3])
def test_a_writer_of_every_tenant(
    owner: AnyConnection,
    app: Connect,
    pg: AnyConnection,
    tenant_column: str | None,
    count: int,
) -> None:
    connection = app()
    owner.execute("create table stock (id int primary key, note text not null default 'globex')")
    owner.execute(
        "select ledger.track_table('stock', tenant_column => %s, deferred => true)", [tenant_column]
    )
    pg.execute("select ledger.revoke_access(%s, 'acme')", [connection.info.user])
    pg.execute("select ledger.grant_access(%s, '*', '{write}')", [connection.info.user])
    connection.execute("insert into stock select n from generate_series(1, %s::int) as n", [count])
    emit_captured(pg)
    tenants = pg.execute("select tenant_id from ledger.events where event_type = 'stock.created'")
    assert tenants.fetchall() == [("acme" if tenant_column is None else "globex",)] * count


def test_a_privilege_that_ends_meanwhile(
    stock: AnyConnection, app: Connect, pg: AnyConnection, refused: Refused
) -> None:
    """What was written while it was there becomes an event."""
    connection = app()
    stock.execute("grant all on stock to public")
    connection.execute("insert into stock values (1, 1, '{}'), (2, 1, '{\"password\": 1}')")
    pg.execute("select ledger.revoke_access(%s, 'acme')", [connection.info.user])
    refused(connection, "LG005", "insert into stock values (3)")
    emit_captured(pg)
    assert made(pg) == [("created", "1", 1), ("created", "2", 1)]


@pytest.mark.parametrize(
    ("context", "statement", "sqlstate"),
    [
        ("ledger.tenant_id = 'globex'", "insert into stock values (2)", "LG005"),
        ("ledger.tenant_id = 'globex'", "update stock set n = 2", "LG005"),
        ("ledger.run_id = '00000000-0000-0000-0000-000000000001'", "delete from stock", "LG006"),
        ("ledger.run_id = 'x'", "delete from stock", "22P02"),
        ("ledger.actor_type = 'robot'", "insert into stock values (2), (3)", "LG009"),
        ("ledger.actor_id = '" + 256 * "x" + "'", "insert into stock values (2)", "LG009"),
        ("work_mem = '8MB'", "update stock set note = repeat('x', 4000001)", "LG009"),
        ("work_mem = '8MB'", "truncate stock", "LG009"),
    ],
)
def test_who_makes_the_change_hears_of_it(
    stock: AnyConnection,
    pg: AnyConnection,
    refused: Refused,
    context: str,
    statement: str,
    sqlstate: str,
) -> None:
    stock.execute("insert into stock values (1)")
    stock.execute("set ledger.context = 'on'; set " + context)  # type: ignore[arg-type]
    refused(stock, sqlstate, statement)
    assert stored(stock, "stock", "id").keys() == {"1"}
    assert waiting(pg) == 1


def test_keys_that_are_too_long(owner: AnyConnection, pg: AnyConnection, refused: Refused) -> None:
    owner.execute("create table stock (id text primary key)")
    owner.execute("select ledger.track_table('stock', deferred => true)")
    refused(owner, "LG009", "insert into stock values (repeat('x', 256))")
    refused(owner, "LG009", "insert into stock values ('a'), (repeat('x', 256))")
    owner.execute("insert into stock values (repeat('x', 255)), ('b')")
    assert emit_captured(pg) == 2


FORGED = """
create trigger forged after insert on forged referencing new table as new_rows for each statement
execute function ledger.capture_insert(
  {prefix}, 'deal', '{{id}}', '{{}}', '{{}}', {tenant_column}, '', 'f', 't', 'id'
)
"""


def test_a_trigger_that_somebody_made(
    owner: AnyConnection, pg: AnyConnection, refused: Refused
) -> None:
    """Its arguments give nobody another's tenant, or the ledger's own types."""
    pg.execute("select ledger.register_event_type('deal.created', '{}')")
    pg.execute("select ledger.set_tenant_policy('acme', 'open')")
    owner.execute("create table forged (id int primary key, org text)")
    owner.execute(sql.SQL(FORGED).format(prefix="deal", tenant_column="org"))
    refused(owner, "LG005", "insert into forged values (1, 'globex')")
    owner.execute("drop trigger forged on forged")
    owner.execute(sql.SQL(FORGED).format(prefix="ledger.verified", tenant_column=""))
    owner.execute("insert into forged values (1, 'globex')")
    assert emit_captured(pg) == 0
    error = pg.execute("select error ->> 'sqlstate' from ledger.capture_queue").fetchall()
    assert error == [("LG005",)]


@pytest.mark.parametrize(
    "change",
    [
        "alter column id type text",
        "drop constraint stock_pkey, alter column id drop not null",
    ],
)
@pytest.mark.parametrize("keys", ["({})", "(1), ({})", "(1), ({}), (2)"])
def test_a_key_that_becomes_another(
    stock: AnyConnection, pg: AnyConnection, refused: Refused, change: str, keys: str
) -> None:
    stock.execute("alter table stock " + change)  # type: ignore[arg-type]
    key = "null" if "null" in change else "repeat('x', 256)"
    refused(stock, "LG009", "insert into stock values " + keys.format(key))
    stock.execute("insert into stock values (1)")
    assert emit_captured(pg) == 1


@pytest.mark.parametrize(
    ("value", "sqlstate"),
    [
        ("""repeat('[', 700) || '{"password": 1}' || repeat(']', 700)""", "LG009"),
        ("to_json(array_fill(1e131071, array[300]))", "LG009"),
        ("to_json(array_fill(1e131071, array[2]))", None),
    ],
)
def test_what_could_not_be_an_event(
    owner: AnyConnection, pg: AnyConnection, refused: Refused, value: str, sqlstate: str | None
) -> None:
    """Because mask() would fail, or because its text is too long."""
    owner.execute("create table stock (id int primary key, note json)")
    owner.execute("select ledger.track_table('stock', deferred => true)")
    for statement in (
        f"insert into stock select 1, ({value})::json",
        f"insert into stock select n, ({value})::json from generate_series(1, 3) as n",
    ):
        if sqlstate:
            refused(owner, sqlstate, statement)
        else:
            owner.execute(statement + "; delete from stock")  # type: ignore[arg-type]
    emit_captured(pg)
    assert waiting(pg) == 0


def test_at_once_again(stock: AnyConnection, pg: AnyConnection) -> None:
    """What waits comes first."""
    stock.execute("insert into stock values (1)")
    stock.execute("select ledger.track_table('stock')")
    stock.execute("update stock set n = 2")
    assert waiting(pg) == 0
    assert made(pg) == [("created", "1", 1), ("updated", "1", 2)]


@pytest.mark.parametrize("isolation", ["REPEATABLE_READ", "SERIALIZABLE"])
def test_at_once_again_in_an_old_snapshot(
    stock: AnyConnection, pg: AnyConnection, connect: Connect, refused: Refused, isolation: str
) -> None:
    """It may not show all that waits."""
    user, options = stock.info.user, "-c search_path=shop -c ledger.tenant_id=acme"
    other = connect(user=user, options=options, autocommit=False)
    other.isolation_level = psycopg.IsolationLevel[isolation]
    other.execute("select from stock")
    stock.execute("insert into stock values (1)")
    refused(other, "LG009", "select ledger.track_table('stock')")
    other.rollback()
    other.execute("select ledger.track_table('stock', deferred => true)")
    other.commit()
    stock.execute("select ledger.track_table('stock')")
    stock.execute("update stock set n = 2")
    assert made(pg) == [("created", "1", 1), ("updated", "1", 2)]


def test_untracked_with_changes_that_wait(stock: AnyConnection, pg: AnyConnection) -> None:
    stock.execute("insert into stock values (1)")
    stock.execute("select ledger.untrack_table('stock')")
    stock.execute("drop table stock")
    assert emit_captured(pg) == 1
    assert made(pg) == [("created", "1", 1)]


@pytest.mark.parametrize(
    "statement",
    [
        "insert into ledger.capture_queue values (default, '{}', '{}', '{}', false, now(), 'acme')",
        "update ledger.capture_queue set tenant_id = 'globex'",
        "delete from ledger.capture_queue",
        "truncate ledger.capture_queue",
        "select from ledger.capture_queue",
    ],
)
@pytest.mark.parametrize("privileges", [["write", "register"], ["operate", "audit", "read"]])
def test_what_waits_is_for_nobody(
    stock: AnyConnection,
    connect: Connect,
    login_role: Callable[..., str],
    refused: Refused,
    statement: str,
    privileges: list[str],
) -> None:
    stock.execute("insert into stock values (1)")
    refused(connect(user=login_role("other", {"*": privileges})), "42501", statement)


@pytest.mark.parametrize(
    "statement",
    [
        "update ledger.capture_queue set tenant_id = 'globex'",
        "delete from ledger.capture_queue",
        "truncate ledger.capture_queue",
    ],
)
def test_guards_hold_superusers_too(
    stock: AnyConnection, pg: AnyConnection, refused: Refused, statement: str
) -> None:
    stock.execute("insert into stock values (1)")
    refused(pg, "LG001", statement)
