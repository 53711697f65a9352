"""What tracked tables left: what waits, events, and an independent fold of these into rows."""

from __future__ import annotations

import json
from typing import Any

import psycopg

AnyConnection = psycopg.Connection[Any]
Row = dict[str, Any]


def emit_captured(connection: AnyConnection, max_events: int | None = None) -> int:
    """Make events of all that waits, or in one call; returns how many."""
    made = "select ledger.emit_captured(%s)"
    if max_events is not None:
        (count,) = connection.execute(made, [max_events]).fetchone() or ()
        return int(count)
    total = 0
    while count := emit_captured(connection, 5000):
        total += count
    return total


def waiting(connection: AnyConnection) -> int:
    """How many statements wait to become events."""
    (count,) = connection.execute("select count(*) from ledger.capture_queue").fetchone() or ()
    return int(count)


def made(connection: AnyConnection) -> list[tuple[str, str, int]]:
    """The events that there are: kind, key, sequence."""
    return connection.execute(
        "select split_part(event_type, '.', 2), aggregate_id, sequence from ledger.events"
        " where event_type like 'stock.%' order by aggregate_id, sequence"
    ).fetchall()


def findings(connection: AnyConnection) -> list[str]:
    """What doctor() says of tracked tables."""
    return [kind for (kind,) in connection.execute("select kind from ledger.check_capture()")]


def captured(connection: AnyConnection, prefix: str, tenant_id: str = "acme") -> list[Row]:
    """Events of a tracked table in the order of each stream: kind, key, sequence, old and new.

    What waits becomes events first. Numbers are kept as they are written: 1.0 is not 1.00.
    """
    emit_captured(connection)
    events = connection.execute(
        """
        select event_type, aggregate_id, sequence, payload::text
        from ledger.events
        where tenant_id = %s and event_type like %s
        order by created_at, id
        """,
        [tenant_id, prefix + ".%"],
    ).fetchall()
    return [
        {
            "kind": event_type.removeprefix(prefix + "."),
            "key": key,
            "sequence": sequence,
            **json.loads(payload, parse_float=str, parse_int=str),
        }
        for event_type, key, sequence, payload in events
    ]


def fold(events: list[Row]) -> dict[str, Row]:
    """Rows by key. Fails where an event does not follow from those before it."""
    rows: dict[str, Row] = {}
    for event in events:
        key = event["key"]
        if event["kind"] == "created":
            assert key not in rows, event
            rows[key] = event["new"]
        elif event["kind"] == "updated":
            assert {name: rows[key][name] for name in event["old"]} == event["old"], event
            rows[key] = {**rows[key], **event["new"]}
        else:
            assert rows.pop(key) == event["old"], event
    return rows


def stored(connection: AnyConnection, table: str, key: str) -> dict[str, Row]:
    """The rows that a table has; `key` is an SQL expression for what aggregate_id is."""
    with connection.transaction():
        connection.execute("set local timezone = 'UTC'")
        rows = connection.execute(
            f"select ({key})::text, to_jsonb(stored_row)::text from {table} as stored_row"  # type: ignore[arg-type]
        ).fetchall()
    return {key: json.loads(row, parse_float=str, parse_int=str) for key, row in rows}
