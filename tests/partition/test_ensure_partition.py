"""Partitions are made where they are missing, once, guarded, whoever races."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import psycopg
import pytest
from archive.history import forget_partitions

AnyConnection = psycopg.Connection[Any]
Connect = Callable[..., AnyConnection]

BOUNDS = """
    select pg_get_expr(c.relpartbound, c.oid)
    from pg_class as c where c.oid = to_regclass('ledger.' || %s)
"""


@pytest.fixture
def missing_month(pg: AnyConnection) -> None:
    """The current partitions are gone, as if nobody had made them ahead."""
    forget_partitions(pg)


def bounds(pg: AnyConnection, table: str) -> str | None:
    row = pg.execute(BOUNDS, [table]).fetchone()
    return None if row is None else row[0]


def manifest(pg: AnyConnection) -> list[tuple[str, str]]:
    return pg.execute(
        "select parent_name, partition_name from ledger.partitions order by from_time, parent_name"
    ).fetchall()


@pytest.mark.parametrize(
    ("interval", "name", "from_time", "to_time"),
    [
        ("day", "p20310814", "2031-08-14", "2031-08-15"),
        ("week", "p20310811", "2031-08-11", "2031-08-18"),
        ("month", "p20310801", "2031-08-01", "2031-09-01"),
    ],
)
@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "America/St_Johns"])
def test_bounds_are_midnight_utc(
    pg: AnyConnection, interval: str, name: str, from_time: str, to_time: str, zone: str
) -> None:
    pg.execute("update ledger.partition_settings set partition_interval = %s", [interval])
    pg.execute("set datestyle = 'SQL, DMY'")
    pg.execute("select set_config('TimeZone', %s, false)", [zone])
    pg.execute("select ledger.ensure_partition('2031-08-14T23:30:00Z')")
    pg.execute("reset datestyle")
    pg.execute("set timezone = 'UTC'")
    expected = f"FOR VALUES FROM ('{from_time} 00:00:00+00') TO ('{to_time} 00:00:00+00')"
    assert bounds(pg, f"agent_events_{name}") == expected
    assert bounds(pg, f"outbox_{name}") == expected
    row = pg.execute(
        """
        select count(*) from ledger.partitions
        where from_time = %s::timestamptz and to_time = %s::timestamptz and tier = 'hot'
        """,
        [f"{from_time}Z", f"{to_time}Z"],
    ).fetchone()
    assert row == (2,)


def test_again_makes_nothing(pg: AnyConnection) -> None:
    pg.execute("select ledger.ensure_partition('2031-08-14Z')")
    before = manifest(pg)
    pg.execute("select ledger.ensure_partition('2031-08-31T23:59:59.999999Z')")
    assert manifest(pg) == before
    pg.execute("select ledger.ensure_partition('2031-09-01Z')")
    assert len(manifest(pg)) == len(before) + 2


def test_another_interval_fits_between_what_is_there(pg: AnyConnection) -> None:
    pg.execute("select ledger.ensure_partition('2031-08-14Z')")
    pg.execute("update ledger.partition_settings set partition_interval = 'week'")
    pg.execute("select ledger.ensure_partition('2031-07-31T12:00Z')")
    pg.execute("select ledger.ensure_partition('2031-08-31T12:00Z')")
    pg.execute("select ledger.ensure_partition('2031-09-02T12:00Z')")
    pg.execute("set timezone = 'UTC'")
    rows = pg.execute(
        """
        select from_time::date::text, to_time::date::text from ledger.partitions
        where parent_name = 'agent_events' and from_time > '2031-01-01' order by from_time
        """
    ).fetchall()
    assert rows == [
        ("2031-07-28", "2031-08-01"),
        ("2031-08-01", "2031-09-01"),
        ("2031-09-01", "2031-09-08"),
    ]


@pytest.mark.parametrize(
    "time",
    ["infinity", "-infinity", "1969-12-31T23:59:59Z", "2200-01-01Z", "0044-03-15 BC", None],
)
def test_absurd_time_is_refused(pg: AnyConnection, time: str | None) -> None:
    with pytest.raises(psycopg.Error) as caught:
        pg.execute("select ledger.ensure_partition(%s)", [time])
    assert caught.value.sqlstate == "LG007"


def test_archived_time_takes_no_events(pg: AnyConnection) -> None:
    pg.execute("select ledger.ensure_partition('2021-08-14Z')")
    pg.execute("update ledger.partitions set tier = 'archive' where from_time = '2021-08-01Z'")
    with pytest.raises(psycopg.Error, match="no longer takes events") as caught:
        pg.execute("select ledger.ensure_partition('2021-08-14Z')")
    assert caught.value.sqlstate == "LG007"


def test_new_partition_has_its_guards(pg: AnyConnection) -> None:
    pg.execute("select ledger.ensure_partition('2031-08-14Z')")
    assert pg.execute("select * from ledger_guard.broken_guards()").fetchall() == []
    for table in ("agent_events_p20310801", "outbox_p20310801"):
        for statement in ("delete from ledger.{}", "truncate ledger.{}"):
            with pytest.raises(psycopg.Error) as caught:
                pg.execute(statement.format(table))
            assert caught.value.sqlstate == "LG001"


@pytest.mark.usefixtures("missing_month")
def test_event_of_a_writer_makes_the_missing_partition(
    pg: AnyConnection, connect: Connect, login_role: Callable[..., str]
) -> None:
    writer = connect(user=login_role("writer", {"acme": ["write"]}))
    for _ in range(2):
        writer.execute("select ledger.emit_event('run.paused', tenant_id => 'acme')")
    assert pg.execute("select count(*) from ledger.agent_events").fetchone() == (2,)
    assert len(manifest(pg)) == 2
    covered = pg.execute("select ledger.covered_period() @> now()").fetchone()
    assert covered == (True,)


@pytest.mark.usefixtures("missing_month")
def test_emitters_that_race_for_a_missing_partition_all_succeed(
    pg: AnyConnection, connect: Connect
) -> None:
    sessions = 8
    connections = [connect() for _ in range(sessions)]
    barrier = Barrier(sessions)

    def emit(number: int) -> None:
        barrier.wait()
        connections[number].execute(
            "select ledger.emit_event('run.paused', aggregate_type => 'x', aggregate_id => %s)",
            [str(number % 3)],
        )

    with ThreadPoolExecutor(sessions) as pool:
        for done in [pool.submit(emit, number) for number in range(sessions)]:
            done.result()
    assert len(manifest(pg)) == 2
    row = pg.execute(
        "select (select count(*) from ledger.agent_events), (select count(*) from ledger.outbox)"
    ).fetchone()
    assert row == (sessions, sessions)
    assert pg.execute("select * from ledger_guard.broken_guards()").fetchall() == []
    covered = pg.execute("select ledger.covered_period() @> now()").fetchone()
    assert covered == (True,)


@pytest.mark.usefixtures("missing_month")
def test_older_snapshot_uses_the_partition_that_another_session_made(
    pg: AnyConnection, connect: Connect
) -> None:
    late = connect(autocommit=False)
    late.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    late.execute("select count(*) from ledger.partitions")
    pg.execute("select ledger.emit_event('run.paused')")
    late.execute("select ledger.emit_event('run.paused', tenant_id => 'other')")
    late.commit()
    assert pg.execute("select count(*) from ledger.agent_events").fetchone() == (2,)
    assert len(manifest(pg)) == 2


def test_writers_are_not_blocked_meanwhile(pg: AnyConnection, connect: Connect) -> None:
    maker = connect(autocommit=False)
    maker.execute("select ledger.ensure_partition('2031-08-14Z')")
    pg.execute("set lock_timeout = '2s'")
    pg.execute("select ledger.emit_event('run.paused')")
    assert pg.execute("select count(*) from ledger.events").fetchone() == (1,)
    maker.rollback()


@pytest.mark.usefixtures("missing_month")
def test_emitting_in_a_query_that_holds_the_events_open(pg: AnyConnection) -> None:
    pg.execute("select ledger.ensure_partition(now() - interval '1 year')")
    pg.execute("select ledger.ensure_partition(now() - interval '2 years')")
    with pytest.raises(psycopg.Error, match="the same query reads the events") as caught:
        pg.execute(
            """
            select ledger.emit_event('run.paused')
            from (values (1)) as v
            left join ledger.agent_events as e on e.created_at < now()
            """
        )
    assert caught.value.sqlstate == "LG007"
