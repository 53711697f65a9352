"""What the synchronous emitter waits with; `_tasks` is the same for asyncio."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Semaphore

from agent_events.emitting.journal import Journal
from agent_events.models import EventArguments

__all__ = ["Semaphore", "append", "drain"]


def append(journal: Journal, events: Sequence[EventArguments]) -> None:
    """Append to the journal."""
    journal.append(events)


def drain(journal: Journal, store: Callable[[Sequence[EventArguments]], None]) -> int:
    """Drain the journal."""
    return journal.drain(store)
