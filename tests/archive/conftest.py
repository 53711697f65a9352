"""A ledger with events in three days gone by, for what moves them."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
import pytest
from archive.history import (
    DAY,
    HAPPENED,
    emit_at,
    partition_of,
    set_interval,
    start_of_day,
    today,
)

AnyConnection = psycopg.Connection[Any]

DAYS = (40, 39, 38)
CORRELATION = "00000000-0000-4000-8000-000000000001"


def fill(pg: AnyConnection, today: datetime) -> None:
    """Daily partitions gone by, monthly ones from now on.

    Each of the days 40, 39 and 38 ago has 40 events of acme and 20 of other: in two streams that
    go on from day to day, outside of any, and caused by one of the day before. None is sealed.
    """
    for event_type in (HAPPENED, "test.rare"):
        pg.execute("select ledger.register_event_type(%s, '{}')", [event_type])
    set_interval(pg, "day")
    cause: dict[str, UUID] = {}
    for days_ago in DAYS:
        for tenant_id, count in (("acme", 40), ("other", 20)):
            batch = elements(count, days_ago, cause.get(tenant_id))
            cause[tenant_id] = emit_at(pg, today - days_ago * DAY, batch, tenant_id)[7]
    set_interval(pg, "month")


@pytest.fixture
def preparation() -> tuple[Any, ...]:
    return (fill, today())


@pytest.fixture
def ledger(pg: AnyConnection) -> AnyConnection:
    """A superuser's connection to what is described above."""
    return pg


def elements(count: int, days_ago: int, cause: UUID | None) -> list[dict[str, Any]]:
    """Events with something in most columns."""
    return [
        {
            "event_type": HAPPENED if number % 3 else "test.rare",
            "payload": {"n": number, "day": days_ago},
            "trace_id": f"00000000-0000-4000-9000-{number % 5:012}",
            "correlation_id": CORRELATION,
            "causation_id": str(cause) if cause and number % 2 else None,
            "actor_type": "agent",
            "actor_id": "ada" if number % 2 else "bob",
            "outcome": "success",
            "metadata": {"region": "eu"},
        }
        | ({"aggregate_type": "deal", "aggregate_id": str(number % 2)} if number % 4 else {})
        for number in range(count)
    ]


@pytest.fixture
def name(ledger: AnyConnection) -> str:
    """The oldest of the three partitions."""
    return partition_of(ledger, start_of_day(DAYS[0]))
