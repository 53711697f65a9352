"""What is captured of a table: columns, keys, tenants, context; and what cannot be tracked."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from capture.folding import captured, emit_captured, fold, stored

AnyConnection = psycopg.Connection[Any]
Track = Callable[..., None]
Connect = Callable[..., AnyConnection]
Refused = Callable[..., psycopg.Error]

OFFER = "create table offer (id int primary key, name text, price numeric, secret_code text)"


@pytest.fixture
def offers(owner: AnyConnection, app: Connect, track: Track) -> AnyConnection:
    """A connection of the application; the table offer is tracked."""
    connection = app()
    owner.execute(OFFER)
    track("offer", masked=["secret_code"])
    return connection


def payloads(connection: AnyConnection, prefix: str = "offer") -> list[tuple[Any, ...]]:
    return [
        (event["kind"], event["key"], event.get("old"), event.get("new"))
        for event in captured(connection, prefix)
    ]


def test_old_and_new_of_what_changed(offers: AnyConnection, pg: AnyConnection) -> None:
    offers.execute("insert into offer values (1, 'a', 1.0, 'x'), (2, 'b', null, 'y')")
    offers.execute("update offer set price = 1.00 where id = 1")
    offers.execute("update offer set name = name")
    offers.execute("update offer set secret_code = 'z' where id = 2")
    offers.execute("delete from offer where id = 1")
    first = {"id": "1", "name": "a", "price": "1.0", "secret_code": "***"}
    second = {"id": "2", "name": "b", "price": None, "secret_code": "***"}
    assert payloads(pg) == [
        ("created", "1", None, first),
        ("created", "2", None, second),
        ("updated", "1", {"price": "1.0"}, {"price": "1.00"}),
        ("updated", "2", {"secret_code": "***"}, {"secret_code": "***"}),
        ("deleted", "1", {**first, "price": "1.00"}, None),
    ]


def test_the_reducer_of_the_page_gives_the_row(offers: AnyConnection, pg: AnyConnection) -> None:
    page = (Path(__file__).parents[2] / "docs" / "capture.md").read_text()
    (function,) = re.findall(r"^create schema app;.*?to ledger_sandbox;$", page, re.DOTALL | re.M)
    pg.execute(function)
    pg.execute("select ledger.register_reducer('offer', 'app.fold_row')")

    def states() -> list[Any]:
        query = """
            select s.state from generate_series(1, 3) as id
            cross join ledger.state_of('offer', id::text, tenant_id => 'acme') as s
        """
        emit_captured(pg)
        return [state for (state,) in pg.execute(query) if state]

    for statement in (
        "insert into offer values (1, 'a', 1.0, null), (2, 'b', 'NaN', null)",
        "update offer set name = null, price = 1.10 where id = 1",
        "update offer set id = 3 where id = 2",
        "delete from offer where id = 1",
        "insert into offer (id) values (1)",
    ):
        offers.execute(statement)
        table = 'select to_jsonb(o) || \'{"secret_code": "***"}\' from shop.offer as o order by id'
        assert states() == [row for (row,) in pg.execute(table)], statement


def test_nothing_remains_of_what_rolls_back(offers: AnyConnection, pg: AnyConnection) -> None:
    with offers.transaction(force_rollback=True):
        offers.execute("insert into offer values (1, 'a', 1, 'x')")
    assert payloads(pg) == []
    with offers.transaction():
        offers.execute("insert into offer values (1, 'a', 1, 'x')")
        with offers.transaction(force_rollback=True):
            offers.execute("update offer set name = 'b'")
        offers.execute("update offer set name = 'c'")
    assert [new for *_, new in payloads(pg)][1] == {"name": "c"}


def test_excluded_columns_never_appear(
    owner: AnyConnection, pg: AnyConnection, track: Track
) -> None:
    owner.execute(OFFER)
    track("offer", excluded=["name", "secret_code"])
    owner.execute("insert into offer values (1, 'hidden', 1, 'hidden')")
    owner.execute("update offer set name = 'hidden too'")
    owner.execute("update offer set name = 'hidden too', price = 2, id = 2")
    owner.execute("delete from offer")
    assert [kind for kind, *_ in payloads(pg)] == ["created", "deleted", "created", "deleted"]
    everything = pg.execute("select e::text from ledger.events as e").fetchall()
    assert "hidden" not in str(everything)


def test_keys_on_the_deny_list_are_masked(
    owner: AnyConnection, pg: AnyConnection, track: Track
) -> None:
    owner.execute("create table login (id int primary key, password text, settings jsonb)")
    track("login")
    settings = '{"api_key": "hunter2"}'
    owner.execute("insert into login values (1, 'hunter2', %s), (2, 'hunter2', '{}')", [settings])
    owner.execute("update login set password = 'hunter22' where id = 1")
    assert [kind for kind, *_ in payloads(pg, "login")] == ["created", "created", "updated"]
    assert "hunter2" not in str(pg.execute("select e::text from ledger.events as e").fetchall())


def test_a_key_of_several_columns(owner: AnyConnection, pg: AnyConnection, track: Track) -> None:
    owner.execute('create table "Odd Name" (a text, "b c" int, d int, primary key (a, "b c"))')
    track('"Odd Name"', event_prefix="odd.row", aggregate_type="odd")
    owner.execute("insert into \"Odd Name\" values ('1, 2', 3, 1), ('1', 2, 1)")
    owner.execute('update "Odd Name" set d = 2')
    assert [key for _, key, *_ in payloads(pg, "odd.row")] == ['["1", 2]', '["1, 2", 3]'] * 2
    rows = stored(owner, '"Odd Name"', 'jsonb_build_array(a, "b c")')
    assert fold(captured(pg, "odd.row")) == rows


def test_a_changed_key_ends_one_stream_and_begins_another(
    offers: AnyConnection, pg: AnyConnection
) -> None:
    offers.execute("insert into offer select n, 'n' || n from generate_series(1, 3) as n")
    offers.execute("update offer set id = 9 where id = 3")
    assert [row[:2] for row in payloads(pg)[3:]] == [("deleted", "3"), ("created", "9")]


def test_a_changed_key_among_changed_rows(
    owner: AnyConnection, pg: AnyConnection, track: Track
) -> None:
    """Of the rows that keep their keys, events show what changed and nothing else."""
    owner.execute("create table line (id int primary key, n int, note text)")
    track("line")
    owner.execute("insert into line values (1, 0, 'x'), (2, 0, 'y'), (3, 0, 'z')")
    owner.execute("update line set id = case id when 1 then 9 else id end, n = n + 1")
    assert sorted(payloads(pg, "line")[3:], key=lambda event: event[1]) == [
        ("deleted", "1", {"id": "1", "n": "0", "note": "x"}, None),
        ("updated", "2", {"n": "0"}, {"n": "1"}),
        ("updated", "3", {"n": "0"}, {"n": "1"}),
        ("created", "9", None, {"id": "9", "n": "1", "note": "x"}),
    ]


def test_keys_that_move_up(owner: AnyConnection, pg: AnyConnection, track: Track) -> None:
    owner.execute("create table place (id int primary key deferrable, name text)")
    track("place")
    owner.execute("insert into place select n, 'n' || n from generate_series(1, 5) as n")
    owner.execute("update place set id = id + 1")
    owner.execute("update place set id = 8 - id where id in (3, 5)")
    events = captured(pg, "place")
    assert [(event["kind"], event["key"]) for event in events[5:11]] == [
        ("deleted", "1"), ("updated", "2"), ("updated", "3"), ("updated", "4"), ("updated", "5"),
        ("created", "6"),
    ]  # fmt: skip
    assert fold(events) == stored(owner, "place", "id")


def test_tenants_of_rows(
    owner: AnyConnection,
    app: Connect,
    pg: AnyConnection,
    refused: Refused,
    track: Track,
) -> None:
    connection = app()
    owner.execute("create table item (id int primary key, org text not null, n int default 0)")
    track("item", tenant_column="org")
    pg.execute("select ledger.grant_access(%s, 'globex', '{write}')", [connection.info.user])
    connection.execute(
        "insert into item select n, (array['acme', 'globex'])[1 + n % 2]"
        " from generate_series(1, 4) as n"
    )
    connection.execute("update item set n = 1, org = 'globex' where id = 2")
    told = {
        tenant: [(event["kind"], event["key"]) for event in captured(pg, "item", tenant)]
        for tenant in ("acme", "globex")
    }
    assert told == {
        "acme": [("created", "2"), ("created", "4"), ("deleted", "2")],
        "globex": [("created", "1"), ("created", "3"), ("created", "2")],
    }
    refused(connection, "LG005", "update item set org = 'initech' where id = 1")
    refused(connection, "LG005", "insert into item values (8, 'acme'), (9, 'initech')")


@pytest.mark.parametrize(
    "statement",
    [
        "insert into item values (1, null)",
        "insert into item values (1, 'acme'), (2, null)",
        "update item set org = null where id = 8",
        "update item set org = null",
        "update item set n = 1 where id = 7",
        "delete from item where id = 7",
    ],
)
@pytest.mark.parametrize("key", ["id", "id,n"])
def test_a_row_without_a_tenant_goes_to_nobody(
    owner: AnyConnection,
    pg: AnyConnection,
    refused: Refused,
    key: str,
    statement: str,
    track: Track,
) -> None:
    """Not to the tenant of the session's context."""
    owner.execute(
        f"create table item (id int, org text, n int default 0, primary key ({key}));"  # type: ignore[arg-type]
        "insert into item values (7)"
    )
    track("item", tenant_column="org")
    owner.execute("insert into item values (8, 'acme'), (9, 'acme')")
    assert "or null" in str(refused(owner, "LG009", statement))
    assert len(captured(pg, "item")) == 2


