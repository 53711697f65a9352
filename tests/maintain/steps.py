"""What maintenance recorded, and ledgers that have something due."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import psycopg
from archive.history import HAPPENED, emit_at, partition_of, set_interval, start_of_day
from log.consistency import Row, rows

AnyConnection = psycopg.Connection[Any]

ARCHIVING = ["add bounds", "validate bounds", "prepare archive", "archive"]


def fill_days(
    connection: AnyConnection, days_ago: Iterable[int], partition_interval: str = "day"
) -> list[str]:
    """Two events of acme on each of these days, oldest first; the partitions, each once."""
    set_interval(connection, partition_interval)
    names: dict[str, None] = {}
    for days in sorted(days_ago, reverse=True):
        at_time = start_of_day(days) + timedelta(hours=1)
        stream = {"aggregate_type": "deal", "aggregate_id": "1"}
        emit_at(connection, at_time, [{"event_type": HAPPENED}, {"event_type": HAPPENED} | stream])
        names[partition_of(connection, at_time)] = None
    connection.execute("select ledger.ensure_partitions()")
    return list(names)


def plan(connection: AnyConnection) -> list[tuple[str, str | None]]:
    return connection.execute("select step, object::text from ledger.maintenance_plan()").fetchall()


def steps(connection: AnyConnection) -> list[Row]:
    """What was done, in order."""
    return rows(
        connection,
        """
        select run_id, ordinal, step, object::text, started_at, finished_at, attempts, error, run_by
        from ledger.maintenance_steps order by finished_at, ordinal
        """,
    )


def failures(connection: AnyConnection) -> list[tuple[str, str | None, str]]:
    """Step, object and SQLSTATE of what failed, in order."""
    return [
        (step["step"], step["object"], step["error"]["sqlstate"])
        for step in steps(connection)
        if step["error"] is not None
    ]


def set_retention(connection: AnyConnection, **policy: str | timedelta) -> None:
    given = ", ".join(f"{name} => %({name})s" for name in policy)
    connection.execute(f"select ledger.set_retention({given})", policy)  # type: ignore[arg-type]
