"""The ledger at the end of an Observable, or of a bus that calls back, which others have."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from threading import Lock
from typing import Any, TypeVar, Unpack, cast, overload

from reactivex import Observable, abc

from agent_events._records import LOGGER
from agent_events.emitting import AsyncAuditEmitter, AuditEmitter
from agent_events.emitting.failures import reason_of
from agent_events.errors import InvalidArgument
from agent_events.models import EventArguments, EventOptions, Json

T = TypeVar("T")
ToEvent = Callable[[T], EventArguments | None]


class Attachment(abc.DisposableBase):
    """What `observe` returns: dispose it, and nothing more is taken.

    failed  items that were no event, or that the emitter did not take
    """

    def __init__(self, to_event: ToEvent[Any] | None, logger: logging.Logger) -> None:
        self.failed = 0
        self._to_event = to_event or _itself
        self._logger = logger
        self._subscription: abc.DisposableBase | None = None

    def dispose(self) -> None:
        """Take no more."""
        if self._subscription:
            self._subscription.dispose()

    def _begin(self, source: Observable[Any], take: Callable[[EventArguments], None]) -> None:
        def on_next(item: object) -> None:
            try:
                event = self._to_event(item)
                if event is not None:
                    take(event)
            except Exception as error:  # noqa: BLE001 - the source goes on
                self._report(error)

        def on_error(error: Exception) -> None:
            self._logger.error("an observed source failed: %s", type(error).__name__)

        self._subscription = source.subscribe(on_next, on_error)

    def _report(self, error: Exception) -> None:
        self.failed += 1
        self._logger.error("event not stored: %s", reason_of(error))


class AsyncAttachment(Attachment):
    """What `observe` returns for an `AsyncAuditEmitter`."""

    def __init__(self, to_event: ToEvent[Any] | None, logger: logging.Logger) -> None:
        super().__init__(to_event, logger)
        self._loop = asyncio.get_running_loop()
        self._lock = Lock()
        self._asked = self._taken = 0
        self._changed = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    async def settled(self) -> None:
        """Wait until everything that came before is in the buffer of the emitter."""
        target = self._asked
        while self._taken < target:
            self._changed.clear()
            await self._changed.wait()

    def _ask(self, emitter: AsyncAuditEmitter[Any], event: EventArguments) -> None:
        """Have an event taken, in the loop; from any thread."""
        with self._lock:
            self._asked += 1
        self._loop.call_soon_threadsafe(self._start, emitter, event)

    def _start(self, emitter: AsyncAuditEmitter[Any], event: EventArguments) -> None:
        task = self._loop.create_task(self._take(emitter, event))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _take(self, emitter: AsyncAuditEmitter[Any], event: EventArguments) -> None:
        try:
            await emitter.buffer(**event)
        except Exception as error:  # noqa: BLE001 - the source goes on
            self._report(error)
        finally:
            self._taken += 1
            self._changed.set()


@overload
def observe(
    source: Observable[T],
    emitter: AuditEmitter[Any],
    to_event: ToEvent[T] | None = None,
    *,
    logger: logging.Logger | None = None,
) -> Attachment: ...


@overload
def observe(
    source: Observable[T],
    emitter: AsyncAuditEmitter[Any],
    to_event: ToEvent[T] | None = None,
    *,
    logger: logging.Logger | None = None,
) -> AsyncAttachment: ...


def observe(
    source: Observable[T],
    emitter: AuditEmitter[Any] | AsyncAuditEmitter[Any],
    to_event: ToEvent[T] | None = None,
    *,
    logger: logging.Logger | None = None,
) -> Attachment:
    """Have what an Observable emits recorded in the ledger.

    `to_event` makes an event of an item, `{"event_type": …, "payload": …}` and anything else of
    `EventOptions`, or None of one that is to be passed over; without, the items are such already.
    They are buffered: the source never waits for the network, nor gets an error. What could not be
    made an event is logged and counted, what the database refuses is told as by
    `AuditEmitter.buffer`.

    With an `AsyncAuditEmitter` call it in its loop; the items may come from any thread.
    """
    if isinstance(emitter, AsyncAuditEmitter):
        asynchronous, pending = emitter, AsyncAttachment(to_event, logger or LOGGER)
        pending._begin(source, lambda event: pending._ask(asynchronous, event))
        return pending
    synchronous, attachment = emitter, Attachment(to_event, logger or LOGGER)
    attachment._begin(source, lambda event: synchronous.buffer(**event))
    return attachment


@overload
def callback(
    emitter: AuditEmitter[Any],
    event_type: str,
    to_payload: Callable[..., Json] | None = None,
    *,
    tenant_id: str | None = None,
    **options: Unpack[EventOptions],
) -> Callable[..., None]: ...


@overload
def callback(
    emitter: AsyncAuditEmitter[Any],
    event_type: str,
    to_payload: Callable[..., Json] | None = None,
    *,
    tenant_id: str | None = None,
    **options: Unpack[EventOptions],
) -> Callable[..., Awaitable[None]]: ...


def callback(
    emitter: AuditEmitter[Any] | AsyncAuditEmitter[Any],
    event_type: str,
    to_payload: Callable[..., Json] | None = None,
    *,
    tenant_id: str | None = None,
    **options: Unpack[EventOptions],
) -> Callable[..., Any]:
    """Return a handler for a bus that calls back: each call is an event.

    `to_payload` is called as the handler is; without, the payload is the one argument, a mapping,
    or the keyword arguments. The event is buffered. The handler raises nothing: what cannot be
    recorded is logged. Of an `AsyncAuditEmitter` it is a coroutine function.
    """

    def made(args: tuple[Any, ...], kwargs: dict[str, Any]) -> EventArguments:
        payload = (to_payload or _payload)(*args, **kwargs)
        given = {"event_type": event_type, "payload": payload, "tenant_id": tenant_id, **options}
        return cast(EventArguments, given)

    if isinstance(emitter, AsyncAuditEmitter):
        asynchronous = emitter

        async def handle(*args: Any, **kwargs: Any) -> None:
            try:
                await asynchronous.buffer(**made(args, kwargs))
            except Exception as error:  # noqa: BLE001 - the bus goes on
                LOGGER.error("event not stored: %s: %s", event_type, reason_of(error))

        return handle

    synchronous = emitter

    def handle_now(*args: Any, **kwargs: Any) -> None:
        try:
            synchronous.buffer(**made(args, kwargs))
        except Exception as error:  # noqa: BLE001 - the bus goes on
            LOGGER.error("event not stored: %s: %s", event_type, reason_of(error))

    return handle_now


def _itself(item: object) -> EventArguments:
    if not isinstance(item, Mapping):
        raise InvalidArgument(
            f"an item is a {type(item).__name__}, no event",
            hint='Give to_event, which makes {"event_type": …, "payload": …} of it.',
        )
    return cast(EventArguments, item)


def _payload(*args: Any, **kwargs: Any) -> Json:
    if not args:
        return kwargs
    if len(args) == 1 and not kwargs and isinstance(args[0], Mapping):
        return args[0]
    raise InvalidArgument(
        "a call has arguments that are no payload",
        hint="Give to_payload, which makes a mapping of what the bus calls with.",
    )
