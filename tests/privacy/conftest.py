"""A ledger with private data about two people, and logins of those who may deal with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

AnyConnection = psycopg.Connection[Any]
Emit = Callable[..., Any]

DEAL = "10000000-0000-4000-8000-000000000001"
SCHEMA = """{"properties": {
  "name": {"type": "string", "x-private": true},
  "people": {"items": {"properties": {"mail": {"x-private": true}}}}
}}"""


@pytest.fixture
def ledger(pg: AnyConnection) -> AnyConnection:
    """A superuser's connection to a ledger with a type that has private fields."""
    pg.execute("select ledger.register_event_type('person.seen', %s::jsonb)", [SCHEMA])
    pg.execute("set ledger.tenant_id = 'acme'")
    return pg


@pytest.fixture
def emit(ledger: AnyConnection) -> Emit:
    """`emit(subject_id="ada", …)`: an event of tenant acme with private data; returns its id."""

    def call(payload: str = '{"name": "Ada", "stage": 1}', **arguments: Any) -> Any:
        arguments = {"subject_id": "ada", "private": '{"note": "shy"}'} | arguments
        named = "".join(f", {name} => %s" for name in arguments)
        row = ledger.execute(
            f"select id from ledger.emit_event('person.seen', %s{named})",
            [payload, *arguments.values()],
        ).fetchone()
        assert row is not None
        return row[0]

    return call


@pytest.fixture
def officer(
    ledger: AnyConnection,  # noqa: ARG001
    connect: Callable[..., AnyConnection],
    login_role: Callable[..., str],
) -> AnyConnection:
    """A login with the privilege `privacy` for acme and nothing else; rows are dicts."""
    connection = connect(user=login_role("officer", {"acme": ["privacy"]}))
    connection.execute("set ledger.tenant_id = 'acme'")
    connection.row_factory = dict_row
    return connection


@pytest.fixture
def private(ledger: AnyConnection) -> Callable[[], int]:
    """How many events have private data."""
    return lambda: len(ledger.execute("select from ledger.event_private").fetchall())


@pytest.fixture
def events(ledger: AnyConnection) -> Callable[[str], list[dict[str, Any]]]:
    """The payloads of the events of a type, in time order."""

    def look(event_type: str) -> list[dict[str, Any]]:
        rows = ledger.execute(
            "select payload from ledger.events where event_type = %s order by created_at",
            [event_type],
        )
        return [payload for (payload,) in rows.fetchall()]

    return look