def test_a_key_with_a_part_that_is_null(
    owner: AnyConnection, refused: Refused, track: Track
) -> None:
    owner.execute("create table item (id int not null, n int not null, unique (id, n))")
    track("item", key_columns=["id", "n"])
    owner.execute("alter table item alter id drop not null")
    for statement in (
        "insert into item values (null, 1)",
        "insert into item values (null, 1), (2, 2)",
    ):
        refused(owner, "LG009", statement)


@pytest.mark.parametrize("count", [1, 3])
def test_context(offers: AnyConnection, pg: AnyConnection, count: int) -> None:
    trace, correlation, cause = uuid4(), uuid4(), uuid4()
    with offers.transaction():
        (run,) = offers.execute("select ledger.start_run('importer')").fetchone() or ()
        offers.execute(
            "select ledger.set_context(trace_id => %s, correlation_id => %s, causation_id => %s,"
            " actor_type => 'user', actor_id => 'ann')",
            [trace, correlation, cause],
        )
        offers.execute("insert into offer select n from generate_series(1, %s) as n", [count])
    emit_captured(pg)
    rows = pg.execute(
        "select distinct run_id, trace_id, correlation_id, causation_id, actor_type, actor_id"
        " from ledger.events where event_type = 'offer.created'"
    ).fetchall()
    assert rows == [(run, trace, correlation, cause, "user", "ann")]


