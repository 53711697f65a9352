"""A range's leaves and the hashes beside it lead to the root, and to no other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_events.evidence.offline.ranges import RangeTree, cover
from agent_events.proofs import EMPTY_ROOT, ProofError, leaf_hash, tree_root

LEAVES = [leaf_hash(str(number).encode()) for number in range(200)]


def beside(leaves: list[bytes], first: int, end: int) -> list[bytes]:
    return [
        tree_root(leaves[index << height : (index + 1) << height])
        for height, index in cover(first, end)
    ]


def range_root(leaves: list[bytes], first: int, end: int) -> bytes:
    tree = RangeTree(first, beside(leaves, 0, first))
    for leaf in leaves[first:end]:
        tree.append(leaf)
    assert tree.tree_size == end
    return tree.close(len(leaves), beside(leaves, end, len(leaves)))


@given(st.lists(st.integers(0, 200), min_size=3, max_size=3).map(sorted))
def test_every_range_leads_to_the_root(bounds: list[int]) -> None:
    first, end, size = bounds
    leaves = LEAVES[:size]
    assert range_root(leaves, first, end) == tree_root(leaves)


@given(st.integers(0, 199), st.integers(1, 200), st.data())
def test_another_leaf_leads_elsewhere(first: int, size: int, data: st.DataObject) -> None:
    first %= size
    leaves = LEAVES[:size]
    changed = data.draw(st.integers(first, size - 1))
    tree = RangeTree(first, beside(leaves, 0, first))
    for number, leaf in enumerate(leaves[first:], first):
        tree.append(bytes(32) if number == changed else leaf)
    assert tree.close(size, []) != tree_root(leaves)


def test_cover_is_seamless() -> None:
    for first in range(40):
        for end in range(first, 40):
            at = first
            for height, index in cover(first, end):
                assert index << height == at
                at += 1 << height
            assert at == end


def test_empty() -> None:
    assert RangeTree(0, []).close(0, []) == EMPTY_ROOT


@pytest.mark.parametrize(
    ("first", "left", "size", "right"),
    [
        (1, [], 2, []),
        (0, [bytes(32)], 2, []),
        (1, [b"short"], 2, []),
        (1, [bytes(32)], 4, [bytes(32)]),
        (1, [bytes(32)], 4, [bytes(32), bytes(31)]),
        (3, [bytes(32)] * 2, 2, []),
    ],
)
def test_too_few_too_many_or_no_hashes(
    first: int, left: list[bytes], size: int, right: list[bytes]
) -> None:
    with pytest.raises(ProofError):
        RangeTree(first, left).close(size, right)
