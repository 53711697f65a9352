"""Folding a stream with a function of one's own."""

from __future__ import annotations

import asyncio
import tracemalloc
from typing import Any

import psycopg
import pytest

from agent_events import AsyncLedger, Event, Ledger, Receipt

EMPTY: list[str] = []


def append(state: list[str], event: Event) -> list[str]:
    return [*state, event.payload["text"]]


def note(receipts: int, noted: str) -> list[Any]:
    return [
        {
            "event_type": noted,
            "payload": {"text": f"{n}"},
            "aggregate_type": "note",
            "aggregate_id": "n",
        }
        for n in range(1, receipts + 1)
    ]


@pytest.fixture
def receipts(ledger: Ledger, noted: str) -> list[Receipt]:
    """Seven notes of one stream."""
    return ledger.emit_events(note(7, noted))


def test_all_of_it_page_by_page(ledger: Ledger, receipts: list[Receipt]) -> None:
    expected = [f"{n}" for n in range(1, len(receipts) + 1)]
    for page_size in (1, 3, 7, 1000):
        assert ledger.replay("note", "n", append, EMPTY, page_size=page_size) == expected


def test_up_to_a_moment(ledger: Ledger, receipts: list[Receipt]) -> None:
    for at in range(len(receipts)):
        expected = [f"{n}" for n in range(1, at + 2)]
        at_time = receipts[at].created_at
        assert ledger.replay("note", "n", append, EMPTY, at_sequence=at + 1) == expected
        assert ledger.replay("note", "n", append, EMPTY, at_time=at_time) == expected
    assert ledger.replay("note", "n", append, EMPTY, at_sequence=0) == []


def test_no_events_is_the_initial_state(ledger: Ledger) -> None:
    assert ledger.replay("note", "none", append, ["untouched"]) == ["untouched"]


def test_state_may_be_of_any_type(ledger: Ledger, receipts: list[Receipt]) -> None:
    total = ledger.replay("note", "n", lambda n, event: n + int(event.payload["text"]), 0)
    assert total == sum(range(len(receipts) + 1))


def test_exception_names_the_event(ledger: Ledger, receipts: list[Receipt], noted: str) -> None:
    def choke(state: int, event: Event) -> int:
        return state // (4 - int(event.payload["text"]))

    with pytest.raises(ZeroDivisionError) as caught:
        ledger.replay("note", "n", choke, 1)
    assert caught.value.__notes__ == [
        f"replaying note/n: event 4 ({noted} version 1, id {receipts[3].id}, tenant default)"
    ]


def test_memory_does_not_grow_with_the_stream(ledger: Ledger, noted: str) -> None:
    peaks = []
    for _ in range(2):
        ledger.emit_events(note(2000, noted))
        tracemalloc.start()
        ledger.replay("note", "n", lambda n, _: n + 1, 0, page_size=100)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]


def test_async(receipts: list[Receipt], connection: psycopg.Connection[Any], dsn: str) -> None:
    connection.commit()

    async def scenario() -> None:
        async with await psycopg.AsyncConnection.connect(dsn) as other:
            ledger = AsyncLedger(other)
            replayed = await ledger.replay("note", "n", append, EMPTY, page_size=2, at_sequence=5)
            assert replayed == ["1", "2", "3", "4", "5"]
            with pytest.raises(KeyError) as caught:
                await ledger.replay("note", "n", lambda _, event: event.payload["none"], None)
            assert str(receipts[0].id) in caught.value.__notes__[0]

    asyncio.run(scenario())
