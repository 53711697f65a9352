"""Statistics through the client, and over an asynchronous connection."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from agent_events import AsyncLedger, Ledger, Share, errors


@pytest.fixture
def emitted(ledger: Ledger, connection: psycopg.Connection) -> Ledger:
    for outcome in ("success", "failure", "failure", None):
        ledger.emit_event(
            "test.noted", {"text": "a"}, outcome=outcome, actor_type="user", actor_id="ann"
        )
    connection.commit()
    ledger.seal()
    connection.commit()
    return ledger


def test_stats(emitted: Ledger) -> None:
    stats = emitted.stats()
    assert (stats.tenant_id, stats.events, stats.counted, stats.uncounted) == ("default", 4, 4, 0)
    assert stats.by_type == (Share("test.noted", 4, 1.0),)
    assert stats.by_outcome[0] == Share("failure", 2, 0.5)
    assert stats.by_actor == (Share("user:ann", 4, 1.0),)
    assert stats.storage is not None
    assert stats.storage["hot"].bytes > 0
    assert stats.payload_bytes > 0


def test_stats_of_a_time(emitted: Ledger) -> None:
    now = datetime.now(UTC)
    assert emitted.stats(from_time=now - timedelta(days=1)).counted == 4
    stats = emitted.stats(to_time=now - timedelta(days=1))
    assert (stats.events, stats.counted, stats.by_type) == (4, 0, ())


def test_counting(emitted: Ledger) -> None:
    assert emitted.count_events(max_events=3, tenant_id="default") == 3
    assert emitted.count_events() == 1
    assert emitted.count_events() == 0
    emitted.recount_events("default")
    assert emitted.stats().counted_at is None
    assert emitted.count_events(tenant_id="default") == 4
    with pytest.raises(errors.InvalidArgument):
        emitted.count_events(max_events=0)


def test_metrics(emitted: Ledger) -> None:
    samples = {(s.name, *s.labels.values()): s.value for s in emitted.metrics(with_findings=False)}
    assert samples["events_total", "default"] == 4
    assert not any(name == "doctor_findings" for name, *_ in samples)


async def stats_of(dsn: str) -> int:
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        return (await AsyncLedger(connection).stats()).counted


def test_async(emitted: Ledger, dsn: str) -> None:
    import asyncio

    assert emitted
    assert asyncio.run(stats_of(dsn)) == 4
