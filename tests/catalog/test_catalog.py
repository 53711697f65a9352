"""The event types that ship: every schema is sound, installed, and accepts its own examples."""

from __future__ import annotations

import json
import subprocess
import sys
from copy import deepcopy
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from jsonschema import Draft202012Validator
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from agent_events import Ledger
from agent_events._resources import sql_dir
from agent_events.errors import InvalidPayload

Connection = psycopg.Connection[Any]

FILES = sorted((sql_dir() / "catalog").glob("*/*.json"))
SCHEMAS = {path.name.removesuffix(".v1.json"): json.loads(path.read_text()) for path in FILES}
FIRST_KEYS = [
    "$schema",
    "title",
    "description",
    "x-event-type",
    "x-summary",
    "x-publish",
    "type",
    "properties",
]

every_type = pytest.mark.parametrize("event_type", SCHEMAS)


def properties(schema: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Every property of a schema by name, nested ones included."""
    found = []
    for name, prop in schema.get("properties", {}).items():
        found += [(name, prop), *properties(prop), *properties(prop.get("items", {}))]
    return found


@every_type
def test_schema_is_valid_json_schema(event_type: str) -> None:
    Draft202012Validator.check_schema(SCHEMAS[event_type])


@every_type
def test_examples_match_their_schema(event_type: str) -> None:
    schema = SCHEMAS[event_type]
    assert schema["examples"]
    for example in schema["examples"]:
        Draft202012Validator(schema).validate(example)


@every_type
def test_every_property_is_described(event_type: str) -> None:
    schema = SCHEMAS[event_type]
    assert schema["title"] == schema["x-event-type"] == event_type
    assert schema["description"].endswith(".")
    assert all(prop["description"].endswith(".") for _, prop in properties(schema))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_file_is_written_in_one_form(path: Path) -> None:
    text = path.read_text()
    schema = json.loads(text)
    assert text == json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
    assert list(schema) == [key for key in [*FIRST_KEYS, "required", "examples"] if key in schema]


def test_rendered_sql_is_up_to_date() -> None:
    script = sql_dir().parent / "scripts" / "render_catalog"
    subprocess.run([sys.executable, script, "--check"], check=True)


def test_every_type_is_installed_as_its_file_says(pg: Connection) -> None:
    with pg.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute("""
            select event_type, catalog, publish, description, schema
            from ledger.event_types join ledger.event_schemas using (event_type)
            where schema_version = 1 and current_version = 1
        """).fetchall()
    installed = {row["event_type"]: row for row in rows}
    assert installed.keys() == SCHEMAS.keys()
    for path in FILES:
        row = installed[path.name.removesuffix(".v1.json")]
        schema = json.loads(path.read_text())
        assert row["catalog"] == path.parent.name
        assert row["publish"] is schema.get("x-publish", True)
        assert row["description"] == schema["description"]
        assert row["schema"] == schema


def test_no_property_would_be_masked(pg: Connection) -> None:
    names = {name for schema in SCHEMAS.values() for name, _ in properties(schema)}
    document = dict.fromkeys(names, "visible")
    masked = pg.execute("select ledger.mask(%s)", [Jsonb(document)]).fetchone()
    assert masked == (document,)


REFUSALS = (InvalidPayload, psycopg.DatabaseError)


def emit(pg: Connection, event_type: str, payload: dict[str, Any]) -> UUID:
    """The ledger's own types as its own functions emit them."""
    if not event_type.startswith("ledger."):
        return Ledger(pg).emit_event(event_type, payload).id
    row = pg.execute(
        "select id from ledger.emit_own_event(%s, %s, 'default')", [event_type, Jsonb(payload)]
    ).fetchone()
    assert row is not None
    emitted: UUID = row[0]
    return emitted


def test_every_example_can_be_emitted(pg: Connection) -> None:
    ledger = Ledger(pg)
    for event_type, schema in SCHEMAS.items():
        private = {name for name, prop in properties(schema) if prop.get("x-private")}
        for example in schema["examples"]:
            event = ledger.get_event(emit(pg, event_type, example))
            assert event is not None
            public = {name: value for name, value in example.items() if name not in private}
            assert event.payload == public, event_type
            assert (event.private_hash is None) == (public == example), event_type


def test_a_missing_required_field_is_refused(pg: Connection) -> None:
    for event_type, schema in SCHEMAS.items():
        for name in schema.get("required", []):
            payload = deepcopy(schema["examples"][0])
            del payload[name]
            with pytest.raises(REFUSALS, match=name) as refused:
                emit(pg, event_type, payload)
            assert refused.value.sqlstate == "LG003"


def test_a_wrong_type_is_refused(pg: Connection) -> None:
    for event_type, schema in SCHEMAS.items():
        for name, prop in schema["properties"].items():
            if "type" not in prop:
                continue
            payload = {**schema["examples"][0], name: False if prop["type"] != "boolean" else "no"}
            with pytest.raises(REFUSALS, match=name) as refused:
                emit(pg, event_type, payload)
            assert refused.value.sqlstate == "LG003"
