"""verify() looks at each event once, whatever the planner believes about the tables.

Counted are the blocks it reads: ten times the events, ten times the blocks, and a bit for taller
trees. What joins in memory reads none; if it compared all with all, it would take minutes.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import cycle
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from log.emitting import HAPPENED, emit_many, seal_all

AnyConnection = psycopg.Connection[Any]

FEW = 1_000
MANY = 10_000
WHOLE = "ledger.verify('acme')"
ONE_STREAM = "ledger.verify('acme', aggregate_type => 'deal', aggregate_id => 'long')"


def emit(connection: AnyConnection, count: int) -> None:
    """Half of the events in one stream, every tenth in a stream of its own."""
    streams = ["long", "", "long", "", "long", "", "long", "", "long", "own"]
    batch = [
        {"event_type": HAPPENED, "publish": False}
        | (
            {
                "aggregate_type": "deal",
                "aggregate_id": str(uuid4()) if stream == "own" else stream,
            }
            if stream
            else {}
        )
        for _, stream in zip(range(count), cycle(streams), strict=False)
    ]
    for first in range(0, count, 10_000):
        page = json.dumps(batch[first : first + 10_000])
        connection.execute("select count(*) from ledger.emit_events(%s, 'acme')", [page])
    seal_all(connection)


def never_analyzed(connection: AnyConnection) -> None:
    """The tables are new."""


def analyzed_when_empty(connection: AnyConnection) -> None:
    """As a partition is before its time comes."""
    connection.execute("analyze")


def analyzed_with_other_tenants(connection: AnyConnection) -> None:
    """So many of them that a tenant seems to have an event or two."""
    for number in range(100):
        emit_many(connection, 1, f"t{number}")
    seal_all(connection)
    connection.execute("analyze")


def analyzed_in_the_middle(connection: AnyConnection) -> None:
    """When a tenth of the events of today were there."""
    emit(connection, FEW // 10)
    connection.execute("analyze")


@pytest.mark.parametrize(
    "statistics",
    [
        never_analyzed,
        analyzed_when_empty,
        analyzed_with_other_tenants,
        analyzed_in_the_middle,
    ],
)
def test_verify_reads_in_proportion_to_the_events(
    pg: AnyConnection, statistics: Callable[[AnyConnection], None]
) -> None:
    pg.execute("select ledger.register_event_type(%s, '{}')", [HAPPENED])
    statistics(pg)
    emit(pg, FEW)
    few = {verify: blocks_read(pg, verify) for verify in (WHOLE, ONE_STREAM)}
    emit(pg, MANY - FEW)
    for verify, blocks in few.items():
        assert blocks_read(pg, verify) < 1.5 * blocks * MANY / FEW


def blocks_read(connection: AnyConnection, verify: str) -> int:
    """How many blocks it takes, in shared buffers and in temporary files; there are no findings."""
    (row,) = connection.execute(
        f"explain (analyze, buffers, timing off, format json) select from {verify}"  # type: ignore[arg-type]
    ).fetchone() or (None,)
    plan = row[0]["Plan"]
    assert plan["Actual Rows"] == 0
    return sum(
        plan[f"{place} Blocks"]
        for place in ("Shared Hit", "Shared Read", "Temp Read", "Temp Written")
    )
