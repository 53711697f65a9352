"""A bus that stores first, and Observables in and out of the ledger."""

from typing import assert_type

from reactivex import Observable, Subject

from agent_events import (
    AsyncAuditEmitter,
    AsyncLedger,
    AuditEmitter,
    EventArguments,
    Ledger,
    LogEntry,
    Receipt,
    Spooled,
    get_emitter,
)
from agent_events.models import Json
from agent_events.rx import (
    AsyncAttachment,
    AsyncReactiveEventBus,
    Attachment,
    HandlerFailure,
    ReactiveEventBus,
    StoredEvent,
    callback,
    events,
    observe,
)


def use_bus(emitter: AuditEmitter) -> None:
    bus = ReactiveEventBus(emitter, history=10)
    assert_type(bus, ReactiveEventBus[Receipt])
    assert_type(bus.emit("deal.created", {"name": "Acme"}, tenant_id="acme"), Receipt)
    assert_type(bus.stream, Observable[StoredEvent[Receipt]])
    bus.on("deal.*", handle).dispose()
    assert_type(bus.history("deal.*"), list[StoredEvent[Receipt]])
    assert_type(bus.errors, list[HandlerFailure])
    bus.close()


def handle(event: StoredEvent) -> None:
    assert_type(event, StoredEvent[Receipt])
    assert_type(event.receipt, Receipt)
    assert_type(event.payload, Json)
    assert_type(event.arguments, EventArguments)


def use_the_bus_of_an_emitter_that_may_spool() -> None:
    bus = ReactiveEventBus(get_emitter())
    assert_type(bus.emit("deal.created"), Receipt | Spooled)
    bus.on("*", handle_either)


def handle_either(event: StoredEvent[Receipt | Spooled]) -> None:
    if isinstance(event.receipt, Spooled):
        assert_type(event.receipt.idempotency_key, str)


async def use_asynchronous_bus(emitter: AsyncAuditEmitter) -> None:
    bus = AsyncReactiveEventBus(emitter)
    bus.on("*", handle_asynchronously)
    bus.on("*", handle)
    assert_type(await bus.emit("deal.created"), Receipt)


async def handle_asynchronously(event: StoredEvent) -> None:
    assert_type(event.event_type, str)


def to_event(score: int) -> EventArguments | None:
    return {"event_type": "deal.scored", "payload": {"new_score": score}} if score else None


async def attach(emitter: AuditEmitter, asynchronous: AsyncAuditEmitter) -> None:
    scores: Subject[int] = Subject()
    assert_type(observe(scores, emitter, to_event), Attachment)
    attachment = observe(scores, asynchronous, to_event)
    assert_type(attachment, AsyncAttachment)
    await attachment.settled()
    callback(emitter, "deal.scored", actor_type="system")({"new_score": 1})
    await callback(asynchronous, "deal.scored")(new_score=1)


def follow(ledger: Ledger, asynchronous: AsyncLedger) -> None:
    assert_type(events(ledger, "index", event_types=["deal.created"]), Observable[LogEntry])
    assert_type(events(asynchronous, only_new=True), Observable[LogEntry])


def misuse(emitter: AuditEmitter, ledger: Ledger) -> None:
    bus = ReactiveEventBus(emitter)
    bus.emit("deal.created", actor_type="robot")  # type: ignore[arg-type]
    bus.on("*", lambda: None)  # type: ignore[misc, arg-type]
    observe(Subject[str](), emitter, to_event)  # type: ignore[arg-type]
    events(ledger, page_seize=1)  # type: ignore[call-arg]
