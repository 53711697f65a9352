"""Upcasters: what may be registered, what they make of old events, and what they cannot do."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from problems import problems

Connection = psycopg.Connection[Any]
Refused = Callable[..., psycopg.Error]

V1 = {"required": ["name"], "properties": {"name": {"type": "string"}}, "examples": [{"name": "x"}]}
V2 = {"required": ["title"], "properties": {"title": {"type": "string"}}}
V3 = {
    "required": ["title", "words"],
    "properties": {"title": {"type": "string"}, "words": {"type": "integer"}},
}
LIFT = {
    1: "select jsonb_build_object('title', payload -> 'name')",
    2: "select payload || jsonb_build_object("
    "'words', cardinality(string_to_array(payload ->> 'title', ' ')))",
}
RAW = [(1, {"name": "a b c"}), (2, {"title": "d e"}), (3, {"title": "f", "words": 1})]
LATEST = [
    (3, {"title": "a b c", "words": 3}),
    (3, {"title": "d e", "words": 2}),
    (3, {"title": "f", "words": 1}),
]


def define(
    pg: Connection, name: str, body: str, options: str = "immutable", result: str = "jsonb"
) -> None:
    pg.execute(
        f"create or replace function app.{name}(payload jsonb) returns {result} "
        f"language {'plpgsql' if 'begin' in body else 'sql'} {options} as $f$ {body} $f$"
    )


def register(pg: Connection, from_version: int, upcaster: str, **arguments: object) -> bool:
    names = "".join(f", {name} => %({name})s" for name in arguments)
    row = pg.execute(
        f"select ledger.register_upcaster('test.made', %(version)s, %(upcaster)s{names})",
        {"version": from_version, "upcaster": upcaster, **arguments},
    ).fetchone()
    assert row is not None
    return bool(row[0])


def first_event(pg: Connection) -> str:
    row = pg.execute("select min(id::text) from ledger.events").fetchone()
    assert row is not None
    return str(row[0])


@pytest.fixture
def three(pg: Connection) -> Connection:
    """Three versions of test.made with an event each, of one stream; app.lift_1, app.lift_2."""
    pg.execute("create schema app; grant usage on schema app to ledger_sandbox")
    for version, schema in enumerate([V1, V2, V3], 1):
        pg.execute(
            "select ledger.register_event_type('test.made', %s, compatibility => 'none')",
            [json.dumps(schema)],
        )
        pg.execute(
            "select ledger.emit_event('test.made', %s, aggregate_type => 'thing',"
            " aggregate_id => '1')",
            [json.dumps(RAW[version - 1][1])],
        )
    pg.execute("select ledger.seal()")
    for version, body in LIFT.items():
        define(pg, f"lift_{version}", body)
    return pg


@pytest.fixture
def chained(three: Connection) -> Connection:
    assert register(three, 1, "app.lift_1")
    assert register(three, 2, "app.lift_2(jsonb)")
    return three


READERS = {
    "read_stream": "ledger.read_stream('thing', '1', upcast => %s)",
    "find_events": "ledger.find_events(event_types => '{test.made}', newest_first => false,"
    " upcast => %s)",
    "find_events of a stream": "ledger.find_events(aggregate_type => 'thing', aggregate_id => '1',"
    " newest_first => false, upcast => %s)",
    "read_log": "ledger.read_log(upcast => %s)",
    "get_event": "(select id as i from ledger.events where event_type = 'test.made' order by id) as"
    " l, ledger.get_event(l.i, upcast => %s)",
}


def read(pg: Connection, source: str, upcast: bool | None) -> list[tuple[int, Any]]:
    return pg.execute(f"select schema_version, payload from {source}", [upcast]).fetchall()


@pytest.mark.parametrize("reader", READERS)
def test_three_versions_read_back_as_latest_and_raw_by_default(
    chained: Connection, reader: str
) -> None:
    assert read(chained, READERS[reader], True) == LATEST
    assert read(chained, READERS[reader], False) == RAW
    assert read(chained, READERS[reader], None) == RAW
    default = READERS[reader].replace(", upcast => %s", "").replace("upcast => %s", "")
    assert chained.execute(f"select schema_version, payload from {default}").fetchall() == RAW


def test_nothing_but_payload_and_version_changes(chained: Connection) -> None:
    query = "select to_jsonb(e) - 'payload' - 'schema_version' from {} as e"
    for source in ("ledger.read_stream('thing', '1'{})", "ledger.read_log({})"):
        comma = ", " if "stream" in source else ""
        raw = chained.execute(query.format(source.format(""))).fetchall()
        upcast = chained.execute(query.format(source.format(f"{comma}upcast => true"))).fetchall()
        assert raw == upcast


def test_missing_link_stops_at_the_highest_version_reached(three: Connection) -> None:
    register(three, 1, "app.lift_1")
    assert read(three, READERS["read_stream"], True) == [(2, {"title": "a b c"}), *RAW[1:]]
    register(three, 2, "app.lift_2")
    three.execute("select ledger.drop_upcaster('test.made', 1)")
    assert read(three, READERS["read_stream"], True) == [RAW[0], *LATEST[1:]]


def test_upcast_payload_lifts_what_is_in_no_event(chained: Connection) -> None:
    row = chained.execute(
        "select * from ledger.upcast_payload('test.made', 1, '{\"name\": \"x\"}')"
    )
    assert row.fetchall() == [(3, {"title": "x", "words": 1})]
    row = chained.execute("select * from ledger.upcast_payload('no.such', 1, '{}')")
    assert row.fetchall() == [(1, {})]


def test_writing_goes_on_after_an_upcast_in_the_same_transaction(chained: Connection) -> None:
    with chained.transaction():
        read(chained, READERS["read_stream"], True)
        chained.execute('select ledger.emit_event(\'test.made\', \'{"title": "g", "words": 1}\')')
        assert chained.execute("show transaction_read_only").fetchone() == ("off",)
    assert chained.execute("select count(*) from ledger.events").fetchone() == (4,)


def test_readers_without_usage_of_the_schema_read(
    chained: Connection,  # noqa: ARG001
    connect: Callable[..., Connection],
    login_role: Callable[..., str],
) -> None:
    reader = connect(user=login_role("reader", {"default": ["read"]}))
    for source in READERS.values():
        assert read(reader, source, True) == LATEST


# Registering.


def test_same_again_changes_nothing_and_another_needs_replace(
    chained: Connection, refused: Refused
) -> None:
    table = "select * from ledger.upcasters order by from_version"
    before = chained.execute(table).fetchall()
    assert not register(chained, 1, "app.lift_1")
    assert chained.execute(table).fetchall() == before
    define(chained, "other", LIFT[1])
    error = refused(chained, "LG011", lambda pg: register(pg, 1, "app.other"))
    assert "has the upcaster app.lift_1(jsonb)" in str(error)
    assert register(chained, 1, "app.other", replace=True)
    assert [row[2] for row in chained.execute(table)] == ["app.other(jsonb)", "app.lift_2(jsonb)"]


def test_versions_must_exist(three: Connection, refused: Refused) -> None:
    for version in (0, 3, 4):
        refused(three, "LG002", lambda pg, v=version: register(pg, v, "app.lift_1"))
    unknown = "select ledger.register_upcaster('no.such', 1, 'app.lift_1')"
    refused(three, "LG002", unknown)
    refused(three, "LG009", unknown.replace("1,", "null,").replace("no.such", "test.made"))


@pytest.mark.parametrize(
    ("name", "body", "options", "result", "problem"),
    [
        ("stable", "select payload", "stable", "jsonb", "is not declared IMMUTABLE"),
        ("volatile", "select payload", "", "jsonb", "is not declared IMMUTABLE"),
        ("definer", "select payload", "immutable security definer", "jsonb", "SECURITY DEFINER"),
        ("text", "select payload::text", "immutable", "text", "returns text and not jsonb"),
        ("rows", "select payload", "immutable", "setof jsonb", "is no plain function"),
    ],
)
def test_impure_function_is_refused(
    three: Connection,
    refused: Refused,
    name: str,
    body: str,
    options: str,
    result: str,
    problem: str,
) -> None:
    define(three, name, body, options, result)
    error = refused(three, "LG009", lambda pg: register(pg, 1, f"app.{name}"))
    assert problem in str(error.diag.message_primary)
    assert "(jsonb) returns jsonb immutable" in str(error.diag.message_hint)


@pytest.mark.parametrize("name", ["app.none", "app.lift_1(text)(", "lift_1", "", "a b", None])
def test_function_that_is_not_there_is_refused(
    three: Connection, refused: Refused, name: str | None
) -> None:
    three.execute("drop function app.lift_1(jsonb)")
    three.execute("create function app.lift_1(text) returns jsonb immutable return null::jsonb")
    refused(three, "LG009", lambda pg: register(pg, 1, name))  # type: ignore[arg-type]


def test_function_that_the_sandbox_may_not_execute_is_refused(
    three: Connection, refused: Refused
) -> None:
    three.execute("revoke usage on schema app from ledger_sandbox")
    three.execute("revoke execute on function app.lift_1(jsonb) from public")
    for grant in range(2):
        error = refused(three, "LG009", lambda pg: register(pg, 1, "app.lift_1"))
        three.execute(str(error.diag.message_hint).split("; ")[grant + 1])
    assert register(three, 1, "app.lift_1")


def test_what_the_next_version_refuses_is_refused_with_event_and_pointer(
    three: Connection, refused: Refused
) -> None:
    define(three, "wrong", "select jsonb_build_object('title', 5)")
    error = refused(three, "LG011", lambda pg: register(pg, 1, "app.wrong"))
    assert error.diag.message_detail == "example 1: /title: must be string, is number"
    select = (
        "select case payload ->> 'name' when 'x' then '{\"title\": \"x\"}'::jsonb else '{}' end"
    )
    define(three, "wrong", select)
    error = refused(three, "LG011", lambda pg: register(pg, 1, "app.wrong"))
    reason = f"event {first_event(three)}: /title: is required but missing"
    assert error.diag.message_detail == reason


def test_events_are_tried_of_the_tenants_that_the_registrar_may_read(
    three: Connection,
    connect: Callable[..., Connection],
    login_role: Callable[..., str],
    refused: Refused,
) -> None:
    three.execute(
        "select ledger.emit_event('test.made', '{\"name\": \"secret of globex\"}',"
        " schema_version => 1, tenant_id => 'globex')"
    )
    define(three, "spy", "begin raise notice '%', payload; return '{\"title\": \"x\"}'; end")
    registrar = connect(user=login_role("registrar", {"default": ["read"], "*": ["register"]}))
    notices: list[str] = []
    registrar.add_notice_handler(lambda diag: notices.append(str(diag.message_primary)))
    assert register(registrar, 1, "app.spy")
    assert notices == ['{"name": "x"}', '{"name": "a b c"}']
    refused(
        registrar, "LG005", "select * from ledger.read_stream('thing', '1', tenant_id => 'globex')"
    )

    picky = (
        "select case when payload::text !~ 'globex' then '{\"title\": \"x\"}'::jsonb else '{}' end"
    )
    define(three, "picky", picky)
    assert register(registrar, 1, "app.picky", replace=True)
    three.execute("select ledger.drop_upcaster('test.made', 1)")
    refused(three, "LG011", lambda pg: register(pg, 1, "app.picky"))


def test_the_hundred_newest_events_are_tried(three: Connection, refused: Refused) -> None:
    emit = "select ledger.emit_event('test.made', %s, schema_version => 1)"
    three.execute(emit, ['{"name": "bad"}'])
    picky = (
        "select case payload ->> 'name' when 'bad' then '{}' else '{\"title\": \"x\"}'::jsonb end"
    )
    define(three, "picky", picky)
    for _ in range(99):
        three.execute(emit, ['{"name": "good"}'])
    refused(three, "LG011", lambda pg: register(pg, 1, "app.picky"))
    three.execute(emit, ['{"name": "good"}'])
    assert register(three, 1, "app.picky")


def test_registering_takes_the_role(
    chained: Connection,  # noqa: ARG001
    connect: Callable[..., Connection],
    login_role: Callable[..., str],
    refused: Refused,
) -> None:
    reader = connect(user=login_role("reader", {"default": ["read", "write"]}))
    refused(reader, "42501", lambda pg: register(pg, 1, "app.lift_1"))
    refused(reader, "42501", "select ledger.drop_upcaster('test.made', 1)")
    # An upcaster changes what every tenant reads.
    registrar = connect(user=login_role("registrar", {"default": ["read", "register"]}))
    refused(registrar, "LG005", lambda pg: register(pg, 1, "app.lift_1"))
    refused(registrar, "LG005", "select ledger.drop_upcaster('test.made', 1)")
    registrar = connect(user=login_role("registrar", {"*": ["register"]}))
    refused(registrar, "LG009", "select ledger.drop_upcaster('ledger.verified', 1)")
    refused(
        registrar, "LG009", "select ledger.register_upcaster('ledger.verified', 1, 'app.lift_1')"
    )
    dropped = "select ledger.drop_upcaster('test.made', 1)"
    assert [registrar.execute(dropped).fetchone() for _ in range(2)] == [(True,), (False,)]


# Private and secret fields.


def test_private_fields_stay_out(pg: Connection) -> None:
    pg.execute("create schema app; grant usage on schema app to ledger_sandbox")
    private = {
        "required": ["name", "email", "code"],
        "properties": {
            "name": {"type": "string"},
            "email": {"type": "string", "x-private": True},
            "code": {"type": "string", "minLength": 9, "x-secret": True},
        },
        "examples": [{"name": "x", "email": "x@example.com", "code": "123456789"}],
    }
    later = json.loads(json.dumps(private).replace('"name"', '"title"'))
    for schema in (private, later):
        pg.execute(
            "select ledger.register_event_type('test.made', %s, compatibility => 'none')",
            [json.dumps(schema)],
        )
    pg.execute(
        "select ledger.emit_event('test.made', %s, schema_version => 1)",
        [json.dumps({"name": "Ann", "email": "ann@example.com", "code": "abcdefghi"})],
    )
    define(
        pg,
        "rename",
        "begin raise notice '%', payload;"
        " return payload - 'name' || jsonb_build_object('title', payload -> 'name'); end",
    )
    seen: list[str] = []
    pg.add_notice_handler(lambda diag: seen.append(str(diag.message_primary)))
    assert register(pg, 1, "app.rename")
    source = "ledger.find_events(event_types => '{test.made}', upcast => %s)"
    assert read(pg, source, True) == [(2, {"title": "Ann", "code": "***"})]
    assert len(seen) == 3
    assert "example.com" not in "".join(seen)
    assert "abcdefghi" not in "".join(seen)


# Upcasters that fail.


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ("begin return payload / 0; end", "42883: operator does not exist: jsonb / integer"),
        ("begin raise 'no' using errcode = 'XX999'; end", "XX999: no"),
        ("begin assert false, 'no'; end", "P0004: no"),
        ("select null::jsonb", "22004: it returned NULL"),
    ],
)
def test_failing_upcaster_is_named_with_the_event(
    chained: Connection, refused: Refused, body: str, detail: str
) -> None:
    chained.execute("drop function app.lift_2(jsonb)")
    define(chained, "lift_2", body)
    error = refused(chained, "LG017", f"select * from {READERS['read_stream']}", [True])
    subject = f"test.made version 2, event {first_event(chained)}"
    assert error.diag.message_primary == f"upcaster app.lift_2(jsonb) failed on {subject}"
    assert error.diag.message_detail == detail
    assert read(chained, READERS["read_stream"], False) == RAW


def test_throwing_upcaster_is_not_registered(three: Connection, refused: Refused) -> None:
    define(three, "throw", "begin raise 'not that one'; end")
    error = refused(three, "LG017", lambda pg: register(pg, 1, "app.throw"))
    assert "on test.made version 1, example 1" in str(error)
    assert three.execute("select count(*) from ledger.upcasters").fetchone() == (0,)


def test_doctor_reports_a_function_that_changed_or_is_gone(chained: Connection) -> None:
    findings = "select kind, object from ledger.doctor() where kind like 'upcaster %'"
    assert chained.execute(findings).fetchall() == []
    define(chained, "lift_1", LIFT[1] + " -- otherwise")
    chained.execute("alter function app.lift_2(jsonb) rename to lifted")
    assert chained.execute(findings).fetchall() == [
        ("upcaster missing", "test.made version 2"),
        ("upcaster changed", "test.made version 1"),
    ]
    assert register(chained, 1, "app.lift_1")
    assert register(chained, 2, "app.lifted", replace=True)
    assert chained.execute(findings).fetchall() == []


def test_fingerprint_changes_with_what_upcasting_yields(
    chained: Connection, connect: Callable[..., Connection], login_role: Callable[..., str]
) -> None:
    role = login_role("reader", {"default": ["read"]})
    reader = connect(user=role)
    fingerprint = "select ledger.upcast_fingerprint()"
    seen = [reader.execute(fingerprint).fetchone()]
    chained.execute(f"alter function app.lift_1(jsonb) owner to {role}")
    assert reader.execute(fingerprint).fetchone() == seen[0]
    define(chained, "lift_1", LIFT[1] + " -- otherwise")
    seen.append(reader.execute(fingerprint).fetchone())
    for version in (1, 2):
        chained.execute("select ledger.drop_upcaster('test.made', %s)", [version])
        seen.append(reader.execute(fingerprint).fetchone())
    assert len(set(seen)) == 4
    assert seen[-1] == ("",)


# The sandbox: what a function tries once it is registered as a harmless one.

ATTACKS = {
    "read a table": "select count(*) from ledger.agent_events",
    "read the registry": "select count(*) from ledger.upcasters",
    "read a table of the application": "select count(*) from public.accounts",
    "call the ledger": "select ledger.emit_event('test.made', '{}')",
    "drop what the sandbox owns": "drop function ledger.run_upcaster(text, jsonb, text)",
    "run it as the caller": "alter routine ledger.run_upcaster security invoker",
    "give it away": "grant execute on function ledger.run_upcaster(text, jsonb, text) to public",
    "write again": "set transaction read write",
    "write again, locally": "select set_config('transaction_read_only', 'off', true)",
    "leave the sandbox": "reset role",
    "become the owner": "set role ledger_owner",
    "leave something behind": "create temp table behind (n int)",
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_function_can_do_nothing_but_compute(
    chained: Connection, refused: Refused, attack: str
) -> None:
    """As superuser reads, and through a volatile helper, since IMMUTABLE is but a promise."""
    chained.execute("create table public.accounts (n int)")
    chained.execute(
        "create function app.helper() returns void language plpgsql volatile as"
        f" $f$ begin execute $a$ {ATTACKS[attack]} $a$; end $f$"
    )
    define(chained, "lift_2", "begin perform app.helper(); return payload; end")
    error = refused(chained, "LG017", f"select * from {READERS['read_stream']}", [True])
    assert str(error.diag.message_detail)[:5] in ("42501", "25006", "25001", "0A000", "22023")
    assert problems(chained, severities=["error"]) == []


def test_function_leaves_no_settings_behind(chained: Connection) -> None:
    """Else what its caller emits next would be somebody else's."""
    settings = (
        "set_config('ledger.context', 'on', false), set_config('ledger.actor_id', 'eve', false)"
    )
    chained.execute(
        "create function app.helper() returns void language plpgsql as"
        f" $f$ begin perform {settings}; end $f$"
    )
    define(chained, "lift_2", f"begin perform app.helper(); return ({LIFT[2]}); end")
    assert read(chained, READERS["read_stream"], True) == LATEST
    left = (
        "select current_setting('ledger.context', true), current_setting('ledger.actor_id', true)"
    )
    assert set(chained.execute(left).fetchone() or ()) <= {None, ""}


