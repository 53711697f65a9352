"""agent_events.context: what a block of Python says for every emit in it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from threading import Thread
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from agent_events import AsyncLedger, Ledger, context
from agent_events.models import EventOptions

Connection = psycopg.Connection[Any]


@pytest.fixture
def traced() -> Iterator[EventOptions]:
    """A provider that is asked at every emit."""
    given: EventOptions = {"trace_id": uuid4(), "headers": {"traceparent": "00", "a": "provider"}}
    context.providers.append(lambda: given)
    yield given
    context.providers.clear()


def test_nothing_is_set_outside_a_block() -> None:
    with context.use(tenant_id="acme"):
        pass
    assert context.current() == context.Context()
    assert context.ambient() == {}


def test_inner_block_adds_and_clears() -> None:
    with context.use(tenant_id="acme", actor_id="ann"):
        with context.use(actor_id=None, actor_type="agent") as inner:
            assert inner == context.current()
            assert context.ambient() == {"tenant_id": "acme", "actor_type": "agent"}
        assert context.ambient() == {"tenant_id": "acme", "actor_id": "ann"}


def test_emit_event_takes_what_it_leaves_out(ledger: Ledger, noted: str) -> None:
    correlation, trace, cause = uuid4(), uuid4(), uuid4()
    run = ledger.start_run("scribe", tenant_id="acme")
    with context.use(
        tenant_id="acme",
        run_id=run,
        trace_id=trace,
        correlation_id=correlation,
        causation_id=cause,
        actor_type="agent",
        actor_id="scribe",
    ):
        receipt = ledger.emit_event(noted, {"text": "x"}, actor_type="user", actor_id="ann")
    event = ledger.get_event(receipt.id, tenant_id="acme")
    assert event is not None
    assert (event.run_id, event.trace_id, event.correlation_id) == (run, trace, correlation)
    assert (event.causation_id, event.actor_type, event.actor_id) == (cause, "user", "ann")


def test_emit_events_takes_what_each_leaves_out(ledger: Ledger, noted: str) -> None:
    with context.use(tenant_id="acme", actor_type="agent", actor_id="scribe"):
        receipts = ledger.emit_events(
            [
                {"event_type": noted, "payload": {"text": "1"}},
                {"event_type": noted, "payload": {"text": "2"}, "actor_id": "other"},
            ]
        )
        elsewhere = ledger.emit_events(
            [{"event_type": noted, "payload": {"text": "3"}}], tenant_id="default"
        )
    stored = [ledger.get_event(receipt.id, tenant_id="acme") for receipt in receipts]
    assert [event and event.actor_id for event in stored] == ["scribe", "other"]
    assert ledger.get_event(elsewhere[0].id, tenant_id="default") is not None


def test_context_comes_before_the_transactions_own(ledger: Ledger, noted: str) -> None:
    ledger.set_context(actor_type="agent", actor_id="database")
    with context.use(actor_id="client"):
        receipt = ledger.emit_event(noted, {"text": "x"})
    event = ledger.get_event(receipt.id)
    assert event is not None
    assert (event.actor_type, event.actor_id) == ("agent", "client")


def test_provider_gives_what_is_left_out(
    ledger: Ledger, noted: str, pg: Connection, connection: Connection, traced: EventOptions
) -> None:
    trace = uuid4()
    first = ledger.emit_event(noted, {"text": "1"}, headers={"a": "caller"}, publish=True)
    with context.use(trace_id=trace):
        second = ledger.emit_event(noted, {"text": "2"}, publish=True)
    connection.commit()
    rows = dict(pg.execute("select id, (trace_id, headers)::text from ledger.outbox").fetchall())
    assert str(traced["trace_id"]) in rows[first.id]
    assert "caller" in rows[first.id]
    assert "traceparent" in rows[first.id]
    assert str(trace) in rows[second.id]


def test_tasks_keep_their_own(dsn: str, noted: str) -> None:
    async def one(number: int, barrier: asyncio.Barrier) -> None:
        async with await psycopg.AsyncConnection.connect(dsn) as connection:
            ledger = AsyncLedger(connection)
            with context.use(actor_id=f"task-{number}"):
                await barrier.wait()
                receipt = await ledger.emit_event(noted, {"text": "x"})
                [again] = await ledger.emit_events([{"event_type": noted, "payload": {"text": ""}}])
            for each in (receipt, again):
                event = await ledger.get_event(each.id)
                assert event is not None
                assert event.actor_id == f"task-{number}"

    async def scenario() -> None:
        barrier = asyncio.Barrier(5)
        await asyncio.gather(*(one(number, barrier) for number in range(5)))

    asyncio.run(scenario())


def test_threads_keep_their_own() -> None:
    seen = []
    with context.use(tenant_id="acme"):
        thread = Thread(target=lambda: seen.append(context.current()))
        thread.start()
        thread.join()
    assert seen == [context.Context()]