@pytest.mark.parametrize("count", [1, 3])
def test_a_cause_without_correlation(offers: AnyConnection, pg: AnyConnection, count: int) -> None:
    """As with emit_event: the correlation is the cause's."""
    offers.execute("insert into offer values (0)")
    emit_captured(pg)
    cause, correlation = pg.execute("select id, correlation_id from ledger.events").fetchone() or ()
    with offers.transaction():
        offers.execute("select ledger.set_context(causation_id => %s)", [cause])
        offers.execute("insert into offer select n from generate_series(1, %s) as n", [count])
    emit_captured(pg)
    caused = "select distinct correlation_id from ledger.events where causation_id = %s"
    assert pg.execute(caused, [cause]).fetchall() == [(correlation,)]


@pytest.mark.parametrize("is_superuser", [False, True])
@pytest.mark.parametrize("count", [1, 3])
def test_published_or_not(
    owner: AnyConnection,
    pg: AnyConnection,
    count: int,
    is_superuser: bool,
    track: Track,
) -> None:
    owner.execute(OFFER)
    pg.execute("set search_path = shop; set ledger.tenant_id = 'acme'")
    writer = pg if is_superuser else owner
    insert = "insert into offer select n + %s from generate_series(1, %s) as n"
    for number, (publish, messages) in enumerate([(None, count), (False, 0), (True, count)]):
        track("offer", publish=publish)
        before = pg.execute("select count(*) from ledger.outbox").fetchone() or ()
        writer.execute(insert, [10 * number, count])
        emit_captured(pg)
        after = pg.execute("select count(*) from ledger.outbox").fetchone() or ()
        assert after[0] - before[0] == messages


def test_untracked_again(owner: AnyConnection, pg: AnyConnection, track: Track) -> None:
    owner.execute(OFFER)
    track("offer")
    owner.execute("select ledger.untrack_table('offer')")
    owner.execute("insert into offer values (1)")
    owner.execute("truncate offer")
    assert payloads(pg) == []
    assert pg.execute("select * from ledger.tracking_status").fetchall() == []


def test_truncate_is_refused(offers: AnyConnection, refused: Refused) -> None:
    error = refused(offers, "LG009", "truncate offer")
    assert "untrack_table" in str(error.diag.message_hint)


