"""A journal that is a list."""

from __future__ import annotations

from collections.abc import Sequence

from agent_events.emitting.journal import Store
from agent_events.models import EventArguments


class ListJournal:
    """As far as an emitter can see, a journal; `history` is all that was ever in it."""

    def __init__(self) -> None:
        self.events: list[EventArguments] = []
        self.history: list[EventArguments] = []
        self.refused: list[tuple[EventArguments, str]] = []

    def append(self, events: Sequence[EventArguments]) -> None:
        self.events += events
        self.history += events

    def is_empty(self) -> bool:
        return not self.events

    def drain(self, store: Store) -> int:
        count = 0
        while batch := self.events[:100]:
            store(batch)
            del self.events[: len(batch)]
            count += len(batch)
        return count

    def set_aside(self, event: EventArguments, reason: str) -> None:
        self.refused.append((event, reason))