@pytest.mark.parametrize(
    "after",
    [
        "",
        "raise 'it fails';",
        "raise 'as if canceled' using errcode = 'query_canceled';",
        "assert false;",
    ],
)
def test_function_prepares_nothing_for_its_caller(
    chained: Connection, refused: Refused, after: str
) -> None:
    """A prepared statement survives a rollback; the caller's driver would execute it."""
    chained.execute("select 'the driver''s'", prepare=True)
    chained.execute(
        "create function app.helper() returns void language plpgsql as $f$ begin"
        f" deallocate _pg3_0; prepare _pg3_0 as select 'the attacker''s'; {after} end $f$"
    )
    define(chained, "lift_2", "begin perform app.helper(); return payload; end")
    error = refused(
        chained, "LG009", "select * from ledger.read_stream('thing', '1', upcast => true)"
    )
    assert "app.lift_2(jsonb) prepared a statement" in str(error.diag.message_primary)
    with pytest.raises(psycopg.errors.InvalidSqlStatementName):
        chained.execute("select 'the driver''s'", prepare=True)


@pytest.mark.parametrize("options", ["volatile", "immutable security definer"])
def test_function_that_was_redefined_is_looked_at_again(
    chained: Connection, refused: Refused, options: str
) -> None:
    define(chained, "lift_2", LIFT[2], options)
    error = refused(chained, "LG017", f"select * from {READERS['read_stream']}", [True])
    assert str(error.diag.message_detail).startswith("42501: it is not IMMUTABLE")


def test_run_upcaster_runs_nothing_else_for_a_reader(
    chained: Connection,  # noqa: ARG001
    connect: Callable[..., Connection],
    login_role: Callable[..., str],
) -> None:
    """A reader may call it with a function of its own: in the sandbox too."""
    reader = connect(user=login_role("reader", {"default": ["read"]}))
    reader.execute(
        "create function pg_temp.evil(jsonb) returns jsonb language plpgsql as $f$ begin"
        " drop function ledger.run_upcaster(text, jsonb, text); return '1'; end $f$"
    )
    for call in ("pg_temp.evil(jsonb)", "pg_temp.evil($1); drop table x; --", "x"):
        with pytest.raises(psycopg.Error) as caught:
            reader.execute("select ledger.run_upcaster(%s, '{}', '')", [call])
        assert caught.value.sqlstate in ("LG017", "42601"), caught.value
