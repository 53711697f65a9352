"""Journals in a folder of the test's own, and emitters that spool there."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from emitting.conftest import loop, make_emitter, noted, outage, texts

from agent_events.models import EventArguments
from agent_events.spooling import DiskJournal
from agent_events.spooling.names import segments_in

__all__ = ["loop", "make_emitter", "noted", "outage", "texts"]

Open = Callable[..., DiskJournal]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the journals of a test are."""
    return tmp_path / "spool"


@pytest.fixture
def open_journal(folder: Path) -> Iterator[Open]:
    """`open_journal(max_bytes=…)`: a journal in the folder; closed at the end of the test."""
    journals = []

    def make(**options: Any) -> DiskJournal:
        journals.append(DiskJournal(folder, **options))
        return journals[-1]

    yield make
    for journal in journals:
        journal.close()


def note(text: str, **more: Any) -> EventArguments:
    """An event as an emitter gives it to a journal."""
    event: Any = {"event_type": "test.noted", "payload": {"text": text}, "idempotency_key": text}
    return event | more


def drained(journal: DiskJournal) -> list[str]:
    """The texts of what waits, delivered to nobody."""
    return [event["payload"]["text"] for event in drained_events(journal)]


def drained_events(journal: DiskJournal) -> list[Any]:
    events: list[Any] = []

    def store(batch: Sequence[EventArguments]) -> None:
        events.extend(batch)

    assert journal.drain(store) == len(events)
    return events


def only_segment(folder: Path) -> Path:
    [path] = segments_in(folder)
    return path


def in_child(work: Callable[[], object]) -> int:
    """Run in a process that is forked, and ends without the usual end; return its exit code."""
    if child := os.fork():
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    code = 1
    try:
        work()
        code = 0
    finally:
        os._exit(code)
