"""Reducers: what may be one, what they are given, and what becomes of one that fails."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb
from state.streams import AnyConnection, emit, maintain, snapshots, state_of

Connect = Callable[..., AnyConnection]
Refused = Callable[..., psycopg.Error]

REGISTER = "select ledger.register_reducer(%s, %s, %s)"
COUNT = """
    create function app.count_events(state jsonb, event ledger.events) returns jsonb
    language plpgsql immutable as $$
    begin
      return jsonb_set(state, '{n}', to_jsonb((state ->> 'n')::int + 1));
    end
    $$
"""
DIVIDE = """
    create or replace function app.divide(state jsonb, event ledger.events) returns jsonb
    language sql immutable
    return jsonb_build_object('x', 100 / ((event).payload ->> 'by')::int)
"""
SIGNATURE = "(state jsonb, event ledger.events) returns jsonb"
PURE = f"create function app.f{SIGNATURE} immutable return %s"
PLPGSQL = f"create function app.f{SIGNATURE} language plpgsql immutable as $$ begin %s end $$"


def doctor(connection: AnyConnection) -> list[tuple[str, str, str]]:
    """What doctor() says of snapshots and reducers."""
    rows = connection.execute("select severity, kind, detail from ledger.check_snapshots()")
    return rows.fetchall()


def test_a_reducer_of_ones_own(app: AnyConnection) -> None:
    app.execute(COUNT)
    app.execute(REGISTER, ["deal", "app.count_events", Jsonb({"n": 0})])
    emit(app, [{"a": 1}] * 5)
    emit(app, [{"a": 1}], aggregate_type="post")
    assert state_of(app) == {"n": 5}
    query = "select state from ledger.state_of('post', '42')"
    assert app.execute(query).fetchone() == ({"a": 1},)
    assert app.execute("select ledger.drop_reducer('deal')").fetchone() == (True,)
    assert app.execute("select ledger.drop_reducer('deal')").fetchone() == (False,)
    assert state_of(app) == {"a": 1}


def test_the_reducer_of_every_type(app: AnyConnection) -> None:
    app.execute(COUNT)
    app.execute(REGISTER, ["*", "app.count_events(jsonb, ledger.events)", Jsonb({"n": 0})])
    emit(app, [{"a": 1}] * 2)
    assert state_of(app) == {"n": 2}
    app.execute(REGISTER, ["deal", "ledger.merge_event", Jsonb({})])
    assert state_of(app) == {"a": 1}


@pytest.mark.parametrize(
    ("function", "problem"),
    [
        (f"create function app.f{SIGNATURE} stable return state", "not declared IMMUTABLE"),
        (f"create function app.f{SIGNATURE} immutable security definer return state", "DEFINER"),
        ("create function app.f(jsonb, jsonb) returns jsonb immutable return $1", "no function"),
        (
            "create function app.f(jsonb, ledger.events) returns text immutable return '1'",
            "and not jsonb",
        ),
        (PURE % "to_jsonb(now())", "now()"),
        (PURE % "to_jsonb(random())", "random()"),
        (
            PURE % "to_jsonb(current_user)",
            "CURRENT_USER",
        ),
        (
            PURE % "(select to_jsonb(count(*)) from app.secret)",
            "app.secret",
        ),
        (PLPGSQL % "return (select to_jsonb(count(*)) from app.secret);", "42501"),
        (PLPGSQL % "insert into app.open values (1); return state;", "0A000"),
        (PLPGSQL % "return to_jsonb(random());", "two results"),
        (
            PURE % "state; revoke execute on function app.f from public",
            "ledger_sandbox",
        ),
    ],
)
def test_what_is_not_pure_is_refused(
    app: AnyConnection, refused: Refused, function: str, problem: str
) -> None:
    app.execute("create table app.secret (n int); create table app.open (n int)")
    app.execute("grant all on app.open to public")
    app.execute(function)  # type: ignore[arg-type]
    error = refused(app, "LG009", REGISTER, ["deal", "app.f", Jsonb({})])
    assert problem in f"{error.diag.message_primary} {error.diag.message_detail}"


def test_it_reads_and_writes_nothing_later_either(app: AnyConnection, refused: Refused) -> None:
    """One that was replaced after it was registered, or that hides what it does."""
    app.execute("create table app.secret (n int)")
    app.execute(PLPGSQL % "return state;")  # type: ignore[arg-type]
    app.execute(REGISTER, ["deal", "app.f", Jsonb({})])
    emit(app, [{"a": 1}])
    for body, detail in (
        ("insert into app.secret values (1); return state;", "0A000"),
        ("return (select to_jsonb(count(*)) from app.secret);", "42501"),
        ("return to_jsonb((select count(*) from ledger.events));", "42501"),
        ("return to_jsonb(ledger.emit_event('run.paused'));", "42501"),
    ):
        app.execute((PLPGSQL % body).replace("create", "create or replace", 1))  # type: ignore[arg-type]
        error = refused(app, "LG015", "select * from ledger.state_of('deal', '42')")
        assert str(error.diag.message_detail).startswith(detail)
    assert [kind for _, kind, _ in doctor(app)] == ["reducer changed"]
    app.execute("drop function app.f")
    refused(app, "LG009", "select * from ledger.state_of('deal', '42')")
    assert [kind for _, kind, _ in doctor(app)] == ["reducer missing"]


def test_it_leaves_nothing_behind(app: AnyConnection, refused: Refused) -> None:
    """Through a function that may write: neither settings nor what ledger_sandbox owns change."""
    app.execute(PLPGSQL % "return state;")  # type: ignore[arg-type]
    app.execute(REGISTER, ["deal", "app.f", Jsonb({})])
    emit(app, [{"a": 1}])
    app.execute(
        "create function app.evil(command text) returns jsonb language plpgsql as"
        " $$ begin execute command; return '{}'; end $$"
    )
    attempt = (PLPGSQL % "return app.evil(%s);").replace("create", "create or replace", 1)
    for command in (
        "drop function ledger.refuse_fold",
        "alter function ledger.fold_events security invoker",
        "create temp table mine (n int)",
        "set transaction_read_only = off",
        "set role ledger_owner",
    ):
        app.execute(attempt % f"'{command}'")  # type: ignore[arg-type]
        refused(app, "LG015", "select * from ledger.state_of('deal', '42')")
    app.execute(attempt % "'set ledger.tenant_id = globex'")  # type: ignore[arg-type]
    assert state_of(app) == {}
    assert app.execute("show ledger.tenant_id").fetchone() == ("acme",)
    assert app.execute("show transaction_read_only").fetchone() == ("off",)


@pytest.mark.parametrize(
    "after",
    [
        "",
        "raise 'it fails';",
        "raise 'as if canceled' using errcode = 'query_canceled';",
        "assert false;",
    ],
)
@pytest.mark.parametrize("name", ["_pg3_0", "later", "prepare", "all"])
def test_it_prepares_nothing_for_its_caller(
    app: AnyConnection, refused: Refused, name: str, after: str
) -> None:
    """A prepared statement survives a rollback; the caller's driver would execute it."""
    app.execute(PLPGSQL % "return state;")  # type: ignore[arg-type]
    app.execute(REGISTER, ["deal", "app.f", Jsonb({})])
    emit(app, [{"a": 1}])
    app.execute("select 'the driver''s'", prepare=True)
    app.execute("prepare mine as select 1")
    app.execute(
        "create function app.evil() returns void language plpgsql as $$ begin"
        "  if exists (select from pg_prepared_statements where name = '_pg3_0') then"
        "    deallocate _pg3_0;"
        "  end if;"
        f"  prepare \"{name}\" as select 'the attacker''s'; {after} end $$"
    )
    evil = "perform app.evil(); return state;"
    app.execute((PLPGSQL % evil).replace("create", "create or replace", 1))  # type: ignore[arg-type]
    error = refused(app, "LG009", "select * from ledger.state_of('deal', '42')")
    assert error.diag.message_primary == "app.f prepared a statement for its caller"
    query = "select name from pg_prepared_statements where from_sql"
    assert app.execute(query, prepare=False).fetchall() == [("mine",)]
    with pytest.raises(psycopg.errors.InvalidSqlStatementName):
        app.execute("select 'the driver''s'", prepare=True)


