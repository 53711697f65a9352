"""Tables tracked with deferred => true: kept in the transaction, events on a schedule."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from time import sleep
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from capture.folding import captured, emit_captured, fold, stored
from capture.shopping import KEYS, shop
from log.emitting import await_lock
from psycopg import sql
from verifying.tampering import forge

AnyConnection = psycopg.Connection[Any]
Connect = Callable[..., AnyConnection]
Refused = Callable[..., psycopg.Error]


@pytest.fixture
def stock(owner: AnyConnection) -> AnyConnection:
    owner.execute("create table stock (id int primary key, n int not null default 0, note text)")
    owner.execute("select ledger.track_table('stock', deferred => true)")
    return owner


def made(connection: AnyConnection) -> list[tuple[str, str, int]]:
    """The events that there are: kind, key, sequence."""
    return connection.execute(
        "select split_part(event_type, '.', 2), aggregate_id, sequence from ledger.events"
        " where event_type like 'stock.%' order by aggregate_id, sequence"
    ).fetchall()


def findings(connection: AnyConnection) -> list[str]:
    """What doctor() says of tracked tables."""
    return [kind for (kind,) in connection.execute("select kind from ledger.check_capture()")]


def waiting(connection: AnyConnection) -> int:
    (count,) = connection.execute("select count(*) from ledger.capture_queue").fetchone() or ()
    return int(count)


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


def test_so_many_at_a_time(stock: AnyConnection, pg: AnyConnection) -> None:
    for number in range(5):
        stock.execute("insert into stock values (%s), (%s + 10)", [number, number])
    assert [emit_captured(pg, 3) for _ in range(4)] == [4, 4, 2, 0]


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


def test_many_rows_that_are_large(stock: AnyConnection, pg: AnyConnection) -> None:
    """4,000,000 bytes is the limit of a row, not of a statement."""
    stock.execute(
        "insert into stock select n, 0, repeat('x', 3999000) from generate_series(1, 3) as n"
    )
    stock.execute("update stock set note = note || 'y'")
    assert emit_captured(pg) == 6
    assert fold(captured(pg, "stock")) == stored(stock, "stock", "id")


def test_one_at_a_time(stock: AnyConnection, pg: AnyConnection, connect: Connect) -> None:
    stock.execute("insert into stock values (1)")
    other = connect()
    with pg.transaction():
        assert emit_captured(pg) == 1
        assert emit_captured(other) == 0
    assert emit_captured(other) == 0
    assert made(pg) == [("created", "1", 1)]


@pytest.mark.parametrize("isolation", ["REPEATABLE_READ", "SERIALIZABLE"])
def test_an_old_snapshot_makes_nothing_twice(
    stock: AnyConnection, pg: AnyConnection, connect: Connect, isolation: str
) -> None:
    stock.execute("insert into stock values (1)")
    other = connect(autocommit=False)
    other.isolation_level = psycopg.IsolationLevel[isolation]
    other.execute("select count(*) from ledger.capture_queue")
    assert emit_captured(pg) == 1
    with pytest.raises(psycopg.errors.SerializationFailure):
        emit_captured(other)
    other.rollback()
    assert made(pg) == [("created", "1", 1)]


def test_a_stream_that_is_locked_waits(
    stock: AnyConnection, pg: AnyConnection, connect: Connect
) -> None:
    """And other types of streams do not; and nothing is said to be wrong."""
    pg.execute("select ledger.register_event_type('stock.counted', '{}')")
    stock.execute("create table other (id int primary key)")
    stock.execute("select ledger.track_table('other', deferred => true)")
    stock.execute("insert into other values (1)")
    emit_captured(pg)
    stock.execute("insert into stock values (1); insert into other values (2)")
    emitter = connect(autocommit=False, options="-c ledger.tenant_id=acme")
    emitter.execute(
        "select ledger.emit_event('stock.counted', aggregate_type => 'stock', aggregate_id => '1')"
    )
    assert emit_captured(pg) == 1
    assert pg.execute("select error from ledger.capture_queue").fetchall() == [(None,)]
    emitter.commit()
    assert emit_captured(pg) == 1
    assert made(pg) == [("counted", "1", 1), ("created", "1", 2)]


def test_who_emits_is_no_deadlock_victim(
    stock: AnyConnection, pg: AnyConnection, connect: Connect
) -> None:
    """However early it looks for a deadlock: emit_captured() ends once it has held one stream for
    long, and does not wait for another."""
    emit = (
        "select ledger.emit_event('stock.counted', aggregate_type => 'stock', aggregate_id => %s)"
    )
    pg.execute("select ledger.register_event_type('stock.counted', '{}')")
    stock.execute("insert into stock values (1), (2)")
    assert emit_captured(pg) == 2
    stock.execute("update stock set n = 1 where id = 1")
    stock.execute("insert into stock select n from generate_series(3, 60000) as n")
    stock.execute("update stock set n = 1 where id = 2")
    emitter = connect(autocommit=False, options="-c ledger.tenant_id=acme -c deadlock_timeout=1ms")
    emitter.execute(emit, ["2"])
    maker = connect()
    with ThreadPoolExecutor(1) as pool:
        made_events = pool.submit(emit_captured, maker, 100000)
        is_writing = "select backend_xid is not null from pg_stat_activity where pid = %s"
        while pg.execute(is_writing, [maker.info.backend_pid]).fetchone() != (True,):
            assert not made_events.done()
        sleep(0.2)
        emitter.execute(emit, ["1"])
        assert made_events.result() == 59999
    assert emit_captured(pg, 100000) == 0
    emitter.commit()
    assert emit_captured(pg, 100000) == 1


def test_what_is_older_and_commits_later(
    stock: AnyConnection, app: Connect, pg: AnyConnection
) -> None:
    """A change of the same row waits for it, and so has the greater id."""
    stock.execute("grant all on stock to public; insert into stock values (1), (2)")
    first, second = app(autocommit=False), app(autocommit=False)
    first.execute("update stock set n = 1 where id = 1")
    second.execute("update stock set n = 2 where id = 2")
    with ThreadPoolExecutor(1) as pool:
        blocked = pool.submit(second.execute, "update stock set n = 3 where id = 1")
        await_lock(pg, second)
        assert emit_captured(pg) == 2
        first.commit()
        blocked.result()
    assert emit_captured(pg) == 1
    second.commit()
    assert fold(captured(pg, "stock")) == stored(stock, "stock", "id")
    assert made(pg)[-3:] == [("updated", "1", 3), ("created", "2", 1), ("updated", "2", 2)]


def test_everything_is_rebuilt_while_events_are_made(
    owner: AnyConnection, app: Connect, pg: AnyConnection, connect: Connect
) -> None:
    """Six connections write nine tables, two make events meanwhile; one of those is killed again
    and again."""
    app()
    owner.execute((Path(__file__).parent / "chinook.sql").read_text())
    for table in KEYS:
        owner.execute("select ledger.track_table(%s::regclass, deferred => true)", [table])
    connections = [app() for _ in range(6)]
    is_over = Event()

    def make() -> int:
        connection, count = connect(), 0
        while not is_over.is_set():
            count += emit_captured(connection, 50)
        return count

    def kill() -> None:
        while not is_over.wait(0.05):
            connection = connect()
            pid = connection.info.backend_pid
            victim = killers.submit(emit_captured, connection, 500)
            pg.execute("select pg_sleep(0.01), pg_terminate_backend(%s)", [pid])
            victim.exception()

    with ThreadPoolExecutor(6) as pool, ThreadPoolExecutor(3) as killers:
        makers = [killers.submit(make), killers.submit(kill)]
        list(pool.map(shop, connections, range(6), [40] * 6))
        is_over.set()
        assert makers[0].result() > 0
        makers[1].result()
    while emit_captured(pg):
        pass
    assert waiting(pg) == 0
    for table, key in KEYS.items():
        assert fold(captured(pg, table)) == stored(owner, table, key), table
    assert pg.execute("select * from ledger.verify('acme')").fetchall() == []


STRICT = """
select ledger.register_event_type('stock.created', '{
  "type": "object", "required": ["new"],
  "properties": {"new": {"type": "object", "properties": {"n": {"type": "integer", "minimum": 0}}}}
}', catalog => 'capture', schema_version => 2)
"""


@pytest.fixture
def stuck(stock: AnyConnection, pg: AnyConnection) -> AnyConnection:
    """Three statements, of which the second cannot become an event; another table's works."""
    stock.execute("create table other (id int primary key)")
    stock.execute("select ledger.track_table('other', deferred => true)")
    for statement in ("(1, 1)", "(2, -1)", "(3, 1)"):
        stock.execute("insert into stock values " + statement)  # type: ignore[arg-type]
    stock.execute("insert into other values (1)")
    pg.execute(STRICT)
    return stock


