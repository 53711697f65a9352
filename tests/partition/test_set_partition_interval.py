"""The interval changes at any time: what is still to come and empty is cut, the rest stays."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from archive.history import (
    HAPPENED,
    check_manifest,
    emit_at,
    forget_partitions,
    partition_of,
    set_interval,
    start_of_day,
)
from log.emitting import seal_all
from problems import problems

AnyConnection = psycopg.Connection[Any]
Connect = Callable[..., AnyConnection]
LoginRole = Callable[..., str]

INTERVALS = ["day", "week", "month"]
ZONES = ["UTC", "Pacific/Kiritimati", "America/St_Johns"]
LENGTHS = """
    select parent_name, to_time - from_time, to_time
    from ledger.partitions where from_time > now() order by parent_name, from_time
"""


@pytest.fixture
def ledger(pg: AnyConnection) -> AnyConnection:
    pg.execute("select ledger.register_event_type(%s, '{}')", [HAPPENED])
    return pg


def begin_with(connection: AnyConnection, partition_interval: str) -> None:
    """As if the ledger had been installed with that interval."""
    forget_partitions(connection)
    set_interval(connection, partition_interval)
    connection.execute("select ledger.ensure_partitions()")


def check(connection: AnyConnection) -> None:
    """All is in order; partitions are there as far ahead as they had to be made an hour ago."""
    check_manifest(connection)
    assert problems(connection) == []
    row = connection.execute(
        """
        select bool_and(date_trunc('day', p.from_time, 'UTC') = p.from_time),
          ledger.covered_period() @> now(),
          ledger.covered_period()
          @> now() - interval '1 hour' + s.premake * ('1 ' || s.partition_interval)::interval
        from ledger.partitions as p, ledger.partition_settings as s
        group by s.premake, s.partition_interval
        """
    ).fetchone()
    assert row == (True, True, True)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("after", INTERVALS)
@pytest.mark.parametrize("before", INTERVALS)
def test_up_and_down(ledger: AnyConnection, before: str, after: str, zone: str) -> None:
    begin_with(ledger, before)
    current = partition_of(ledger, datetime.now(UTC))
    bounds = "select from_time, to_time from ledger.partitions where partition_name = %s"
    kept = ledger.execute(bounds, [current]).fetchone()
    ledger.execute("select set_config('TimeZone', %s, false)", [zone])
    ledger.execute("set datestyle = 'SQL, DMY'")

    ledger.execute("call ledger.set_partition_interval(%s, 5)", [after])

    ledger.execute("reset datestyle")
    assert ledger.execute(bounds, [current]).fetchone() == kept, "what takes events stays"
    longest = {"day": timedelta(1), "week": timedelta(7), "month": timedelta(31)}[after]
    coming = ledger.execute(LENGTHS).fetchall()
    assert len(coming) >= 4
    assert all(length <= longest for _, length, _ in coming)
    ledger.execute("reset timezone")
    check(ledger)
    settings = "select partition_interval, premake from ledger.partition_settings"
    assert ledger.execute(settings).fetchone() == (after, 5)
    ledger.execute("select ledger.emit_event(%s)", [HAPPENED])
    ledger.execute("call ledger.set_partition_interval(%s)", [before])
    assert ledger.execute(settings).fetchone() == (before, 5)
    check(ledger)


def test_future_rows_stay_in_their_partition(ledger: AnyConnection) -> None:
    """A clock that ran ahead wrote them; its partition keeps its bounds, the others are cut."""
    begin_with(ledger, "month")
    ahead = start_of_day(-40)
    emit_at(ledger, ahead, [{"event_type": HAPPENED}])
    name = partition_of(ledger, ahead)
    bounds = "select from_time, to_time from ledger.partitions where partition_name = %s"
    kept = ledger.execute(bounds, [name]).fetchone()
    ledger.execute("call ledger.set_partition_interval('day', 60)")
    assert ledger.execute(bounds, [name]).fetchone() == kept
    lengths = ledger.execute(
        """
        select distinct to_time - from_time from ledger.partitions
        where from_time > now() and partition_name <> %s
          and partition_name <> replace(%s, 'agent_events', 'outbox')
        """,
        [name, name],
    ).fetchall()
    assert lengths == [(timedelta(days=1),)]
    assert ledger.execute("select count(*) from ledger.events").fetchone() == (1,)
    check_manifest(ledger)
    seal_all(ledger)
    assert ledger.execute("select * from ledger.verify('acme')").fetchall() == []


@pytest.mark.parametrize(
    ("partition_interval", "premake"),
    [("hour", 3), ("", 3), (None, 3), ("day", -1), ("day", 367), ("DAY", 3)],
)
def test_what_cannot_be_made_is_refused(
    ledger: AnyConnection, partition_interval: str | None, premake: int
) -> None:
    with pytest.raises(psycopg.Error) as caught:
        ledger.execute("call ledger.set_partition_interval(%s, %s)", [partition_interval, premake])
    assert caught.value.sqlstate == "LG009"


def test_a_reader_is_not_waited_for(ledger: AnyConnection, connect: Connect) -> None:
    reader = connect(autocommit=False)
    reader.execute("select count(*) from ledger.agent_events")
    with pytest.raises(psycopg.errors.LockNotAvailable):
        ledger.execute("call ledger.set_partition_interval('day')")
    settings = "select partition_interval from ledger.partition_settings"
    assert ledger.execute(settings).fetchone() == ("month",)
    reader.rollback()
    ledger.execute("call ledger.set_partition_interval('day')")
    check(ledger)


def test_under_load_no_emit_fails(
    ledger: AnyConnection, connect: Connect, login_role: LoginRole
) -> None:
    """Emitters hold the tables for moments only: tried again, it gets through."""
    role = login_role("app", {"acme": ["write"]})
    over = threading.Event()

    def emit(number: int) -> int:
        connection = connect(user=role)
        query = """
            select ledger.emit_event(
              'test.happened', tenant_id => 'acme', aggregate_type => 'deal', aggregate_id => %s
            )
        """
        count = 0
        while not over.is_set():
            connection.execute(query, [str(number % 3)])
            count += 1
        return count

    with ThreadPoolExecutor(6) as threads:
        emitting = [threads.submit(emit, number) for number in range(6)]
        try:
            for partition_interval in ("week", "day", "month", "day", "week", "month"):
                change(ledger, partition_interval)
        finally:
            over.set()
        emitted = sum(one.result() for one in emitting)
    count = "select count(*) from ledger.events where tenant_id = 'acme'"
    assert ledger.execute(count).fetchone() == (emitted,)
    check(ledger)


def change(connection: AnyConnection, partition_interval: str) -> None:
    for attempt in range(100):
        try:
            connection.execute("call ledger.set_partition_interval(%s, 9)", [partition_interval])
        except psycopg.errors.LockNotAvailable:
            assert attempt < 99
        else:
            return


def test_a_missing_partition_is_made_at_the_new_length(ledger: AnyConnection) -> None:
    """Nobody made partitions for months: an emit makes its own."""
    begin_with(ledger, "month")
    forget_partitions(ledger)
    ledger.execute("select ledger.change_partition_interval('week', 3)")
    ledger.execute("select ledger.emit_event(%s)", [HAPPENED])
    lengths = "select to_time - from_time from ledger.partitions"
    assert set(ledger.execute(lengths).fetchall()) == {(timedelta(days=7),)}
    check_manifest(ledger)
