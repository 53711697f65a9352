"""Chains that were broken before they were sealed: each hash is right, and the tree has them."""

from __future__ import annotations

from typing import Any

import pytest

from agent_events.evidence.offline.entry import FIELDS, BundledEvent
from agent_events.evidence.offline.streams import StreamChains

NONE: dict[str, Any] = {name: None for name, _ in FIELDS}
A, B, C = ("aa" * 32, "bb" * 32, "cc" * 32)


def event(hash_: str, sequence: Any, prev_hash: str | None, stream: str | None = "7") -> Any:
    fields = NONE | {"sequence": sequence, "prev_hash": prev_hash}
    if stream is not None:
        fields |= {"aggregate_type": "deal", "aggregate_id": stream}
    return BundledEvent(0, bytes.fromhex(hash_), fields)


def problems(*events: BundledEvent, gapless: bool = True, from_start: bool = True) -> list[str]:
    chains = StreamChains(gapless=gapless, from_start=from_start)
    return [problem for found in events for problem in chains.problems(found)]


def test_whole_chains_beside_each_other() -> None:
    other = event(C, 1, None, "8")
    alone = event(C, None, None, None)
    assert problems(event(A, 1, None), other, event(B, 2, A), alone, event(C, 3, B)) == []


@pytest.mark.parametrize(
    ("second", "said"),
    [
        (event(B, 2, C), "prev_hash of sequence 2 is not the hash of 1"),
        (event(B, 1, None), "sequence 1 comes after 1"),
        (event(B, 3, A), "sequence 3 follows 1; some are missing"),
        (event(B, 2, None), "sequence 2 has no prev_hash"),
        (event(B, 1, A), "sequence 1 has a prev_hash"),
        (event(B, 0, A), "its sequence is 0"),
        (event(B, None, None), "its sequence is None"),
        (event(B, 1, None, None), "it has no aggregate, but a place in a stream"),
    ],
)
def test_broken_chains(second: BundledEvent, said: str) -> None:
    (problem,) = problems(event(A, 1, None), second)
    assert said in problem


def test_a_second_chain_under_the_same_name_is_found() -> None:
    assert problems(event(A, 1, None), event(B, 2, A), event(C, 2, A)) != []


def test_some_events_of_a_stream() -> None:
    some = (event(A, 3, C), event(B, 7, C))
    assert problems(*some, gapless=False) == []
    assert len(problems(*some)) == 2
    assert len(problems(*some, from_start=False)) == 1
    assert problems(event(A, 3, C), event(B, 4, C), gapless=False) != []
