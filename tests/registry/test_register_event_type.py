"""Who may register what, and how versions follow each other."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

Connection = psycopg.Connection[Any]
V1 = {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}
V2 = {"type": "object", "properties": {"name": {"type": ["string", "null"]}}}
NARROW = {"type": "object", "required": ["name", "age"]}


def register(pg: Connection, event_type: str, schema: object, **arguments: object) -> int:
    names = "".join(f", {name} => %({name})s" for name in arguments)
    row = pg.execute(
        f"select ledger.register_event_type(%(event_type)s, %(schema)s{names})",
        {"event_type": event_type, "schema": json.dumps(schema), **arguments},
    ).fetchone()
    assert row is not None
    return int(row[0])


def refusal(pg: Connection, sqlstate: str, *args: Any, **kwargs: Any) -> psycopg.errors.Diagnostic:
    with pytest.raises(psycopg.Error) as caught:
        register(pg, *args, **kwargs)
    assert caught.value.sqlstate == sqlstate, caught.value
    return caught.value.diag


def test_versions_count_up(pg: Connection) -> None:
    assert register(pg, "test.made", V1) == 1
    assert register(pg, "test.made", V2) == 2
    row = pg.execute(
        """
        select current_version, catalog, publish
        from ledger.event_types
        where event_type = 'test.made'
        """
    )
    assert row.fetchone() == (2, "custom", True)


def test_explicit_version_must_be_the_next(pg: Connection) -> None:
    diag = refusal(pg, "LG011", "test.made", V1, schema_version=2)
    assert "the next version is 1" in str(diag.message_primary)
    assert register(pg, "test.made", V1, schema_version=1) == 1
    refusal(pg, "LG011", "test.made", V2, schema_version=3)
    assert register(pg, "test.made", V2, schema_version=2) == 2


def test_identical_schema_changes_nothing(pg: Connection) -> None:
    register(pg, "test.made", V1)
    before = pg.execute(
        "select * from ledger.event_schemas where event_type = 'test.made'"
    ).fetchall()
    assert register(pg, "test.made", V1) == 1
    assert register(pg, "test.made", V1, schema_version=1) == 1
    assert register(pg, "test.made", V2) == 2
    assert register(pg, "test.made", V1, schema_version=1) == 1
    after = pg.execute(
        "select * from ledger.event_schemas where event_type = 'test.made' and schema_version = 1"
    ).fetchall()
    assert before == after
    current = "select current_version from ledger.event_types where event_type = 'test.made'"
    assert pg.execute(current).fetchone() == (2,)


def test_registered_version_cannot_get_another_schema(pg: Connection) -> None:
    register(pg, "test.made", V1)
    diag = refusal(pg, "LG011", "test.made", V2, schema_version=1)
    assert "registered with another schema" in str(diag.message_primary)
    assert "version 2" in str(diag.message_hint)


def test_narrower_schema_is_refused_with_reasons(pg: Connection) -> None:
    register(pg, "test.made", V1)
    diag = refusal(pg, "LG011", "test.made", NARROW)
    assert diag.message_detail == '/required: "age" is newly required'
    assert register(pg, "test.made", NARROW, compatibility="none") == 2


def test_mark_cannot_be_taken_off(pg: Connection) -> None:
    marked = {"properties": {"ssn": {"x-private": True}, "list": {"items": {"x-secret": True}}}}
    register(pg, "test.made", marked)
    diag = refusal(pg, "LG011", "test.made", {"properties": {"ssn": {}}})
    assert diag.message_detail == (
        '/list/*: is no longer marked "x-secret"; /ssn: is no longer marked "x-private"'
    )


def test_marks_are_kept_as_pointers(pg: Connection) -> None:
    schema = {
        "properties": {
            "a/b": {"x-private": True},
            "people": {"items": {"$ref": "#/$defs/person"}},
            "pair": {"prefixItems": [{}, {"x-private": True}]},
        },
        "anyOf": [{"properties": {"key": {"x-secret": True}}}],
        "$defs": {
            "person": {"properties": {"ssn": {"x-private": True}, "pin": {"x-secret": True}}}
        },
    }
    register(pg, "test.made", schema)
    for table in ("event_types", "event_schemas"):
        row = pg.execute(
            f"select private_paths, secret_paths from ledger.{table} where event_type = 'test.made'"
        ).fetchone()
        assert row == (["/a~1b", "/pair/1", "/people/*/ssn"], ["/key", "/people/*/pin"])


@pytest.mark.parametrize(
    "schema",
    [
        {"x-private": True},
        {"additionalProperties": {"x-private": True}},
        {"patternProperties": {"^a": {"properties": {"b": {"x-secret": True}}}}},
        {"properties": {"a": {"contains": {"x-private": True}}}},
        {"not": {"properties": {"a": {"x-private": True}}}},
    ],
)
def test_mark_that_cannot_be_found_is_refused(pg: Connection, schema: object) -> None:
    refusal(pg, "LG009", "test.made", schema)


@pytest.mark.parametrize(
    "name",
    [
        *[
            "",
            "Deal.created",
            "deal created",
            "deal..created",
            ".deal",
            "deal.",
            "1deal",
            "deal-made",
        ],
        *["deal.created\n", "dé.al", "a" * 101, "'; drop table ledger.events; --"],
    ],
)
def test_malformed_name_is_refused(pg: Connection, name: str) -> None:
    assert "is no name" in str(refusal(pg, "LG009", name, {}).message_primary)


@pytest.mark.parametrize(
    "arguments",
    [
        {"schema_version": 0},
        {"compatibility": "forward"},
        {"compatibility": None},
        {"catalog": ""},
        {"catalog": "My Catalog"},
    ],
)
def test_malformed_argument_is_refused(pg: Connection, arguments: dict[str, object]) -> None:
    refusal(pg, "LG009", "test.made", {}, **arguments)


@pytest.mark.parametrize("schema", [None, True, 1, "a", []])
def test_schema_must_be_an_object(pg: Connection, schema: object) -> None:
    refusal(pg, "LG009", "test.made", schema)
    with pytest.raises(psycopg.Error, match="must be a JSON object"):
        pg.execute("select ledger.register_event_type('test.made', null)")


def test_unsupported_schema_leaves_nothing_behind(pg: Connection) -> None:
    refusal(pg, "LG009", "test.made", {"uniqueItems": True})
    statement = "select count(*) from ledger.event_types where event_type = 'test.made'"
    assert pg.execute(statement).fetchone() == (0,)


def test_what_describes_a_type_is_kept_unless_given(pg: Connection) -> None:
    register(pg, "test.made", V1, description="It was made.", publish=False, catalog="mine")
    register(pg, "test.made", V2)
    statement = """
    select description, publish, catalog from ledger.event_types where event_type = 'test.made'
    """
    assert pg.execute(statement).fetchone() == ("It was made.", False, "mine")
    register(pg, "test.made", V2, description="Made.", publish=True)
    assert pg.execute(statement).fetchone() == ("Made.", True, "mine")


def test_event_schema(pg: Connection) -> None:
    register(pg, "test.made", V1)
    register(pg, "test.made", V2)
    statement = "select ledger.event_schema('test.made'), ledger.event_schema('test.made', 1)"
    assert pg.execute(statement).fetchone() == (V2, V1)
    statement = "select ledger.event_schema('test.made', 3), ledger.event_schema('test.other')"
    assert pg.execute(statement).fetchone() == (None, None)


def test_registrar_may_register_and_is_named(
    pg: Connection, connect: Callable[..., Connection], login_role: Callable[..., str]
) -> None:
    role = login_role("registrar")
    connection = connect(user=role)
    refusal(connection, "42501", "test.made", V1)
    pg.execute(f"grant ledger_registrar to {role}")
    assert register(connection, "test.made", V1) == 1
    statement = "select registered_by from ledger.event_schemas where event_type = 'test.made'"
    assert pg.execute(statement).fetchone() == (role,)


def test_racing_registrations_make_one_version_each(
    pg: Connection, connect: Callable[..., Connection]
) -> None:
    first, second = connect(autocommit=False), connect()
    schemas = [V1, V1 | {"title": "other"}]
    versions = [register(first, "test.made", schemas[0])]
    waiting = threading.Thread(
        target=lambda: versions.append(register(second, "test.made", schemas[1]))
    )
    waiting.start()
    blocked = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and pid = %s"
    while pg.execute(blocked, [second.info.backend_pid]).fetchone() == (0,):
        assert waiting.is_alive()
    first.commit()
    waiting.join()
    assert versions == [1, 2]


def test_refused_payload_names_type_version_and_reasons(pg: Connection) -> None:
    register(pg, "test.made", V1)
    with pytest.raises(psycopg.Error) as caught:
        pg.execute("""select ledger.refuse_payload('test.made', 1, '{"name": 7}')""")
    assert caught.value.sqlstate == "LG003"
    assert caught.value.diag.message_primary == "payload does not match test.made version 1"
    assert caught.value.diag.message_detail == "/name: must be string, is number"


def test_at_most_twenty_reasons_are_given(pg: Connection) -> None:
    register(pg, "test.made", {"required": [f"field_{n}" for n in range(25)]})
    with pytest.raises(psycopg.Error) as caught:
        pg.execute("select ledger.refuse_payload('test.made', 1, '{}')")
    detail = str(caught.value.diag.message_detail)
    assert detail.count("is required") == 20
    assert detail.endswith("; and 5 more")


@pytest.mark.parametrize("type_", ["array", "null", ["object", "null"]])
def test_schema_of_anything_but_an_object_is_refused(pg: Connection, type_: object) -> None:
    diagnostics = refusal(pg, "LG009", "test.made", {"type": type_})
    assert "a payload is always an object" in (diagnostics.message_primary or "")


def test_payload_of_a_schema_without_type_must_be_an_object_all_the_same(pg: Connection) -> None:
    register(pg, "test.made", {"required": ["name"]})
    with pytest.raises(psycopg.Error) as refused:
        pg.execute("select ledger.emit_event('test.made', '[1]')")
    assert refused.value.sqlstate == "LG009"