@pytest.mark.usefixtures("stuck")
def test_what_is_stuck_keeps_its_order(pg: AnyConnection) -> None:
    assert emit_captured(pg) == 2
    assert emit_captured(pg) == 0
    assert waiting(pg) == 2
    ((kind, name, detail, hint),) = pg.execute(
        "select kind, object, detail, hint from ledger.check_capture()"
    ).fetchall()
    assert (kind, name) == ("capture stuck", "stock")
    assert "LG003" in detail
    assert "discard_captured" in hint
    # Mended, it goes on by itself.
    pg.execute(STRICT.replace('"minimum": 0', '"minimum": -1').replace("=> 2", "=> 3"))
    assert emit_captured(pg) == 2
    assert made(pg) == [("created", str(key), 1) for key in (1, 2, 3)]
    assert findings(pg) == []


def test_what_came_before_what_is_stuck(stock: AnyConnection, pg: AnyConnection) -> None:
    """Is made, in the same call, wherever in the queue it is."""
    pg.execute(STRICT)
    for key in range(150):
        stock.execute("insert into stock values (%s, %s)", [key, -1 if key == 130 else 0])
    assert emit_captured(pg) == 130
    assert waiting(pg) == 20
    assert emit_captured(pg) == 0


def test_many_stuck_types_hold_up_no_other(owner: AnyConnection, pg: AnyConnection) -> None:
    """Among those that are not, and in any order."""
    for number in range(12):
        owner.execute(f"create table t{number} (id int primary key)")  # type: ignore[arg-type]
        owner.execute("select ledger.track_table(%s::regclass, deferred => true)", [f"t{number}"])
        if number % 3:
            pg.execute(
                "select ledger.register_event_type(%s, %s, schema_version => 2,"
                " compatibility => 'none')",
                [f"t{number}.created", '{"required": ["reason"]}'],
            )
    for key in range(100):
        owner.execute(f"insert into t{key * 7 % 12} values ({key})")  # type: ignore[arg-type]
    assert emit_captured(pg) == len([key for key in range(100) if key * 7 % 12 % 3 == 0])
    assert emit_captured(pg) == 0
    stuck = "select count(*) from ledger.capture_queue where error is not null"
    assert pg.execute(stuck).fetchone() == (8,)


