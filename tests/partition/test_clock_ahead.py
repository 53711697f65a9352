"""A stream's head stands 40 days ahead, as a clock left it: events go on from there."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from archive.history import (
    HAPPENED,
    check_manifest,
    findings,
    forget_partitions,
    partition_of,
    set_interval,
    start_of_day,
)
from log.consistency import check_log, rows
from log.emitting import seal_all
from problems import problems

AnyConnection = psycopg.Connection[Any]
Connect = Callable[..., AnyConnection]
LoginRole = Callable[..., str]

EMIT = """
    select * from ledger.emit_event(
      'test.happened', tenant_id => 'acme', aggregate_type => 'deal', aggregate_id => '1'
    )
"""


@pytest.fixture
def ledger(pg: AnyConnection) -> AnyConnection:
    """Daily partitions, three ahead; the stream deal/1 has its head 40 days ahead."""
    forget_partitions(pg)
    pg.execute("select ledger.register_event_type(%s, '{}')", [HAPPENED])
    set_interval(pg, "day")
    pg.execute("select ledger.ensure_partitions()")
    pg.execute(EMIT)
    pg.execute("update ledger.streams set created_at = now() + interval '40 days'")
    return pg


@pytest.mark.parametrize("is_batch", [False, True], ids=["emit_event", "emit_events"])
def test_events_land_there(
    ledger: AnyConnection, connect: Connect, login_role: LoginRole, is_batch: bool
) -> None:
    writer = connect(user=login_role("app", {"acme": ["write"]}))
    element = {"event_type": HAPPENED, "aggregate_type": "deal", "aggregate_id": "1"}
    for _ in range(2):
        if is_batch:
            batch = json.dumps([element, {"event_type": HAPPENED}])
            writer.execute("select * from ledger.emit_events(%s, 'acme')", [batch])
        else:
            writer.execute(EMIT)
    stream = rows(ledger, "select * from ledger.read_stream('deal', '1', tenant_id => 'acme')")
    assert [event["sequence"] for event in stream] == [1, 2, 3]
    ahead = [event["created_at"] - stream[0]["created_at"] for event in stream[1:]]
    assert all(timedelta(days=40) <= each < timedelta(days=41) for each in ahead)
    assert ahead[0] < ahead[1]

    assert errors(ledger) == set()
    assert {kind for kind, _, _ in problems(ledger)} == {"event clock"}, (
        "a warning says that it was"
    )
    check_manifest(ledger)
    seal_all(ledger)
    check_log(ledger, "acme")
    assert findings(ledger, "acme") == []


def errors(connection: AnyConnection) -> set[str]:
    """Kinds of what doctor() calls errors."""
    query = "select kind from ledger.doctor(true) where severity = 'error' and kind !~ '^member of'"
    return {row[0] for row in connection.execute(query).fetchall()}


def test_others_are_where_the_clock_is(ledger: AnyConnection) -> None:
    ledger.execute(EMIT)
    ledger.execute("select ledger.emit_event('test.happened', tenant_id => 'acme')")
    late = "select count(*) from ledger.events where created_at > now() + interval '1 minute'"
    assert ledger.execute(late).fetchone() == (1,)
    covered = "select upper(ledger.covered_period()) < now() + interval '5 days'"
    assert ledger.execute(covered).fetchone() == (True,)


def test_maintenance_goes_on_until_the_gap_is_closed(ledger: AnyConnection) -> None:
    ledger.execute(EMIT)
    name = partition_of(ledger, start_of_day(-40) + timedelta(hours=12))
    ledger.execute("select ledger.set_retention(hot_for => '1 hour')")
    ledger.execute("call ledger.maintain()")
    tier = "select tier from ledger.partitions where partition_name = %s"
    assert ledger.execute(tier, [name]).fetchone() == ("hot",)
    for partition_interval, premake in (("month", 1), ("week", 2), ("day", 42)):
        ledger.execute("call ledger.set_partition_interval(%s, %s)", [partition_interval, premake])
        check_manifest(ledger)
    covered = "select ledger.covered_period() @> now() + interval '41 days'"
    assert ledger.execute(covered).fetchone() == (True,)
    ledger.execute(EMIT)
    seal_all(ledger)
    assert findings(ledger, "acme") == []
    assert {kind for kind, _, _ in problems(ledger)} == {"event clock"}


def test_many_race_for_the_partition_ahead(
    ledger: AnyConnection, connect: Connect, login_role: LoginRole
) -> None:
    role = login_role("app", {"acme": ["write"]})
    ledger.execute(
        """
        select ledger.emit_event(
          'test.happened', tenant_id => 'acme', aggregate_type => 'deal', aggregate_id => n::text
        )
        from generate_series(2, 6) as n
        """
    )
    ledger.execute("update ledger.streams set created_at = now() + interval '40 days'")
    sessions = [connect(user=role) for _ in range(5)]
    for number, session in enumerate(sessions, 2):
        session.pgconn.send_query(
            f"""select ledger.emit_event(
              'test.happened', tenant_id => 'acme', aggregate_type => 'deal',
              aggregate_id => '{number}'
            )""".encode()
        )
    for session in sessions:
        while (result := session.pgconn.get_result()) is not None:
            assert result.error_message == b""
    late = "select count(*) from ledger.events where created_at > now() + interval '39 days'"
    assert ledger.execute(late).fetchone() == (5,)
    check_manifest(ledger)
    assert errors(ledger) == set()
    assert {kind for kind, _, _ in problems(ledger)} == {"event clock"}, (
        "a warning says that it was"
    )
