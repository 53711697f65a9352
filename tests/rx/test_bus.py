"""A bus stores first, then tells everybody, whatever one of them does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from threading import Event as Flag
from typing import Any

import psycopg
import pytest
from reactivex import operators as ops
from rx.conftest import MakeBus

from agent_events import AsyncAuditEmitter, AuditEmitter, Receipt, context, errors
from agent_events.rx import AsyncReactiveEventBus, ReactiveEventBus, StoredEvent

Connection = psycopg.Connection[Any]
Outage = Callable[[], AbstractContextManager[None]]

pytestmark = pytest.mark.usefixtures("noted")


def note(text: str) -> dict[str, Any]:
    return {"event_type": "test.noted", "payload": {"text": text}}


def texts(events: list[StoredEvent]) -> list[str]:
    return [event.payload["text"] for event in events]


def test_event_is_stored_before_anybody_is_told(bus: Any, pg: Connection) -> None:
    found: list[Any] = []
    bus.on(
        "test.noted",
        lambda event: found.append(
            pg.execute("select payload from ledger.events where id = %s", [event.receipt.id])
        ),
    )
    receipt = bus.emit(**note("x"), tenant_id="acme")
    assert isinstance(receipt, Receipt)
    assert [cursor.fetchone() for cursor in found] == [({"text": "x"},)]


def test_what_is_refused_is_told_to_nobody(bus: Any) -> None:
    told: list[Any] = []
    bus.on("*", told.append)
    bus.stream.subscribe(told.append)
    with pytest.raises(errors.InvalidPayload):
        bus.emit("test.noted", {"no": "text"})
    assert told == []
    assert bus.history() == []


def test_what_cannot_be_stored_is_told_to_nobody(bus: Any, outage: Outage) -> None:
    told: list[Any] = []
    bus.on("*", told.append)
    with outage(), pytest.raises(psycopg.OperationalError):
        bus.emit(**note("x"))
    assert told == []


def test_handlers_get_the_types_they_want(bus: Any) -> None:
    told: dict[str, list[str]] = {}
    for pattern in ("run.paused", "run.*", "*", "ru.*"):
        told[pattern] = []
        bus.on(pattern, lambda event, names=told[pattern]: names.append(event.event_type))
    for event_type in ("run.paused", "run.resumed"):
        bus.emit(event_type)
    bus.emit(**note("x"))
    both = ["run.paused", "run.resumed"]
    everything = [*both, "test.noted"]
    assert told == {"run.paused": ["run.paused"], "run.*": both, "*": everything, "ru.*": []}
    assert [event.event_type for event in bus.history("run.*")] == both


@pytest.mark.parametrize("pattern", ["", "a*", "*.created", "a.*.b", "**"])
def test_what_is_no_pattern_is_refused(bus: Any, pattern: str) -> None:
    with pytest.raises(errors.InvalidArgument, match="no pattern of event types"):
        bus.on(pattern, print)


def test_stream_goes_through_operators(bus: Any) -> None:
    lengths: list[int] = []
    ends: list[str] = []
    bus.emit(**note("before"))
    bus.stream.pipe(
        ops.filter(lambda event: event.event_type == "test.noted"),
        ops.map(lambda event: len(event.payload["text"])),
    ).subscribe(lengths.append, on_completed=lambda: ends.append("end"))
    for text in ("a", "bb", "ccc"):
        bus.emit(**note(text))
    bus.emit("run.paused")
    assert lengths == [1, 2, 3]
    bus.close()
    assert ends == ["end"]


def test_one_that_fails_harms_neither_the_others_nor_the_emit(
    bus: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: StoredEvent) -> None:
        raise ValueError("no")

    told: list[StoredEvent] = []
    bus.on("*", fail)
    bus.stream.subscribe(fail)
    bus.on("*", told.append)
    bus.stream.subscribe(told.append)
    bus.emit(**note("x"))
    assert texts(told) == ["x", "x"]
    assert [str(failure.error) for failure in bus.errors] == ["no", "no"]
    assert fail in [failure.handler for failure in bus.errors]
    assert texts([failure.event for failure in bus.errors]) == ["x", "x"]
    assert caplog.text.count("a handler failed; the event is stored: test.noted") == 2
    bus.emit(**note("y"))
    assert texts(told) == ["x", "x", "y", "y"]


def test_history_is_bounded(make_bus: MakeBus) -> None:
    bus = make_bus(history=2)
    for text in ("a", "b", "c"):
        bus.emit(**note(text))
    assert texts(bus.history()) == ["b", "c"]
    assert make_bus(history=0).history() == []
    with pytest.raises(errors.InvalidArgument, match="history is -1"):
        make_bus(history=-1)


def test_event_has_what_the_context_added(bus: Any) -> None:
    with context.use(tenant_id="acme", actor_type="user", actor_id="ann"):
        bus.emit(**note("x"), metadata={"note": 1})
    [event] = bus.history()
    assert event.arguments == note("x") | {
        "tenant_id": "acme",
        "actor_type": "user",
        "actor_id": "ann",
        "metadata": {"note": 1},
    }


def test_who_has_left_is_not_told(bus: Any) -> None:
    told: list[Any] = []
    leaving = [bus.on("*", told.append), bus.stream.subscribe(told.append)]
    for disposable in leaving:
        disposable.dispose()
        disposable.dispose()
    bus.emit(**note("x"))
    assert told == []


def test_closed_bus_takes_nothing(bus: Any) -> None:
    told: list[Any] = []
    bus.on("*", told.append)
    bus.close()
    bus.close()
    with pytest.raises(errors.InvalidArgument, match="the bus is closed"):
        bus.emit(**note("x"))
    ends: list[str] = []
    bus.stream.subscribe(told.append, on_completed=lambda: ends.append("end"))
    assert (told, ends) == ([], ["end"])


def test_threads_keep_their_order_and_one_event_is_told_at_a_time(bus: Any) -> None:
    told: list[str] = []
    at_once: list[int] = [0]

    def take(event: StoredEvent) -> None:
        at_once[0] += 1
        assert at_once[0] == 1
        told.append(event.payload["text"])
        at_once[0] -= 1

    def emit_some(thread: int) -> None:
        for number in range(20):
            bus.emit(**note(f"{thread}-{number:02}"))

    bus.stream.subscribe(take)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(emit_some, range(4)))
    assert bus.errors == []
    assert len(told) == 80
    assert texts(bus.history()) == told
    for thread in range(4):
        own = [text for text in told if text.startswith(f"{thread}-")]
        assert own == sorted(own)


def test_handler_that_emits_is_told_after_the_others(dsn: str) -> None:
    told: list[str] = []
    with AuditEmitter(dsn) as emitter:
        bus = ReactiveEventBus(emitter)

        def answer(event: StoredEvent) -> None:
            if event.payload["text"] == "question":
                bus.emit("test.noted", {"text": "answer"})

        bus.on("*", answer)
        bus.on("*", lambda event: told.append(event.payload["text"]))
        bus.emit("test.noted", {"text": "question"})
    assert told == ["question", "answer"]


def test_handler_may_wait_for_threads_that_emit(dsn: str) -> None:
    with AuditEmitter(dsn) as emitter, ThreadPoolExecutor(2) as pool:
        bus = ReactiveEventBus(emitter)

        def fan_out(_: StoredEvent) -> None:
            list(pool.map(lambda _: bus.emit("run.resumed"), range(2)))

        bus.on("run.paused", fan_out)
        bus.emit("run.paused")
        assert [event.event_type for event in bus.history()][1:] == ["run.resumed"] * 2


def test_interrupted_handler_leaves_the_rest_to_a_worker(dsn: str) -> None:
    told = Flag()
    with AuditEmitter(dsn) as emitter:
        bus = ReactiveEventBus(emitter)

        def interrupt(_: StoredEvent) -> None:
            bus.emit("run.resumed")
            raise KeyboardInterrupt

        bus.on("run.paused", interrupt)
        bus.on("run.resumed", lambda _: told.set())
        with pytest.raises(KeyboardInterrupt):
            bus.emit("run.paused")
        assert told.wait(60)


def test_coroutine_functions_are_handlers_in_asyncio(dsn: str) -> None:
    async def scenario() -> list[str]:
        told: list[str] = []
        async with AsyncAuditEmitter(dsn) as emitter:
            bus = AsyncReactiveEventBus(emitter)

            async def slowly(event: StoredEvent) -> None:
                await asyncio.sleep(0)
                told.append(f"slowly {event.payload['text']}")

            async def fail(_: StoredEvent) -> None:
                raise ValueError("no")

            bus.on("*", slowly)
            bus.on("*", fail)
            bus.on("*", lambda event: told.append(f"at once {event.payload['text']}"))
            for text in ("a", "b"):
                await bus.emit("test.noted", {"text": text})
            assert len(bus.errors) == 2
        return told

    assert asyncio.run(scenario()) == ["slowly a", "at once a", "slowly b", "at once b"]


def test_cancelled_emit_leaves_what_others_emitted_to_a_task(dsn: str) -> None:
    async def scenario() -> list[str]:
        told: list[str] = []
        arrived, both = asyncio.Event(), asyncio.Event()
        async with AsyncAuditEmitter(dsn) as emitter:
            bus = AsyncReactiveEventBus(emitter)

            async def hang(event: StoredEvent) -> None:
                if event.payload["text"] == "hang":
                    arrived.set()
                    await asyncio.Event().wait()
                told.append(event.payload["text"])
                both.set()

            bus.on("*", hang)
            hanging = asyncio.create_task(bus.emit("test.noted", {"text": "hang"}))
            await arrived.wait()
            await bus.emit("test.noted", {"text": "next"})
            assert told == []
            hanging.cancel()
            await asyncio.wait_for(both.wait(), 60)
        return told

    assert asyncio.run(scenario()) == ["next"]


def test_coroutine_function_is_no_handler_of_the_other_bus(dsn: str) -> None:
    async def handler(_: StoredEvent) -> None: ...

    with AuditEmitter(dsn) as emitter, pytest.raises(errors.InvalidArgument, match="coroutine"):
        ReactiveEventBus(emitter).on("*", handler)


def test_handler_is_in_the_context_of_the_emit(dsn: str) -> None:
    """Also where another thread, with a context of its own, hands the event on."""
    is_held, is_free = Flag(), Flag()
    tenants = {}

    def look(event: StoredEvent) -> None:
        tenants[event.payload["text"]] = context.current().tenant_id
        if event.payload["text"] == "first":
            is_held.set()
            assert is_free.wait(60)

    with AuditEmitter(dsn) as emitter, ThreadPoolExecutor() as threads:
        bus = ReactiveEventBus(emitter)
        bus.on("*", look)
        first = threads.submit(emit_for, bus, "acme", "first")
        assert is_held.wait(60)
        threads.submit(emit_for, bus, "globex", "second").result(60)
        is_free.set()
        first.result(60)
    assert tenants == {"first": "acme", "second": "globex"}


def emit_for(bus: Any, tenant_id: str, text: str) -> None:
    with context.use(tenant_id=tenant_id):
        bus.emit(**note(text))


def test_coroutine_is_in_the_context_of_the_emit(dsn: str) -> None:
    async def scenario() -> dict[str, str | None]:
        tenants = {}
        is_held, is_free = asyncio.Event(), asyncio.Event()

        async def look(event: StoredEvent) -> None:
            if event.payload["text"] == "first":
                is_held.set()
                await is_free.wait()
            tenants[event.payload["text"]] = context.current().tenant_id

        async with AsyncAuditEmitter(dsn) as emitter:
            bus = AsyncReactiveEventBus(emitter)
            bus.on("*", look)
            with context.use(tenant_id="acme"):
                first = asyncio.create_task(bus.emit(**note("first")))
            await is_held.wait()
            with context.use(tenant_id="globex"):
                await bus.emit(**note("second"))
            is_free.set()
            await first
        return tenants

    assert asyncio.run(scenario()) == {"first": "acme", "second": "globex"}


def test_cancelled_emit_cuts_one_handler_short(dsn: str) -> None:
    async def scenario() -> list[str]:
        told: list[str] = []
        arrived, both = asyncio.Event(), asyncio.Event()
        async with AsyncAuditEmitter(dsn) as emitter:
            bus = AsyncReactiveEventBus(emitter)

            async def hang(event: StoredEvent) -> None:
                if event.payload["text"] == "hang":
                    arrived.set()
                    await asyncio.Event().wait()

            async def tell(event: StoredEvent) -> None:
                told.append(event.payload["text"])
                if len(told) == 2:
                    both.set()

            bus.on("*", hang)
            bus.on("*", tell)
            hanging = asyncio.create_task(bus.emit(**note("hang")))
            await arrived.wait()
            await bus.emit(**note("next"))
            hanging.cancel()
            await asyncio.wait_for(both.wait(), 60)
        return told

    assert asyncio.run(scenario()) == ["hang", "next"]
