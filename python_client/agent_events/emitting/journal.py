"""Where events wait, on this machine, while the database cannot be reached."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from agent_events.models import EventArguments

Store = Callable[[Sequence[EventArguments]], None]


class Journal(Protocol):
    """A durable queue of events: first in, first out, for one emitter or several.

    Every event has its idempotency key and its `occurred_at`, so that sending one twice stores it
    once; secrets under keys of the deny list are masked. Is called from several threads, and from
    processes that were forked meanwhile.
    """

    def append(self, events: Sequence[EventArguments], /) -> None:
        """Put events at the end; they are on disk when this returns, or it raises."""

    def is_empty(self) -> bool:
        """Whether nothing waits. Asked at every emit: it must cost no system call."""

    def drain(self, store: Store, /) -> int:
        """Hand everything to `store`, in order and in batches; return how many events went.

        Is called when something waits, at every flush, and each minute although nothing seems to.
        A batch is forgotten when `store` has returned; what `store` raises ends the drain, is
        raised, and leaves the batch in its place. It is empty only when all of it is stored.
        """

    def set_aside(self, event: EventArguments, reason: str, /) -> None:
        """Keep an event that the ledger refuses, apart, so that it is in nobody's way."""
