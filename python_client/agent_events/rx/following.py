"""The log as an Observable."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from threading import Event, Thread, current_thread
from typing import TypedDict, Unpack

import reactivex
from reactivex import Observable, abc
from reactivex.disposable import Disposable

from agent_events import AsyncLedger, AsyncSubscription, Ledger, Subscription
from agent_events._records import LOGGER
from agent_events.emitting.failures import reason_of
from agent_events.models import LogEntry


class FollowOptions(TypedDict, total=False):
    """The options of `Ledger.subscribe`, which says what they are."""

    from_position: int | None
    only_new: bool
    event_types: Sequence[str] | None
    upcast: bool | None
    tenant_id: str | None
    page_size: int
    save_every: int | None
    save_interval: timedelta | None


_following: set[asyncio.Task[None]] = set()


def events(
    ledger: Ledger | AsyncLedger, name: str | None = None, **options: Unpack[FollowOptions]
) -> Observable[LogEntry]:
    """Return the log as an Observable: first what there is, then what is committed.

    The parameters are those of `Ledger.subscribe`. It is cold: whoever subscribes gets a thread, or
    for an `AsyncLedger` a task, and a connection of their own, until they dispose. Disposing waits
    for the thread, half a second at most unless it is in a handler.

    With a `name` an event counts as handled when `on_next` has returned: its position is saved as
    `Ledger.subscribe` says, and when it is disposed while it waits. After a crash, and after an
    `on_next` that raised or disposed, as operators do that fail or have enough, the events since
    the last save come again: at least once. An operator that hands events to another thread or to a
    later moment (`observe_on`, `buffer`, `delay`) returns at once: what is on its way there then is
    lost with the process.

    A lost connection, and what `on_next` raises, is logged and comes as `on_error`: subscribe again
    (`operators.retry`), and one with a name goes on where it was saved.
    """

    def subscribe(
        observer: abc.ObserverBase[LogEntry], _: abc.SchedulerBase | None = None
    ) -> abc.DisposableBase:
        if isinstance(ledger, AsyncLedger):
            return _in_task(ledger.subscribe(name, **options), observer)
        return _in_thread(ledger.subscribe(name, **options), observer)

    return reactivex.create(subscribe)


def _in_thread(
    subscription: Subscription, observer: abc.ObserverBase[LogEntry]
) -> abc.DisposableBase:
    is_disposed = Event()

    def follow() -> None:
        try:
            with subscription:
                for entry in subscription:
                    observer.on_next(entry)
                    if is_disposed.is_set():
                        return
        except Exception as error:  # noqa: BLE001 - handed on
            _report(error, observer)
        else:
            observer.on_completed()

    def dispose() -> None:
        is_disposed.set()
        subscription.stop()
        if current_thread() is not worker:
            worker.join()

    worker = Thread(target=follow, name="agent-events subscription", daemon=True)
    worker.start()
    return Disposable(dispose)


def _in_task(
    subscription: AsyncSubscription, observer: abc.ObserverBase[LogEntry]
) -> abc.DisposableBase:
    is_disposed = Event()

    async def follow() -> None:
        try:
            async with subscription:
                async for entry in subscription:
                    observer.on_next(entry)
                    if is_disposed.is_set():
                        return
        except Exception as error:  # noqa: BLE001 - handed on
            _report(error, observer)
        else:
            observer.on_completed()

    def dispose() -> None:
        is_disposed.set()
        subscription.stop()

    task = asyncio.get_running_loop().create_task(follow(), name="agent-events subscription")
    _following.add(task)
    task.add_done_callback(_following.discard)
    return Disposable(dispose)


def _report(error: Exception, observer: abc.ObserverBase[LogEntry]) -> None:
    LOGGER.error("the log is not followed any more: %s", reason_of(error))
    observer.on_error(error)
