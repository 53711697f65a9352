"""A journal that is a list."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from agent_events.emitting.journal import Store
from agent_events.models import EventArguments


class ListJournal:
    """As far as an emitter can see, a journal; `history` is all that was ever in it."""

    def __init__(self) -> None:
        self.events: list[EventArguments] = []
        self.history: list[EventArguments] = []

    def append(self, events: Sequence[EventArguments]) -> None:
        self.events += events
        self.history += events

    def is_empty(self) -> bool:
        return not self.events

    def drain(self, store: Store) -> int:
        batch = list(self.events)
        if batch:
            store(batch)
        del self.events[: len(batch)]
        return len(batch)

    def set_aside(self, event: EventArguments, reason: str) -> None:
        raise AssertionError(f"{reason}: {event}")


@pytest.fixture
def journal() -> ListJournal:
    return ListJournal()
