"""Every sealed event is counted once, whoever counts, in whatever batches."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from cold.partitions import MAY, archive, checkpoints, export
from log.emitting import await_lock
from stats.counting import count_events, counts, cursor, emit_days, emit_many, expected

AnyConnection = psycopg.Connection[Any]
Connect = Callable[..., AnyConnection]
Refused = Callable[..., psycopg.Error]


@pytest.mark.parametrize("batch", [1, 7, 100_000])
def test_counts_equal_the_events(ledger: AnyConnection, batch: int) -> None:
    emit_days(ledger)
    emit_days(ledger, "other")
    emit_many(ledger, 3)
    moved = 0
    while step := count_events(ledger, max_events=batch):
        moved += step
    assert counts(ledger) == expected(ledger)
    sealed = "select sum(tree_size) from ledger.log_heads"
    assert ledger.execute(sealed).fetchone() == (moved,)


def test_other_time_zones_count_in_utc(ledger: AnyConnection) -> None:
    ledger.execute("set timezone = 'Asia/Kolkata'")
    emit_days(ledger)
    count_events(ledger)
    assert counts(ledger) == expected(ledger)


def test_what_is_not_sealed_is_not_counted(ledger: AnyConnection) -> None:
    emit_many(ledger, 2)
    ledger.execute("select ledger.emit_event('test.happened', tenant_id => 'acme')")
    assert count_events(ledger) == 2
    assert count_events(ledger) == 0
    ledger.execute("select ledger.seal('acme')")
    assert count_events(ledger) == 1
    assert counts(ledger) == expected(ledger)


def test_one_tenant(ledger: AnyConnection) -> None:
    emit_many(ledger, 2)
    emit_many(ledger, 3, "other")
    assert count_events(ledger, tenant_id="other") == 3
    assert {key[0] for key in counts(ledger)} == {"other"}


def test_payloads_are_added_up(ledger: AnyConnection) -> None:
    emit_many(ledger, 3, payload={"text": "x" * 100})
    count_events(ledger)
    query = "select payload_bytes from ledger.events_per_type where event_type = 'test.happened'"
    (total,) = ledger.execute(query).fetchone() or (0,)
    stored = "select sum(pg_column_size(payload)) from ledger.events where tenant_id = 'acme'"
    assert ledger.execute(stored).fetchone() == (total,)


def test_callers_at_the_same_time_count_once(ledger: AnyConnection, connect: Connect) -> None:
    for tenant_id in ("acme", "other"):
        emit_many(ledger, 3_000, tenant_id)

    def run(connection: AnyConnection) -> int:
        moved = 0
        while step := count_events(connection, max_events=100):
            moved += step
        return moved

    with ThreadPoolExecutor() as pool:
        moved = list(pool.map(run, [connect() for _ in range(4)]))
    assert sum(moved) == 6_000
    assert counts(ledger) == expected(ledger)


def test_a_second_caller_waits_and_goes_on(ledger: AnyConnection, connect: Connect) -> None:
    emit_many(ledger, 5)
    first, second = connect(autocommit=False), connect()
    assert count_events(first, max_events=3) == 3
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(count_events, second)
        await_lock(ledger, second)
        first.commit()
        assert waiting.result() == 2
    assert counts(ledger) == expected(ledger)


def test_a_rollback_counts_nothing(ledger: AnyConnection, connect: Connect) -> None:
    emit_many(ledger, 5)
    with connect(autocommit=False) as other:
        count_events(other)
        other.rollback()
    assert counts(ledger) == {}
    assert count_events(ledger) == 5


def test_archived_events_are_counted(ledger: AnyConnection) -> None:
    emit_days(ledger)
    archive(ledger, MAY)
    count_events(ledger)
    assert cursor(ledger) == (45, 0)
    assert counts(ledger) == expected(ledger)


def test_cold_events_are_skipped_and_noted(ledger: AnyConnection) -> None:
    emit_days(ledger)
    emit_many(ledger, 4)
    archive(ledger, MAY)
    file = export(ledger, MAY)
    file.record(ledger)
    file.drop(ledger, checkpoints(ledger))
    while count_events(ledger, max_events=10):
        pass
    (size,) = ledger.execute(
        "select tree_size from ledger.log_heads where tenant_id = 'acme'"
    ).fetchone() or (0,)
    assert cursor(ledger) == (size - 1, 46)
    assert counts(ledger) == expected(ledger)


def test_recount_begins_anew(ledger: AnyConnection, connect: Connect) -> None:
    emit_days(ledger)
    emit_days(ledger, "other")
    count_events(ledger)
    emit_many(ledger, 1)
    ledger.execute("set role ledger_append")
    ledger.execute("update ledger.event_counts set events = 9 where tenant_id = 'acme'")
    ledger.execute("reset role")
    other = connect(autocommit=False)
    other.execute("select ledger.recount_events('acme')")
    with ThreadPoolExecutor() as pool, connect() as counting:
        waiting = pool.submit(count_events, counting)
        await_lock(ledger, counting)
        other.commit()
        assert waiting.result() == 47
    assert counts(ledger) == expected(ledger)


def test_maintain_counts_what_it_sealed(ledger: AnyConnection) -> None:
    for _ in range(3):
        ledger.execute("select ledger.emit_event('test.happened', tenant_id => 'acme')")
    ledger.execute("call ledger.maintain()")
    assert counts(ledger) == expected(ledger)
    steps = "select error from ledger.maintenance_steps where step = 'count events'"
    assert ledger.execute(steps).fetchall() == [(None,)]


def test_maintain_counts_in_batches(ledger: AnyConnection) -> None:
    # A registered type: a batch of it is one statement.
    ledger.execute("select ledger.register_event_type('test.happened', '{}')")
    emit_many(ledger, 45_000)
    ledger.execute("call ledger.maintain()")
    assert cursor(ledger) == (44_999, 0)
    attempts = "select attempts from ledger.maintenance_steps where step = 'count events'"
    assert ledger.execute(attempts).fetchall() == [(1,)]


@pytest.mark.parametrize("max_events", [0, -1, None])
def test_bad_max_events(ledger: AnyConnection, refused: Refused, max_events: int | None) -> None:
    refused(ledger, "LG009", "select ledger.count_events(%s)", [max_events])


def test_who_may_count(login: Callable[..., AnyConnection], refused: Refused) -> None:
    operator, reader = login(acme=["operate"]), login(every=["read"])
    assert count_events(operator, tenant_id="acme") == 0
    refused(operator, "LG005", "select ledger.count_events(tenant_id => 'other')")
    refused(operator, "LG005", "select ledger.count_events()")
    refused(operator, "LG005", "select ledger.recount_events('other')")
    refused(reader, "42501", "select ledger.count_events()")
    refused(reader, "42501", "select ledger.recount_events('acme')")
    assert count_events(login(every=["operate"])) >= 0
