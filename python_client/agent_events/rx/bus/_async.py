"""The event bus over asyncio. `_sync.py` is generated from this file."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from contextvars import Context, copy_context
from threading import Lock
from typing import Any, Generic, Unpack, cast

import reactivex
from reactivex import Observable, abc
from reactivex.disposable import Disposable

from agent_events import errors
from agent_events._records import LOGGER
from agent_events.context import ambient, fill
from agent_events.emitting._async import AsyncAuditEmitter
from agent_events.emitting._tasks import Worker, start
from agent_events.models import EventArguments, EventOptions, Json
from agent_events.rx._tasks import call, checked, within
from agent_events.rx.patterns import Predicate, predicate_of
from agent_events.rx.stored import Delivery, HandlerFailure, R, StoredEvent

_FAILURES = 100


class AsyncReactiveEventBus(Generic[R]):
    """Stores each event first, then hands it to those in this process who want it.

    What `emit` cannot store it raises, and hands on to nobody. Whoever raises at an event is logged
    and kept in `errors`; the others, and `emit`, go on. One event is handed on at a time, in the
    context of its `emit`, to every handler before the next one; those of one task in their order.
    So what is emitted by a handler, or by somebody else meanwhile, comes after the event at hand,
    and its `emit` does not wait for that.

    Handlers get what is emitted over this bus while they listen, and nothing again after a crash:
    what must happen once for each event is done by a consumer or a subscription.

    Args:
        emitter: stores the events. The bus does not close it.
        history: how many of the last events `history` keeps.
        logger: is told of handlers that raise, default `logging.getLogger("agent_events")`.
    """

    def __init__(
        self,
        emitter: AsyncAuditEmitter[R],
        *,
        history: int = 1000,
        logger: logging.Logger | None = None,
    ) -> None:
        if history < 0:
            raise errors.InvalidArgument(f"history is {history}", hint="How many events, 0 = none.")
        self._emitter = emitter
        self._logger = logger or LOGGER
        self._lock = Lock()
        self._log: deque[StoredEvent[R]] = deque(maxlen=history)
        self._failures: deque[HandlerFailure] = deque(maxlen=_FAILURES)
        self._observers: list[abc.ObserverBase[StoredEvent[R]]] = []
        self._handlers: list[tuple[Predicate, Callable[[StoredEvent[R]], object]]] = []
        self._pending: deque[tuple[StoredEvent[R], Context]] = deque()
        self._deliveries: deque[Delivery[R]] = deque()  # of one event
        self._is_pushing = False
        self._is_closed = False
        self._worker: Worker | None = None

    @property
    def stream(self) -> Observable[StoredEvent[R]]:
        """Every event from now on, as it is stored; ends when the bus is closed."""
        return reactivex.create(self._subscribe)

    @property
    def errors(self) -> list[HandlerFailure]:
        """The last 100 failures of handlers, and of observers of the stream."""
        return list(self._failures)

    def on(self, pattern: str, handler: Callable[[StoredEvent[R]], object]) -> abc.DisposableBase:
        """Call `handler` with each event of a type: 'deal.created', 'deal.*' or '*'.

        Until what is returned is disposed.
        """
        entry = predicate_of(pattern), checked(handler)
        with self._lock:
            self._handlers.append(entry)
        return Disposable(lambda: self._leave(self._handlers, entry))

    def history(self, pattern: str = "*") -> list[StoredEvent[R]]:
        """Return the last events of a type, the oldest first."""
        is_meant = predicate_of(pattern)
        with self._lock:
            return [event for event in self._log if is_meant(event.event_type)]

    async def emit(
        self,
        event_type: str,
        payload: Json | None = None,
        *,
        tenant_id: str | None = None,
        **options: Unpack[EventOptions],
    ) -> R:
        """Store an event, and hand it on; the parameters are those of `AsyncAuditEmitter.emit`.

        Raises what that raises, and then nobody has got the event.
        """
        if self._is_closed:
            raise errors.InvalidArgument("the bus is closed")
        given = {"event_type": event_type, "payload": payload, "tenant_id": tenant_id, **options}
        event = cast(EventArguments, fill(given, ambient()))
        receipt = await self._emitter.emit(**event)
        await self._push(StoredEvent(event, receipt))
        return receipt

    def close(self) -> None:
        """End the stream, and take no more events."""
        with self._lock:
            self._is_closed = True
            observers, self._observers = self._observers, []
            self._handlers = []
        for observer in observers:
            try:
                observer.on_completed()
            except Exception:
                self._logger.exception("an observer failed at the end of the stream")

    def _subscribe(
        self,
        observer: abc.ObserverBase[StoredEvent[R]],
        _: abc.SchedulerBase | None = None,
    ) -> abc.DisposableBase:
        with self._lock:
            if not self._is_closed:
                self._observers.append(observer)
                return Disposable(lambda: self._leave(self._observers, observer))
        observer.on_completed()
        return Disposable()

    def _leave(self, listeners: list[Any], listener: object) -> None:
        with self._lock:
            if listener in listeners:
                listeners.remove(listener)

    async def _push(self, event: StoredEvent[R]) -> None:
        """Hand on an event, and those that come meanwhile; or leave it to whoever does so now."""
        with self._lock:
            self._log.append(event)
            self._pending.append((event, copy_context()))
            if self._is_pushing:
                return
            self._is_pushing = True
        await self._drain()

    async def _drain(self) -> None:
        try:
            while following := self._next():
                await within(following.around, self._deliver, following)
        except BaseException:  # cut short: the others have not got it yet
            self._worker = start(self._drain, "agent-events bus")
            raise

    def _next(self) -> Delivery[R] | None:
        with self._lock:
            while self._pending and not self._deliveries:
                event, around = self._pending.popleft()
                self._deliveries += [
                    Delivery(event, around, handler) for handler in self._handlers_of(event)
                ]
            if self._deliveries:
                return self._deliveries.popleft()
            self._is_pushing = False
            return None

    def _handlers_of(self, event: StoredEvent[R]) -> list[Callable[[StoredEvent[R]], object]]:
        observers = [observer.on_next for observer in self._observers]
        return observers + [
            handler for is_meant, handler in self._handlers if is_meant(event.event_type)
        ]

    async def _deliver(self, delivery: Delivery[R]) -> None:
        try:
            await call(delivery.handler, delivery.event)
        except Exception as error:  # noqa: BLE001 - kept, and told to the logger
            self._failed(delivery.event, delivery.handler, error)

    def _failed(
        self, event: StoredEvent[R], handler: Callable[..., object], error: Exception
    ) -> None:
        self._failures.append(HandlerFailure(event, handler, error))
        self._logger.error(
            "a handler failed; the event is stored: %s", event.event_type, exc_info=error
        )
