"""An independent Merkle tree, straight from the text of RFC 6962 and RFC 9162, SHA-256.

It shares no code with the ledger. Leaves are hashes already: an event's hash is its leaf's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

TILE = 256  # hashes in a full tile, C2SP tlog-tiles


def parent(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


class Tree:
    """The Merkle tree of RFC 6962, 2.1, over leaf hashes, at every size up to theirs."""

    def __init__(self, leaves: Sequence[bytes]) -> None:
        self.leaves = leaves
        self.perfect: dict[tuple[int, int], bytes] = {}

    def root(self, size: int) -> bytes:
        return self.hash_of(0, size) if size else hashlib.sha256(b"").digest()

    def hash_of(self, start: int, end: int) -> bytes:
        """MTH(D[start:end]); what is perfect is remembered, because it never changes."""
        count = end - start
        if count == 1:
            return self.leaves[start]
        if (start, end) in self.perfect:
            return self.perfect[start, end]
        split = start + (1 << (count - 1).bit_length() - 1)
        found = parent(self.hash_of(start, split), self.hash_of(split, end))
        if count & (count - 1) == 0:
            self.perfect[start, end] = found
        return found

    def levels(self, size: int) -> list[list[bytes]]:
        """What the tiles of each level hold: leaves, then the roots of full tiles below."""
        levels = []
        width = 1
        while width == 1 or size >= width:
            starts = range(0, size // width * width, width)
            levels.append([self.hash_of(start, start + width) for start in starts])
            width *= TILE
        return levels

    def tiles(self, size: int) -> dict[tuple[int, int], bytes]:
        """Every full tile, by level and index."""
        return {
            (level, index): b"".join(hashes[index * TILE : (index + 1) * TILE])
            for level, hashes in enumerate(self.levels(size))
            for index in range(len(hashes) // TILE)
        }

    def edges(self, size: int) -> dict[int, bytes]:
        """Of each level, the hashes that fill no tile yet; levels without any are left out."""
        edges = {
            level: b"".join(hashes[len(hashes) // TILE * TILE :])
            for level, hashes in enumerate(self.levels(size))
        }
        return {level: hashes for level, hashes in edges.items() if hashes}


def includes(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether an inclusion proof verifies: RFC 9162, 2.1.3.2."""
    if index >= size:
        return False
    fn, sn, r = index, size - 1, leaf
    for p in proof:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            r = parent(p, r)
            while not fn & 1 and fn:
                fn >>= 1
                sn >>= 1
        else:
            r = parent(r, p)
        fn >>= 1
        sn >>= 1
    return sn == 0 and r == root


def is_consistent(
    first: int, second: int, proof: Sequence[bytes], first_root: bytes, second_root: bytes
) -> bool:
    """Whether a consistency proof verifies: RFC 9162, 2.1.4.2, for 0 < first < second."""
    if not proof:
        return False
    path = list(proof) if first & (first - 1) else [first_root, *proof]
    fn, sn = first - 1, second - 1
    while fn & 1:
        fn >>= 1
        sn >>= 1
    fr = sr = path[0]
    for c in path[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr, sr = parent(c, fr), parent(c, sr)
            while not fn & 1 and fn:
                fn >>= 1
                sn >>= 1
        else:
            sr = parent(sr, c)
        fn >>= 1
        sn >>= 1
    return fr == first_root and sr == second_root and sn == 0
