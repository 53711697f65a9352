"""The ledger at the end of somebody else's Observable or bus."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from threading import Thread
from typing import Any

import psycopg
import pytest
from reactivex import Subject
from reactivex import operators as ops

from agent_events import AsyncAuditEmitter, AuditEmitter, EventArguments, context, errors
from agent_events.rx import callback, observe

Connection = psycopg.Connection[Any]

pytestmark = pytest.mark.usefixtures("noted")


def to_event(item: str) -> EventArguments | None:
    if not item:
        return None
    return {"event_type": "test.noted", "payload": {"text": item + "!"}, "tenant_id": "acme"}


def texts(pg: Connection) -> list[str]:
    rows = pg.execute("select payload ->> 'text' from ledger.events order by created_at, id")
    return [text for (text,) in rows]


def test_items_of_an_observable_are_events(dsn: str, pg: Connection) -> None:
    source: Subject[str] = Subject()
    told: list[str] = []
    with AuditEmitter(dsn) as emitter:
        attachment = observe(source.pipe(ops.distinct()), emitter, to_event)
        source.subscribe(told.append)
        for item in ("a", "", "b", "b"):
            source.on_next(item)
        attachment.dispose()
        source.on_next("later")
    assert texts(pg) == ["a!", "b!"]
    assert told == ["a", "", "b", "b", "later"]
    assert attachment.failed == 0


def test_item_that_is_no_event_is_counted_and_the_source_goes_on(
    dsn: str, pg: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    source: Subject[Any] = Subject()
    with AuditEmitter(dsn) as emitter:
        attachment = observe(source, emitter)
        for item in ("a text", {"event_type": "test.noted", "payload": {"text": "a"}}, 7):
            source.on_next(item)
    assert attachment.failed == 2
    assert "an item is a str, no event" in caplog.text
    assert texts(pg) == ["a"]


def test_what_the_database_refuses_is_told_by_the_emitter(dsn: str, pg: Connection) -> None:
    source: Subject[Any] = Subject()
    emitter = AuditEmitter(dsn)
    observe(source, emitter)
    source.on_next({"event_type": "no.such_type"})
    source.on_next({"event_type": "test.noted", "payload": {"text": "a"}})
    with pytest.raises(errors.EventsNotStored):
        emitter.close()
    assert texts(pg) == ["a"]


def test_source_that_fails_ends_it(dsn: str, caplog: pytest.LogCaptureFixture) -> None:
    source: Subject[Any] = Subject()
    with AuditEmitter(dsn) as emitter:
        observe(source, emitter)
        source.on_error(ValueError("secret"))
    assert "an observed source failed: ValueError" in caplog.text
    assert "secret" not in caplog.text


def test_observable_in_asyncio(dsn: str, pg: Connection) -> None:
    """Items may come from the loop or from other threads; each source's in their order."""

    async def scenario() -> int:
        source: Subject[Any] = Subject()
        async with AsyncAuditEmitter(dsn) as emitter:
            attachment = observe(source, emitter, to_event)
            with context.use(actor_type="user", actor_id="ann"):
                for item in ("a", "b", ""):
                    source.on_next(item)
            await attachment.settled()
            thread = Thread(target=source.on_next, args=["c"])
            thread.start()
            await asyncio.to_thread(thread.join)
            source.on_next(7)
            await attachment.settled()
            attachment.dispose()
            source.on_next("later")
            return attachment.failed

    assert asyncio.run(scenario()) == 1
    assert texts(pg) == ["a!", "b!", "c!"]
    actors = pg.execute("select actor_id from ledger.events order by created_at, id").fetchall()
    assert actors == [("ann",), ("ann",), (None,)]


def said(who: str, what: str) -> dict[str, str]:
    return {"text": f"{who}: {what}"}


class CallbackBus:
    """As most buses in applications are."""

    def __init__(self) -> None:
        self._handlers: dict[str, list[Callable[..., Any]]] = {}

    def subscribe(self, topic: str, handler: Callable[..., Any]) -> None:
        self._handlers.setdefault(topic, []).append(handler)

    def publish(self, topic: str, *args: Any, **kwargs: Any) -> list[Any]:
        return [handler(*args, **kwargs) for handler in self._handlers.get(topic, [])]


def test_bus_that_calls_back(dsn: str, pg: Connection, caplog: pytest.LogCaptureFixture) -> None:
    bus = CallbackBus()
    with AuditEmitter(dsn) as emitter:
        bus.subscribe("noted", callback(emitter, "test.noted", actor_type="user", actor_id="ann"))
        bus.publish("noted", {"text": "a"})
        bus.publish("noted", text="b")
        bus.publish("noted", "a", "b")
        bus.subscribe("said", callback(emitter, "test.noted", said))
        bus.publish("said", "ann", "c")
        bus.publish("said", "ann")
    assert texts(pg) == ["a", "b", "ann: c"]
    assert caplog.text.count("event not stored: test.noted") == 2


def test_bus_that_calls_back_in_asyncio(dsn: str, pg: Connection) -> None:
    async def scenario() -> None:
        bus = CallbackBus()
        async with AsyncAuditEmitter(dsn) as emitter:
            bus.subscribe("noted", callback(emitter, "test.noted", tenant_id="acme"))
            await asyncio.gather(*bus.publish("noted", {"text": "a"}))
            await asyncio.gather(*bus.publish("noted", 7))

    asyncio.run(scenario())
    assert texts(pg) == ["a"]