def test_what_is_stuck_can_be_given_up(
    stuck: AnyConnection, pg: AnyConnection, refused: Refused
) -> None:
    emit_captured(pg)
    (number,) = (
        pg.execute("select id from ledger.capture_queue where error is not null").fetchone() or ()
    )
    discard = "select ledger.discard_captured(%s, %s)"
    refused(pg, "LG009", discard, [number, " "])
    refused(pg, "LG009", discard, [number - 1, "not stuck"])
    refused(pg, "LG009", discard, [0, "not there"])
    refused(stuck, "42501", discard, [number, "not mine"])
    pg.execute(discard, [number, "entered by mistake"])
    assert emit_captured(pg) == 1
    assert [key for _, key, _ in made(pg)] == ["1", "3"]
    ((tenant, payload),) = pg.execute(
        "select tenant_id, payload from ledger.events where event_type = 'ledger.capture_discarded'"
    ).fetchall()
    assert (tenant, payload["aggregate_ids"], payload["reason"]) == (
        "acme", ["2"], "entered by mistake",
    )  # fmt: skip
    assert payload["error"]["sqlstate"] == "LG003"
    forged = "select ledger.emit_event('ledger.capture_discarded', %s, 'acme')"
    refused(pg, "LG005", forged, [psycopg.types.json.Jsonb(payload)])