@pytest.mark.parametrize(
    "command",
    [
        "listen other",
        "unlisten *",
        "notify mine",
        "declare other cursor with hold for select 1",
        "discard temp",
        "insert into pg_temp.kept values (2)",
    ],
)
def test_its_caller_s_session_stays_as_it_is(app: AnyConnection, command: str) -> None:
    app.execute(PLPGSQL % "return state;")  # type: ignore[arg-type]
    app.execute(REGISTER, ["deal", "app.f", Jsonb({})])
    emit(app, [{"a": 1}])
    app.execute("listen mine; create temp table kept as select 1 as n; grant all on kept to public")
    app.execute(
        "create function app.evil() returns void language plpgsql as"
        f" $$ begin execute '{command}'; end $$"
    )
    evil = "perform app.evil(); return state;"
    app.execute((PLPGSQL % evil).replace("create", "create or replace", 1))  # type: ignore[arg-type]
    assert state_of(app) == {}
    session = """
        select
          (select array_agg(c) from pg_listening_channels() as c),
          (select array_agg(n) from kept),
          (select count(*) from pg_cursors where name = 'other')
    """
    assert app.execute(session).fetchone() == (["mine"], [1], 0)
    assert list(app.notifies(timeout=0)) == []


def test_what_is_left_to_it(app: AnyConnection) -> None:
    """As docs/security.md says: these outlive the rollback."""
    app.execute(PLPGSQL % "return state;")  # type: ignore[arg-type]
    app.execute(REGISTER, ["deal", "app.f", Jsonb({})])
    emit(app, [{"a": 1}])
    app.execute("prepare mine as select 1")
    app.execute(
        "create function app.evil() returns void language plpgsql as $$ begin deallocate mine;"
        " execute 'fetch rows'; perform pg_advisory_unlock_all(), pg_advisory_lock(2); end $$"
    )
    evil = "perform app.evil(); return state;"
    app.execute((PLPGSQL % evil).replace("create", "create or replace", 1))  # type: ignore[arg-type]
    app.execute("select pg_advisory_lock(1)")
    with app.transaction():
        app.execute("declare rows cursor for select generate_series(1, 3)")
        state_of(app)
        assert app.execute("fetch rows").fetchone() == (2,)
    locks = "select objid from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()"
    assert app.execute(locks).fetchall() == [(2,)]
    prepared = "select count(*) from pg_prepared_statements where name = 'mine'"
    assert app.execute(prepared).fetchone() == (0,)


