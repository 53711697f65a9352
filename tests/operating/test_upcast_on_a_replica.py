"""Old payloads are lifted on a hot standby as on the primary, though nothing can write there."""

from __future__ import annotations

from pathlib import Path

import psycopg
from operating.standby import copy_of
from operating.test_replica import start

from agent_events import Ledger, migrate

FUNCTION = """
    create schema app;
    grant usage on schema app to ledger_sandbox;
    create function app.lift(payload jsonb) returns jsonb immutable
    return payload || '{"lifted": true}';
"""


def test_it_lifts(server_folder: Path, server_version: int) -> None:
    primary = start(server_folder / "primary", server_version)
    migrate.upgrade(primary)
    with psycopg.connect(primary, autocommit=True) as connection:
        ledger = Ledger(connection)
        for version in (1, 2):
            ledger.register_event_type("test.made", {"title": f"version {version}"})
            ledger.emit_event("test.made", {}, aggregate_type="thing", aggregate_id="1")
        connection.execute(FUNCTION)
        ledger.register_upcaster("test.made", 1, "app.lift")

    standby = start(copy_of(server_folder / "primary", primary), server_version)
    with psycopg.connect(standby, autocommit=True) as connection:
        events = Ledger(connection).read_stream("thing", "1", upcast=True)
    assert [(e.schema_version, e.payload) for e in events] == [(2, {"lifted": True}), (2, {})]
