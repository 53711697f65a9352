"""The ledger over connections of one's own: emitting, reading, subscribing, consuming."""

from typing import Any, assert_type

import psycopg
from psycopg import AsyncConnection, Connection

from agent_events import (
    AsyncLedger,
    AsyncSubscription,
    Event,
    EventInput,
    InboxEvent,
    Ledger,
    LogEntry,
    Receipt,
    Subscription,
    TraceNode,
    consumer,
    errors,
    open_async_pool,
    open_pool,
)
from agent_events.consuming import Result


def work(connection: Connection[Any]) -> None:
    ledger = Ledger(connection)
    ledger.set_context(actor_type="agent", actor_id="scorer")
    try:
        receipt = ledger.emit_event("deal.scored", {"new_score": 87}, expected_sequence=3)
    except errors.WrongExpectedSequence as error:
        assert_type(error.hint, str | None)
        return
    batch: list[EventInput] = [{"event_type": "deal.scored", "payload": {"new_score": 87}}]
    assert_type(ledger.emit_events(batch), list[Receipt])
    assert_type(ledger.get_event(receipt.id), Event | None)
    for event in ledger.iter_events(action_prefix="deal."):
        assert_type(event, Event)
        assert_type(ledger.trace(event.correlation_id), list[TraceNode])


def follow(connection: Connection[Any]) -> None:
    with Ledger(connection).subscribe("search", event_types=["deal.created"]) as subscription:
        assert_type(subscription, Subscription)
        for entry in subscription:
            assert_type(entry, LogEntry)


async def follow_asynchronously(connection: AsyncConnection[Any]) -> None:
    ledger = AsyncLedger(connection)
    assert_type(await ledger.emit_event("deal.created", {"name": "Acme"}), Receipt)
    async with ledger.subscribe() as subscription:
        assert_type(subscription, AsyncSubscription)
        async for entry in subscription:
            assert_type(entry, LogEntry)


@consumer("billing")
def bill(connection: Connection[Any], event: InboxEvent) -> int:
    connection.execute("insert into invoices values (%s)", [event.id])
    return 1


@consumer("mailer")
async def mail(connection: AsyncConnection[Any], event: InboxEvent) -> None:
    await connection.execute("insert into mails values (%s)", [event.id])


def receive(headers: dict[str, str], body: bytes) -> None:
    with open_pool("dbname=app") as pool, pool.connection() as connection:
        assert_type(bill.process(headers, body, connection=connection), Result)


async def receive_asynchronously(headers: dict[str, str], body: bytes) -> None:
    async with await open_async_pool("dbname=app") as pool, pool.connection() as connection:
        assert_type(await mail.process(headers, body, connection=connection), Result)


def misuse(connection: psycopg.Connection[Any]) -> None:
    ledger = Ledger(connection)
    ledger.emit("deal.created")  # type: ignore[attr-defined]
    ledger.emit_event("deal.created", colour="red")  # type: ignore[call-arg]