def test_a_cancellation_stays_one(app: AnyConnection, refused: Refused) -> None:
    app.execute(PLPGSQL % "return state;")  # type: ignore[arg-type]
    app.execute(REGISTER, ["deal", "app.f", Jsonb({})])
    emit(app, [{"a": 1}])
    slow = "perform pg_sleep(60); return state;"
    app.execute((PLPGSQL % slow).replace("create", "create or replace", 1))  # type: ignore[arg-type]
    app.execute("set statement_timeout = '200ms'")
    refused(app, "57014", "select * from ledger.state_of('deal', '42')")


def test_one_that_throws_names_the_event(app: AnyConnection, refused: Refused) -> None:
    app.execute(DIVIDE)
    app.execute(REGISTER, ["deal", "app.divide", Jsonb({})])
    receipts = emit(app, [{"by": 1}] * 700 + [{"by": 0}] + [{"by": 2}] * 10)
    error = refused(app, "LG015", "select * from ledger.state_of('deal', '42')")
    message = str(error.diag.message_primary)
    assert str(receipts[700][0]) in message
    assert "app.divide" in message
    assert "deal/42 sequence 701" in message
    assert error.diag.message_detail == "22012: division by zero"
    assert state_of(app, at_sequence=700) == {"x": 100}


def test_null_is_no_state(app: AnyConnection, refused: Refused) -> None:
    app.execute(DIVIDE)
    app.execute(REGISTER, ["deal", "app.divide", Jsonb({})])
    app.execute(
        DIVIDE.replace("return jsonb", "return case when state ? 'x' then null else jsonb") + " end"
    )
    emit(app, [{"by": 1}] * 3)
    error = refused(app, "LG015", "select * from ledger.state_of('deal', '42')")
    assert "sequence 2" in str(error.diag.message_primary)
    assert str(error.diag.message_detail).endswith(": it returned NULL")


def test_a_failing_aggregate_does_not_stop_the_others(app: AnyConnection) -> None:
    app.execute(DIVIDE)
    app.execute(REGISTER, ["deal", "app.divide", Jsonb({})])
    bad = emit(app, [{"by": 1}] * 2500 + [{"by": 0}] + [{"by": 1}] * 1000, "bad")
    emit(app, [{"by": 2}] * 3000, "good")
    maintain(app)
    assert snapshots(app, "bad") == [1000, 2000]
    assert snapshots(app, "good") == [1000, 2000, 3000]
    ((severity, kind, detail),) = doctor(app)
    assert (severity, kind) == ("warning", "reducer failed")
    assert str(bad[2500][0]) in detail


