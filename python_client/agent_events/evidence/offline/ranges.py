"""Prove that leaves are all the leaves of a range of a tree, with a few hashes beside the range.

The range [first, end) of a tree of n leaves goes with the roots of the perfect subtrees that cover
[0, first) and [end, n). From these and the leaves the root follows in one pass; it fits only if
each leaf stands at its position, and none is missing or added.
"""

from __future__ import annotations

from agent_events.proofs.merkle import EMPTY_ROOT, HASH_SIZE, ProofError, node_hash


def cover(first: int, end: int) -> list[tuple[int, int]]:
    """Name the perfect subtrees that cover the leaves from `first` to `end` - 1, left to right.

    Returns:
        (height, index) each: the leaves from `index << height` on, `1 << height` of them.
    """
    subtrees = []
    while first < end:
        height = (end - first).bit_length() - 1
        if first:
            height = min(height, (first & -first).bit_length() - 1)
        subtrees.append((height, first >> height))
        first += 1 << height
    return subtrees


class RangeTree:
    """Computes a tree's root from the leaves of a range, one by one, and the hashes beside it.

    Args:
        first: position of the first leaf of the range.
        left: roots of the subtrees of `cover(0, first)`.

    Raises:
        ProofError: the hashes are too many, too few, or no hashes.
    """

    def __init__(self, first: int, left: list[bytes]) -> None:
        self._size = 0
        self._waiting: list[tuple[int, bytes]] = []
        self._append_cover(0, first, left)

    @property
    def tree_size(self) -> int:
        """Number of leaves to the left of what comes next."""
        return self._size

    def append(self, leaf_hash: bytes) -> None:
        """Append the next leaf of the range, 32 bytes."""
        self._append(0, leaf_hash)

    def skip(self, end: int, hashes: list[bytes]) -> None:
        """Pass over leaves that are not in hand: another range begins at `end`.

        Args:
            end: position of the next leaf that is appended.
            hashes: roots of the subtrees of `cover(tree_size, end)`.

        Raises:
            ProofError: the hashes are too many, too few, or no hashes.
        """
        self._append_cover(self._size, end, hashes)

    def close(self, tree_size: int, right: list[bytes]) -> bytes:
        """Append what is to the right of the range: the root of the tree, 32 bytes.

        Args:
            tree_size: number of leaves of the whole tree.
            right: roots of the subtrees of `cover(end of the range, tree_size)`.

        Raises:
            ProofError: the hashes are too many, too few, or no hashes.
        """
        if self._size > tree_size:
            raise ProofError(f"a tree of {tree_size} leaves has no {self._size}")
        self._append_cover(self._size, tree_size, right)
        if not self._waiting:
            return EMPTY_ROOT
        _, root = self._waiting[-1]
        for _, left in reversed(self._waiting[:-1]):
            root = node_hash(left, root)
        return root

    def _append_cover(self, first: int, end: int, hashes: list[bytes]) -> None:
        subtrees = cover(first, end)
        if len(subtrees) != len(hashes) or any(len(hash_) != HASH_SIZE for hash_ in hashes):
            raise ProofError(
                f"the leaves from {first} to {end} are covered by {len(subtrees)} subtrees, "
                f"but {len(hashes)} hashes are given, or one has not {HASH_SIZE} bytes"
            )
        for number, (height, _) in enumerate(subtrees):
            self._append(height, hashes[number])

    def _append(self, height: int, node: bytes) -> None:
        self._size += 1 << height
        while self._waiting and self._waiting[-1][0] == height:
            node = node_hash(self._waiting.pop()[1], node)
            height += 1
        self._waiting.append((height, node))