def test_columns_that_come_and_go(
    owner: AnyConnection, offers: AnyConnection, pg: AnyConnection
) -> None:
    """In sessions whose plans were made before."""
    for statement in ("insert into offer values (%s)", "update offer set price = 1 where id = %s"):
        offers.execute(statement, [0], prepare=True)
    owner.execute("alter table offer add column tags text[] default '{a}'")
    offers.execute("insert into offer values (1)")
    owner.execute("alter table offer drop column secret_code, drop column name")
    offers.execute("insert into offer (id, price) values (2, 5), (3, 6)")
    owner.execute("alter table offer rename column price to amount")
    owner.execute("alter table offer alter column amount type text")
    offers.execute("update offer set amount = 'much', tags = null where id > 1")
    offers.execute("delete from offer where id = 2")
    assert payloads(pg)[-3:] == [
        ("updated", "2", {"amount": "5", "tags": ["a"]}, {"amount": "much", "tags": None}),
        ("updated", "3", {"amount": "6", "tags": ["a"]}, {"amount": "much", "tags": None}),
        ("deleted", "2", {"id": "2", "amount": "much", "tags": None}, None),
    ]


def test_a_key_that_is_gone(
    owner: AnyConnection,
    offers: AnyConnection,
    pg: AnyConnection,
    refused: Refused,
    track: Track,
) -> None:
    owner.execute("alter table offer rename column id to number")
    for statement in ("insert into offer values (1)", "insert into offer values (1), (2)"):
        assert "track_table" in str(refused(offers, "LG009", statement).diag.message_hint)
    track("offer")
    offers.execute("insert into offer values (1)")
    assert [key for _, key, *_ in payloads(pg)] == ["1"]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ("'nokey'", "no primary key"),
        ("'offer', key_columns => '{name}'", "unique index"),
        ("'offer', key_columns => '{nosuch}'", "no column nosuch"),
        ("'offer', excluded => '{id}'", "neither excluded nor masked"),
        ("'offer', masked => '{nosuch}'", "no column nosuch"),
        ("'offer', 'Offer'", "lower-case words"),
        ("'offer', 'ledger'", "the ledger's own"),
        ("'offer', 'deal'", "deal.created is registered"),
        ("'offer', 'taken'", "tracked with that event_prefix"),
        ("'child'", "inherits"),
        ("'parent'", "inherits"),
        ("'part'", "it is a partition"),
        ("'names'", "no table of yours"),
        ("'ledger.agent_events'", "no table of yours"),
    ],
)
def test_what_cannot_be_tracked(
    owner: AnyConnection, refused: Refused, arguments: str, reason: str
) -> None:
    owner.execute(OFFER)
    owner.execute(
        "create table nokey (n int); create view names as select name from offer;"
        "create table parent (id int primary key); create table child () inherits (parent);"
        "create table whole (id int primary key) partition by list (id);"
        "create table part partition of whole for values in (1);"
        "create table other (id int primary key); select ledger.track_table('other', 'taken')"
    )
    error = refused(owner, "LG009", f"select ledger.track_table({arguments})")
    assert reason in str(error)


def test_who_may_track(
    owner: AnyConnection, app: Connect, login_role: Callable[..., str], connect: Connect,
    refused: Refused,
) -> None:  # fmt: skip
    connection = app()
    owner.execute(OFFER)
    refused(connection, "42501", "select ledger.track_table('offer')")
    other = connect(user=login_role("other", {"acme": ["register"]}))
    error = refused(other, "42501", "select ledger.track_table('shop.offer')")
    assert "schema shop" in str(error) or "own" in str(error)
    owner.execute(
        f"grant usage on schema shop to {other.info.user}"  # type: ignore[arg-type]
    )
    assert "does not own" in str(refused(other, "42501", "select ledger.track_table('shop.offer')"))
    refused(other, "42501", "select ledger.record_tracking('shop.offer', null)")


def test_who_writes_needs_the_tenant_and_nothing_else(
    owner: AnyConnection, connect: Connect, login_role: Callable[..., str], pg: AnyConnection,
    refused: Refused, track: Track,
) -> None:  # fmt: skip
    owner.execute(OFFER)
    track("offer")
    stranger = connect(user=login_role("stranger"), options="-c search_path=shop")
    owner.execute(
        f"grant usage on schema shop to {stranger.info.user};"  # type: ignore[arg-type]
        f"grant all on offer to {stranger.info.user}"
    )
    for insert in ("insert into offer values (1)", "insert into offer values (1), (2)"):
        error = refused(stranger, "LG005", insert)
        assert "grant_access" in str(error.diag.message_hint)
    pg.execute("select ledger.grant_access(%s, 'default', '{write}')", [stranger.info.user])
    stranger.execute("insert into offer values (1)")
    assert len(captured(pg, "offer", "default")) == 1
