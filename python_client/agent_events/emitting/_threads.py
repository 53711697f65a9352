"""What the synchronous emitter waits with; `_tasks` is the same for asyncio."""

from __future__ import annotations

import atexit
import os
from collections.abc import Callable, Sequence
from threading import Condition, Lock, Thread, get_ident
from typing import TYPE_CHECKING, Any, cast
from weakref import WeakSet

from agent_events.emitting.journal import Journal
from agent_events.models import EventArguments

if TYPE_CHECKING:
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

_open: WeakSet[AuditEmitter[Any]] = WeakSet()
_busy: set[AuditEmitter[Any]] = set()
Worker = Thread


def me() -> object:
    """Return what tells one thread from another."""
    return get_ident()


def start(function: Callable[[], None], name: str) -> Worker:
    """Start a worker that does not keep the process alive; at its end the emitters are closed."""
    worker = Thread(target=function, name=name, daemon=True)
    worker.start()
    return worker


def wait(condition: Condition, seconds: float | None) -> None:
    """Wait until the condition is notified, or for so long."""
    condition.wait(seconds)


def append(journal: Journal, events: Sequence[EventArguments]) -> None:
    """Append to the journal."""
    journal.append(events)


def drain(journal: Journal, store: Callable[[Sequence[EventArguments]], None]) -> int:
    """Drain the journal."""
    return journal.drain(store)


def close_journal(journal: Journal) -> None:
    """Close a journal that was made for the emitter."""
    cast("DiskJournal", journal).close()


def set_aside(journal: Journal, event: EventArguments, reason: str) -> None:
    """Have the journal keep an event that is refused."""
    journal.set_aside(event, reason)


def close_at_exit(emitter: AuditEmitter[Any]) -> None:
    """Have it closed at the end of the process, and begin anew in a process that is forked."""
    _open.add(emitter)


def keep(emitter: AuditEmitter[Any]) -> None:
    """Keep it from being forgotten, while it may have events, although nobody else has it."""
    _busy.add(emitter)


def release(emitter: AuditEmitter[Any]) -> None:
    """Let it be forgotten: it is closed."""
    _busy.discard(emitter)


@atexit.register
def _close_all() -> None:
    failed: list[Exception] = []
    for emitter in list(_open):
        try:
            emitter.close()
        except Exception as error:  # noqa: BLE001 - raised with the others
            failed.append(error)
    if len(failed) == 1:
        raise failed[0]
    if failed:
        raise ExceptionGroup("emitters were closed at exit, and could not store everything", failed)


def _forget_parent() -> None:
    for emitter in list(_open):
        emitter._forget_parent()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_parent)
