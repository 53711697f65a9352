"""Partitions and maintenance through the client."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from psycopg import AsyncConnection

from agent_events import AsyncLedger, Ledger, PartitionStatus, PlannedStep, errors

Connect = Callable[..., psycopg.Connection[Any]]


@pytest.fixture
def ledger(connect: Connect, login_role: Callable[..., str]) -> Ledger:
    """In autocommit, as the operator of every tenant."""
    return Ledger(connect(user=login_role("operator", {"*": ["operate"]})))


@pytest.fixture
def old_partition(pg: psycopg.Connection[Any]) -> str:
    """An empty partition of a year ago."""
    pg.execute("select ledger.ensure_partition(now() - interval '1 year')")
    row = pg.execute(
        "select partition_name from ledger.partitions where parent_name = 'agent_events' "
        "order by from_time limit 1"
    ).fetchone()
    assert row is not None
    return str(row[0])


def status(ledger: Ledger, partition_name: str) -> PartitionStatus:
    (found,) = (p for p in ledger.partitions() if p.partition_name == partition_name)
    return found


def test_partitions_are_listed_from_the_oldest(ledger: Ledger, old_partition: str) -> None:
    partitions = ledger.partitions()
    assert partitions[0].partition_name == old_partition
    assert len(partitions) == 10
    assert {p.parent_name for p in partitions} == {"agent_events", "outbox"}
    first = partitions[0]
    assert (first.tier, first.is_counted, first.due, first.access_method) == (
        "hot",
        False,
        None,
        "heap",
    )
    assert first.age > timedelta(days=300)
    assert (first.bytes or 0) > 0
    assert partitions[-1].age == timedelta(0)


def test_archived_and_brought_back(ledger: Ledger, old_partition: str) -> None:
    ledger.archive_partition(old_partition)
    archived = status(ledger, old_partition)
    assert (archived.tier, archived.row_count, archived.is_counted) == ("archive", 0, True)
    assert archived.moved_at is not None
    ledger.restore_partition(old_partition, max_wait=timedelta(seconds=1))
    assert status(ledger, old_partition).tier == "hot"


def test_retention_makes_maintenance_archive(ledger: Ledger, old_partition: str) -> None:
    policy = ledger.set_retention(hot_for=timedelta(days=7), warm_for="1 year 1 month")
    assert (policy.hot_for, policy.cold_for) == (timedelta(days=7), None)
    assert policy.changed_by.startswith("operator_")
    assert status(ledger, old_partition).due == "archive"
    assert PlannedStep("archive", old_partition) in ledger.maintenance_plan()

    ledger.maintain(dry_run=True)
    assert status(ledger, old_partition).tier == "hot"
    ledger.maintain()
    assert status(ledger, old_partition).tier == "archive"
    assert ledger.maintenance_plan() == [
        PlannedStep("make partitions", None),
        PlannedStep("seal", None),
        PlannedStep("count events", None),
    ]


def test_retention_out_of_order_is_refused(ledger: Ledger) -> None:
    with pytest.raises(errors.InvalidArgument, match="out of order"):
        ledger.set_retention(hot_for="30 days", warm_for="7 days")


def test_interval(ledger: Ledger) -> None:
    ledger.set_partition_interval("day", premake=14)
    ahead = [p for p in ledger.partitions() if p.parent_name == "agent_events"]
    assert ahead[-1].to_time - ahead[-1].from_time == timedelta(days=1)
    with pytest.raises(errors.InvalidArgument):
        ledger.set_partition_interval("year")  # type: ignore[arg-type]


def test_an_unknown_partition_is_refused(ledger: Ledger) -> None:
    with pytest.raises(errors.InvalidArgument, match="is no partition"):
        ledger.archive_partition("agent_events_p19000101")


PROCEDURES: list[Callable[[Ledger], None]] = [
    lambda ledger: ledger.maintain(),
    lambda ledger: ledger.archive_partition("agent_events_p20200101"),
    lambda ledger: ledger.restore_partition("agent_events_p20200101"),
    lambda ledger: ledger.set_partition_interval("day"),
]


@pytest.mark.parametrize("call", PROCEDURES)
def test_what_commits_needs_autocommit(connect: Connect, call: Callable[[Ledger], None]) -> None:
    with pytest.raises(errors.InvalidArgument, match="needs a connection in autocommit"):
        call(Ledger(connect(autocommit=False)))
    connection = connect()
    with (
        connection.transaction(),
        pytest.raises(errors.InvalidArgument, match="needs a connection in autocommit"),
    ):
        call(Ledger(connection))


def test_asynchronously(dsn: str) -> None:
    async def maintain() -> list[PartitionStatus]:
        async with await AsyncConnection.connect(dsn, autocommit=True) as connection:
            ledger = AsyncLedger(connection)
            await ledger.maintain()
            return await ledger.partitions()

    assert len(asyncio.run(maintain())) == 8
