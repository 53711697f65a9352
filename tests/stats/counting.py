"""Events at chosen times, and what their counts must be."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import psycopg
from cold.partitions import emit_at

AnyConnection = psycopg.Connection[Any]
Counts = dict[tuple[Any, ...], int]

START = {"hour": "%Y-%m-%dT%H", "day": "%Y-%m-%d", "all": ""}


def emit_days(connection: AnyConnection, tenant_id: str = "acme") -> None:
    """Three days of events of 2021 of several types, outcomes and actors; sealed."""
    for number, time in enumerate(
        ["2021-05-10 00:00Z", "2021-05-10 23:59:59Z", "2021-05-11 12:30Z", "2021-05-12 12:00Z"]
    ):
        events = [
            {
                "event_type": ["run.started", "run.paused", "run.resumed"][n % 3],
                "payload": {"n": n} if n % 3 else {"agent_name": "a"},
                "publish": False,
            }
            | ({"outcome": "failure" if n % 4 else "success"} if n % 2 else {})
            | ({"actor_type": "user", "actor_id": f"u{n % 5}"} if n % 7 else {})
            for n in range(10 + number)
        ]
        emit_at(connection, time, events, tenant_id)
    connection.execute("select ledger.seal_all()")


def counts(connection: AnyConnection, source: str = "event_counts") -> Counts:
    """What is counted, without the payloads."""
    rows = connection.execute(
        f"""
        select tenant_id, dimension, period, period_start::text, value, sum(events)::bigint
        from ledger.{source} group by 1, 2, 3, 4, 5
        """
    ).fetchall()
    return {tuple(key): events for *key, events in rows}


def expected(connection: AnyConnection) -> Counts:
    """The same from the events that are sealed, counted here."""
    found: Counter[tuple[Any, ...]] = Counter()
    rows = connection.execute(
        """
        select tenant_id, created_at, event_type, coalesce(outcome, ''), actor_type, actor_id
        from ledger.log
        """
    ).fetchall()
    for tenant_id, created_at, event_type, outcome, actor_type, actor_id in rows:
        actor = "" if actor_id is None else f"{actor_type}:{actor_id}"
        for dimension, value in (("type", event_type), ("outcome", outcome), ("actor", actor)):
            for period in START if dimension != "actor" else ("day", "all"):
                start = beginning(connection, created_at, period)
                found[tenant_id, dimension, period, start, value] += 1
    return dict(found)


def beginning(connection: AnyConnection, time: datetime, period: str) -> str:
    """The period's start as the session writes it."""
    if period == "all":
        return "-infinity"
    start = time.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    if period == "day":
        start = start.replace(hour=0)
    (text,) = connection.execute("select %s::timestamptz::text", [start]).fetchone() or ("",)
    return str(text)


def cursor(connection: AnyConnection, tenant_id: str = "acme") -> tuple[int, int]:
    """Position and skipped."""
    query = "select position, skipped from ledger.count_cursors where tenant_id = %s"
    row = connection.execute(query, [tenant_id]).fetchone()
    assert row is not None
    return row[0], row[1]


def count_events(connection: AnyConnection, **arguments: Any) -> int:
    named = ", ".join(f"{name} => %({name})s" for name in arguments)
    row = connection.execute(f"select ledger.count_events({named})", arguments).fetchone()
    assert row is not None
    return int(row[0])


def emit_many(
    connection: AnyConnection, count: int, tenant_id: str = "acme", **fields: Any
) -> None:
    """A batch now, sealed."""
    batch = json.dumps([{"event_type": "test.happened", "publish": False, **fields}] * count)
    connection.execute("select count(*) from ledger.emit_events(%s, %s)", [batch, tenant_id])
    connection.execute("select ledger.seal(%s)", [tenant_id])