def test_an_assertion_fails_only_its_aggregate(app: AnyConnection, refused: Refused) -> None:
    """PL/pgSQL's WHEN OTHERS passes ASSERT_FAILURE over."""
    body = "assert (event).aggregate_id <> 'bad', 'bad'; return state;"
    app.execute(PLPGSQL % body)  # type: ignore[arg-type]
    app.execute(REGISTER, ["deal", "app.f", Jsonb({})])
    emit(app, [{"a": 1}] * 1000, "bad")
    emit(app, [{"a": 1}] * 1000, "good")
    maintain(app)
    assert snapshots(app, "good") == [1000]
    assert [kind for _, kind, _ in doctor(app)] == ["reducer failed"]
    error = refused(app, "LG015", "select * from ledger.state_of('deal', 'bad')")
    assert error.diag.message_detail == "P0004: bad"


def test_it_is_tried_again_when_the_reducer_changed(app: AnyConnection) -> None:
    app.execute(DIVIDE)
    app.execute(REGISTER, ["deal", "app.divide", Jsonb({})])
    emit(app, [{"by": 1}] * 1500 + [{"by": 0}] + [{"by": 1}] * 1000)
    maintain(app)
    assert snapshots(app) == [1000]
    maintain(app)
    assert app.execute("select count(*) from ledger.snapshot_failures").fetchone() == (1,)
    app.execute(DIVIDE.replace("100 / ", "100 / greatest(1, ").replace("::int)", "::int))"))
    maintain(app)
    assert snapshots(app) == [1000, 2000]
    assert app.execute("select count(*) from ledger.snapshot_failures").fetchone() == (0,)
    assert state_of(app) == {"x": 100}
    assert [kind for _, kind, _ in doctor(app)] == ["reducer changed"]
    app.execute(REGISTER, ["deal", "app.divide", Jsonb({})])
    assert doctor(app) == []


def test_who_may_register(
    app: AnyConnection, connect: Connect, login_role: Callable[..., str], refused: Refused
) -> None:
    app.execute(COUNT)
    registrar = connect(user=login_role("registrar", {"*": ["register"]}))
    registrar.execute(REGISTER, ["deal", "app.count_events", Jsonb({"n": 0})])
    row: Any = registrar.execute("select reducer, registered_by from ledger.reducers").fetchone()
    assert row == ("app.count_events(jsonb, ledger.events)", registrar.info.user)
    # A reducer changes what every tenant reads.
    registrar = connect(user=login_role("registrar", {"acme": ["read", "register"]}))
    refused(registrar, "LG005", REGISTER, ["deal", "app.count_events", Jsonb({"n": 0})])
    refused(registrar, "LG005", "select ledger.drop_reducer('deal')")
    reader = connect(user=login_role("reader", {"acme": ["read"]}))
    refused(reader, "42501", REGISTER, ["deal", "app.count_events", Jsonb({"n": 0})])
    refused(reader, "42501", "select ledger.drop_reducer('deal')")
    refused(reader, "42501", "delete from ledger.reducers")


def test_readers_fold_with_their_own_rights(
    app: AnyConnection, connect: Connect, login_role: Callable[..., str], refused: Refused
) -> None:
    app.execute(COUNT)
    app.execute(REGISTER, ["deal", "app.count_events", Jsonb({"n": 0})])
    emit(app, [{"a": 1}] * 1500)
    maintain(app)
    reader = connect(user=login_role("reader", {"acme": ["read"]}))
    reader.execute("set ledger.tenant_id = 'acme'")
    assert state_of(reader) == {"n": 1500}
    query = "select * from ledger.state_of('deal', '42', tenant_id => 'globex')"
    refused(reader, "LG005", query)
    other = connect(user=login_role("other", {"globex": ["read"]}))
    assert other.execute("select count(*) from ledger.snapshots").fetchone() == (0,)
    refused(other, "LG005", query.replace("globex", "acme"))


@pytest.mark.parametrize("name", ["pg_catalog.jsonb_concat", "app.f; select 1", "nothing", ""])
def test_only_a_reducer_is_called(app: AnyConnection, refused: Refused, name: str) -> None:
    emit(app, [{"a": 1}])
    app.execute("select ledger.seal('acme')")
    refused(app, "LG009", "select * from ledger.replay_log(%s)", [name])
    refused(app, "LG009", "select * from ledger.fold_events(%s, '{}', '{}')", [name])
