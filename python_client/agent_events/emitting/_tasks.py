"""What the asynchronous emitter waits with; `_threads` is the same for threads."""

from __future__ import annotations

import asyncio
from asyncio import Semaphore
from collections.abc import Awaitable, Callable, Sequence

from agent_events.emitting.journal import Journal
from agent_events.models import EventArguments

__all__ = ["Semaphore", "append", "drain"]


async def append(journal: Journal, events: Sequence[EventArguments]) -> None:
    """Append to the journal, which waits for the disk, beside the loop."""
    await asyncio.to_thread(journal.append, events)


async def drain(
    journal: Journal, store: Callable[[Sequence[EventArguments]], Awaitable[None]]
) -> int:
    """Drain the journal beside the loop; `store` runs in the loop."""
    loop = asyncio.get_running_loop()

    async def stored(events: Sequence[EventArguments]) -> None:
        await store(events)

    def hand_over(events: Sequence[EventArguments]) -> None:
        asyncio.run_coroutine_threadsafe(stored(events), loop).result()

    return await asyncio.to_thread(journal.drain, hand_over)
