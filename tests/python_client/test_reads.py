"""Finding events, reading streams and traces."""

from __future__ import annotations

from itertools import pairwise
from uuid import UUID, uuid4

import pytest

from agent_events import Ledger, Receipt


@pytest.fixture
def receipts(ledger: Ledger, noted: str) -> list[Receipt]:
    """Twenty-five notes in two streams."""
    return ledger.emit_events(
        [
            {
                "event_type": noted,
                "payload": {"text": f"{n}"},
                "aggregate_type": "note",
                "aggregate_id": "odd" if n % 2 else "even",
                "actor_type": "agent" if n < 5 else "user",
                "actor_id": "a",
            }
            for n in range(25)
        ]
    )


def ids(receipts: list[Receipt]) -> list[UUID]:
    """Their ids in the order of the log: by created_at, then id."""
    return [r.id for r in sorted(receipts, key=lambda r: (r.created_at, r.id))]


@pytest.mark.parametrize("newest_first", [True, False, None])
def test_pages_give_every_event_once_and_in_order(
    ledger: Ledger, noted: str, receipts: list[Receipt], newest_first: bool | None
) -> None:
    found = [
        event.id
        for event in ledger.iter_events(
            page_size=10, newest_first=newest_first, event_types=[noted]
        )
    ]
    expected = ids(receipts)
    assert found == (expected if newest_first is False else expected[::-1])


def test_one_page(ledger: Ledger, noted: str, receipts: list[Receipt]) -> None:
    first = ledger.find_events(event_types=[noted], page_size=3)
    second = ledger.find_events(event_types=[noted], page_size=3, after_id=first[-1].id)
    assert [event.id for event in first + second] == ids(receipts)[:-7:-1]


def test_filters_add_up(ledger: Ledger, noted: str, receipts: list[Receipt]) -> None:
    found = ledger.find_events(action_prefix="test.", actor_type="agent", aggregate_id="even")
    assert {event.id for event in found} == {receipts[n].id for n in (0, 2, 4)}
    at = receipts[0].created_at
    assert ledger.find_events(event_types=[noted], to_time=at) == []


def test_unknown_filter_is_refused(ledger: Ledger) -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument: agregate_id"):
        ledger.find_events(agregate_id="x")  # type: ignore[call-arg]


def test_stream_in_order(ledger: Ledger, receipts: list[Receipt]) -> None:
    odd = [receipt.id for receipt in receipts[1::2]]
    page = ledger.read_stream("note", "odd", from_sequence=3, page_size=4)
    assert [(event.sequence, event.id) for event in page] == list(enumerate(odd[2:6], start=3))
    assert [event.id for event in ledger.iter_stream("note", "odd", page_size=5)] == odd
    for before, after in pairwise(page):
        assert after.prev_hash == before.hash


def test_stream_of_whole_pages_ends(ledger: Ledger, receipts: list[Receipt]) -> None:
    assert len(list(ledger.iter_stream("note", "odd", page_size=len(receipts[1::2])))) == 12


def test_nothing_to_read(ledger: Ledger) -> None:
    assert ledger.get_event(uuid4()) is None
    assert ledger.find_events(deal_id=uuid4()) == []
    assert list(ledger.iter_stream("note", "none")) == []
    assert ledger.trace(uuid4()) == []


def test_trace_is_the_causation_tree(ledger: Ledger, noted: str) -> None:
    deal = uuid4()
    root = ledger.emit_event(noted, {"text": "root"}, deal_id=deal)
    child = ledger.emit_event(noted, {"text": "child"}, deal_id=deal, causation_id=root.id)
    other = ledger.emit_event(noted, {"text": "other"}, deal_id=deal, causation_id=root.id)
    grandchild = ledger.emit_event(noted, {"text": "leaf"}, deal_id=deal, causation_id=child.id)
    nodes = ledger.trace(deal)
    assert [(node.depth, node.event.id) for node in nodes] == [
        (0, root.id),
        (1, child.id),
        (2, grandchild.id),
        (1, other.id),
    ]