def test_very_many_rows_can_be_given_up(stock: AnyConnection, pg: AnyConnection) -> None:
    stock.execute("insert into stock select n, -1 from generate_series(1, 1001) as n")
    pg.execute(STRICT)
    assert emit_captured(pg) == 0
    pg.execute("select ledger.discard_captured(id, 'all wrong') from ledger.capture_queue")
    ((payload,),) = pg.execute(
        "select payload from ledger.events where event_type = 'ledger.capture_discarded'"
    ).fetchall()
    assert (len(payload["aggregate_ids"]), payload["aggregate_count"]) == (1000, 1001)


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


def test_at_once_again_mends_the_schema(stuck: AnyConnection, pg: AnyConnection) -> None:
    """Tracking a table registers its event types as they should be."""
    emit_captured(pg)
    stuck.execute("select ledger.track_table('stock')")
    stuck.execute("insert into stock values (4)")
    assert [key for _, key, _ in made(pg)] == ["1", "2", "3", "4"]


def test_untracked_with_changes_that_wait(stock: AnyConnection, pg: AnyConnection) -> None:
    stock.execute("insert into stock values (1)")
    stock.execute("select ledger.untrack_table('stock')")
    stock.execute("drop table stock")
    assert emit_captured(pg) == 1
    assert made(pg) == [("created", "1", 1)]


def test_maintain_makes_them(stock: AnyConnection, pg: AnyConnection) -> None:
    stock.execute("insert into stock values (1)")
    plan = "select array_agg(step) from ledger.maintenance_plan()"
    assert "emit captured" in (pg.execute(plan).fetchone() or ())[0]
    pg.execute("call ledger.maintain()")
    assert made(pg) == [("created", "1", 1)]
    assert "emit captured" not in (pg.execute(plan).fetchone() or ())[0]
    sealed = "select count(*) from ledger.log as l where l.event_type = 'stock.created'"
    assert pg.execute(sealed).fetchone() == (1,)


def test_what_waits_for_long_is_reported(stock: AnyConnection, pg: AnyConnection) -> None:
    stock.execute("insert into stock values (1)")
    assert findings(pg) == []
    forge(pg, "update ledger.capture_queue set captured_at = now() - interval '6 minutes'")
    assert findings(pg) == ["capture late"]
    lag = "select value from ledger.metrics(with_findings => false) where name = %s"
    assert (pg.execute(lag, ["capture_lag_seconds"]).fetchone() or (0,))[0] > 359
    since = "select now() - waiting_since > '5 minutes' from ledger.tracking_status"
    assert pg.execute(since).fetchone() == (True,)
    emit_captured(pg)
    assert pg.execute(lag, ["capture_lag_seconds"]).fetchone() == (0,)


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


@pytest.mark.parametrize("privileges", [["write", "read"], ["register"]])
def test_operators_of_every_tenant_make_events(
    stock: AnyConnection,
    connect: Connect,
    login_role: Callable[..., str],
    refused: Refused,
    privileges: list[str],
) -> None:
    stock.execute("insert into stock values (1)")
    refused(
        connect(user=login_role("other", {"*": privileges})), "42501",
        "select ledger.emit_captured()",
    )  # fmt: skip
    part = connect(user=login_role("part", {"acme": ["operate"]}))
    refused(part, "LG005", "select ledger.emit_captured()")
    assert emit_captured(connect(user=login_role("operator", {"*": ["operate"]}))) == 1
