"""Counting rows, ranges and roots, and comparing sets of positions."""

from __future__ import annotations

from hashlib import sha256
from itertools import pairwise

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_events.cold.ranges import described, without
from agent_events.cold.tally import OutOfOrder, Tallies, Tally, ranges_of, runs
from agent_events.evidence.offline.ranges import RangeTree, cover
from agent_events.proofs.merkle import tree_root

POSITIONS = st.sets(st.integers(0, 60)).map(sorted)


def ranges(positions: list[int]) -> list[tuple[int, int]]:
    return list(ranges_of(pa.array(positions, pa.int64())))


def members(ranges: list[tuple[int, int]]) -> list[int]:
    return [each for first, last in ranges for each in range(first, last + 1)]


def leaf(position: int) -> bytes:
    return sha256(str(position).encode()).digest()


@given(POSITIONS)
def test_ranges_are_the_positions_and_do_not_touch(positions: list[int]) -> None:
    found = ranges(positions)
    assert members(found) == positions
    assert all(before[1] + 1 < after[0] for before, after in pairwise(found))


@given(POSITIONS, POSITIONS)
def test_without_is_the_difference_of_sets(one: list[int], other: list[int]) -> None:
    found = list(without(ranges(one), ranges(other)))
    assert members(found) == sorted(set(one) - set(other))


@given(POSITIONS, st.lists(st.integers(1, 20), max_size=5))
def test_a_tally_does_not_depend_on_the_batches(positions: list[int], sizes: list[int]) -> None:
    tally = Tally("acme")
    rest = positions
    for size in [*sizes, len(positions)]:
        part, rest = rest[:size], rest[size:]
        tally.add(pa.array(part, pa.int64()), list(map(leaf, part)))
    part = tally.part(None)
    assert part.row_count == len(positions)
    assert list(part.ranges) == ranges(positions)
    assert part.root == tree_root(map(leaf, positions)).hex()


@pytest.mark.parametrize("positions", [[[3, 3]], [[3, 2]], [[1, 5], [5]], [[1, 5], [4]], [[4, 0]]])
def test_a_step_back_is_out_of_order(positions: list[list[int]]) -> None:
    tally = Tally("acme")
    *before, last = positions
    for part in before:
        tally.add(pa.array(part, pa.int64()), list(map(leaf, part)))
    with pytest.raises(OutOfOrder):
        tally.add(pa.array(last, pa.int64()), list(map(leaf, last)))


def test_tenants_come_in_order() -> None:
    tallies = Tallies()
    assert tallies.of("acme") is tallies.of("acme")
    tallies.of("b")
    with pytest.raises(OutOfOrder, match="tenant acme comes after b"):
        tallies.of("acme")


def test_runs_are_the_rows_of_one_tenant() -> None:
    tenants = ["a", "a", "b", "c", "c"]
    batch = pa.RecordBatch.from_pydict({"tenant_id": tenants, "position": [0, 1, 0, 5, 6]})
    found = [(name, run.column("position").to_pylist()) for name, run in runs(batch.slice(1))]
    assert found == [("a", [1]), ("b", [0]), ("c", [5, 6])]
    assert list(runs(batch.slice(0, 0))) == []


def test_described() -> None:
    assert described([(7, 7)]) == "1 at position 7"
    assert described([(1000, 1001), (5000, 5000)]) == "3 at positions 1,000 to 1,001, 5,000"
    assert described([(n * 2, n * 2) for n in range(5)]).endswith("0, 2, 4 and 2 more ranges")


@given(POSITIONS, st.integers(0, 40))
def test_a_tree_from_scattered_leaves(positions: list[int], more: int) -> None:
    """The subtrees between ranges and the ranges' leaves fold to the root of all leaves."""
    leaves = list(map(leaf, range((positions[-1] + 1 if positions else 0) + more)))

    def nodes(first: int, end: int) -> list[bytes]:
        spans = [(index << height, height) for height, index in cover(first, end)]
        return [tree_root(leaves[at : at + (1 << height)]) for at, height in spans]

    tree = RangeTree(0, [])
    for first, last in ranges(positions):
        tree.skip(first, nodes(tree.tree_size, first))
        for position in range(first, last + 1):
            tree.append(leaves[position])
    assert tree.close(len(leaves), nodes(tree.tree_size, len(leaves))) == tree_root(leaves)
