"""What the asynchronous emitter waits with; `_threads` is the same for threads."""

from __future__ import annotations

import asyncio
import atexit
import os
from asyncio import Condition, Lock
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from concurrent.futures import CancelledError, Future, InvalidStateError
from contextlib import suppress
from contextvars import Context
from threading import Thread
from typing import TYPE_CHECKING, Any, cast
from weakref import WeakSet

from agent_events.emitting.batch import Batch
from agent_events.emitting.journal import Journal
from agent_events.errors import EventsNotStored, FailedEvent
from agent_events.models import EventArguments

if TYPE_CHECKING:
    from agent_events.emitting._async import AsyncAuditEmitter
    from agent_events.emitting._sync import AuditEmitter
    from agent_events.spooling import DiskJournal

__all__ = [
    "Condition",
    "Lock",
    "Worker",
    "append",
    "close_at_exit",
    "close_journal",
    "drain",
    "keep",
    "me",
    "release",
    "set_aside",
    "start",
    "wait",
]

_open: WeakSet[AsyncAuditEmitter[Any]] = WeakSet()
_busy: set[AsyncAuditEmitter[Any]] = set()


class Worker:
    """A task that goes on by itself, in no context of anybody's."""

    def __init__(self, function: Callable[[], Coroutine[Any, Any, None]], name: str) -> None:
        self._task = asyncio.get_running_loop().create_task(
            function(), name=name, context=Context()
        )

    def is_alive(self) -> bool:
        """Whether it goes on."""
        return not self._task.done()

    async def join(self) -> None:
        """Wait for its end."""
        await asyncio.wait([self._task])


def me() -> object:
    """Return what tells one task from another."""
    return asyncio.current_task()


def start(function: Callable[[], Coroutine[Any, Any, None]], name: str) -> Worker:
    """Start a worker."""
    return Worker(function, name)


async def wait(condition: Condition, seconds: float | None) -> None:
    """Wait until the condition is notified, or for so long."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):  # wait_for of Python 3.11 may swallow a cancellation
            await condition.wait()


async def append(journal: Journal, events: Sequence[EventArguments]) -> None:
    """Append to the journal, which waits for the disk, beside the loop."""
    await asyncio.to_thread(journal.append, events)


async def drain(
    journal: Journal, store: Callable[[Sequence[EventArguments]], Awaitable[None]]
) -> int:
    """Drain the journal in a thread; `store` runs in the loop. Cancelled, it ends soon."""
    loop = asyncio.get_running_loop()
    drained: Future[int] = Future()

    async def stored(events: Sequence[EventArguments]) -> None:
        await store(events)

    def hand_over(events: Sequence[EventArguments]) -> None:
        if drained.cancelled():
            raise CancelledError
        coroutine = stored(events)
        try:
            handed = asyncio.run_coroutine_threadsafe(coroutine, loop)
        except RuntimeError:  # the loop is closed
            coroutine.close()
            raise
        handed.result()

    def work() -> None:
        try:
            _settle(drained, journal.drain(hand_over), None)
        except BaseException as error:  # noqa: BLE001 - raised by who waits for it
            _settle(drained, 0, error)

    Thread(target=work, name="agent-events drain", daemon=True).start()
    return await asyncio.wrap_future(drained)


def _settle(future: Future[int], result: int, error: BaseException | None) -> None:
    with suppress(InvalidStateError, RuntimeError):  # cancelled, or the loop is closed
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)


async def close_journal(journal: Journal) -> None:
    """Close a journal that was made for the emitter, beside the loop."""
    await asyncio.to_thread(cast("DiskJournal", journal).close)


async def set_aside(journal: Journal, event: EventArguments, reason: str) -> None:
    """Have the journal keep an event that is refused, beside the loop."""
    await asyncio.to_thread(journal.set_aside, event, reason)


def close_at_exit(emitter: AsyncAuditEmitter[Any]) -> None:
    """Have what nobody waited for stored at the end of the process, and begin anew in a fork."""
    _open.add(emitter)


def keep(emitter: AsyncAuditEmitter[Any]) -> None:
    """Keep it from being forgotten, while it may have events, although nobody else has it."""
    _busy.add(emitter)


def release(emitter: AsyncAuditEmitter[Any]) -> None:
    """Let it be forgotten: it is closed."""
    _busy.discard(emitter)


@atexit.register
def _store_rest() -> None:
    """Store, without a loop, what is left in buffers that were not closed."""
    failed: list[Exception] = []
    for emitter in list(_open):
        if rest := emitter._buffer.rest():
            emitter._logger.warning(
                "close() was not awaited, or was cut short: what is buffered is stored at exit"
            )
            try:
                _store_synchronously(emitter, rest)
            except Exception as error:  # noqa: BLE001 - raised with the others
                failed.append(error)
    if len(failed) == 1:
        raise failed[0]
    if failed:
        raise ExceptionGroup("emitters were closed at exit, and could not store everything", failed)


def _store_synchronously(emitter: AsyncAuditEmitter[Any], rest: list[Batch]) -> None:
    try:
        heir = _heir(emitter)
    except Exception as error:
        failed = [FailedEvent(event, error) for batch in rest for event in batch.events]
        raise EventsNotStored.of(failed) from error
    with heir:
        heir._buffer.inherit(rest)


def _heir(emitter: AsyncAuditEmitter[Any]) -> AuditEmitter[Any]:
    from agent_events.emitting._sync import AuditEmitter
    from agent_events.emitting.connections.pooled import arguments_of

    options: Any = dict(emitter._options, journal=emitter._journal, spool_dir=None)
    options.pop("max_spool_bytes", None)
    if emitter._own:
        conninfo = emitter._own.conninfo
    else:
        conninfo, options["pgbouncer"] = arguments_of(emitter._store.source)
    heir: AuditEmitter[Any] = AuditEmitter(conninfo, logger=emitter._logger, **options)
    heir.observers[:] = emitter.observers
    return heir


def _forget_parent() -> None:
    for emitter in list(_open):
        emitter._forget_parent()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_parent)
