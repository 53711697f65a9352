"""The nodes of a stretch of the tree, and the roots that the whole tree had while it grew there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256

from agent_events.proofs.merkle import EMPTY_ROOT, frontier_ranges, node_hash
from agent_events.verifying.session import Session

TILE = 256  # hashes in a full tile
TILE_SIZE = TILE * 32  # bytes
STRETCH = TILE * TILE  # leaves that one task verifies: those under one tile of level 1


class Nodes:
    """Every perfect subtree over leaves that begin at a multiple of `STRETCH`.

    Args:
        leaves: at most `STRETCH` hashes, 32 bytes each.
    """

    def __init__(self, leaves: Sequence[bytes]) -> None:
        self._rows = [leaves]
        while len(row := self._rows[-1]) > 1:
            pairs = zip(row[::2], row[1::2], strict=False)
            self._rows.append([sha256(b"\x01" + left + right).digest() for left, right in pairs])

    def tile_roots(self) -> Sequence[bytes]:
        """Return the roots of the full tiles: what stands at level 1."""
        return self._rows[8] if len(self._rows) > 8 else ()

    def root(self, size: int) -> bytes:
        """Return the root over the first leaves.

        Args:
            size: how many, at least 1.
        """
        *left, last = self.peaks(size)
        return fold(left, last)

    def peaks(self, size: int) -> list[bytes]:
        """Return the perfect subtrees that the first leaves are made of, from left to right."""
        return [self._rows[height][index] for height, index in frontier_ranges(size)]


def fold(left: Iterable[bytes], root: bytes) -> bytes:
    """Return the root of a tree from that of its last part and the subtrees left of it.

    Args:
        left: roots of perfect subtrees, from left to right.
        root: of the leaves that follow them.
    """
    for hash_ in reversed(list(left)):
        root = node_hash(hash_, root)
    return root


def stored_tile(session: Session, tenant_id: str, level: int, index: int, size: int) -> bytes:
    """Return a tile as the database has it: the edge of its level where it is the last.

    Args:
        session: where.
        tenant_id: whose tree.
        level: 0 for leaves.
        index: of the tile in its level.
        size: leaves of the whole tree.

    Returns:
        any number of bytes; none where there is no such tile.
    """
    if index < size >> 8 * (level + 1):
        found = session.one(
            "select t.hashes from ledger.log_tiles as t"
            " where t.tenant_id = %s and t.level = %s and t.tile_index = %s",
            tenant_id,
            level,
            index,
        )
    else:
        found = session.one(
            "select g.hashes from ledger.log_edges as g where g.tenant_id = %s and g.level = %s",
            tenant_id,
            level,
        )
    return b"" if found is None else bytes(found[0] or b"")


def stored_frontier(session: Session, tenant_id: str, size: int, head_size: int) -> list[bytes]:
    """Return the perfect subtrees of the tree that the log once was, from the stored tiles.

    Args:
        session: where.
        tenant_id: whose tree.
        size: leaves that the tree had.
        head_size: leaves that it has.

    Returns:
        their roots, from left to right, as `frontier_ranges(size)` names them.

    Raises:
        LookupError: a tile is missing or too short.
    """
    found: list[bytes] = []
    for level in range((size.bit_length() + 7) // 8 - 1, -1, -1):
        count = size >> 8 * level & 255
        if not count:
            continue
        index = size >> 8 * (level + 1)
        hashes = stored_tile(session, tenant_id, level, index, head_size)
        if len(hashes) < count * 32:
            raise LookupError(f"tile {index:,} of level {level} is missing or too short")
        nodes = Nodes(split(hashes[: count * 32]))
        found += nodes.peaks(count)
    return found


def split(hashes: bytes) -> list[bytes]:
    """Cut a tile into its hashes."""
    return [hashes[at : at + 32] for at in range(0, len(hashes), 32)]


def root_of(hashes: Sequence[bytes]) -> bytes:
    """Return the root over at most `STRETCH` hashes."""
    return Nodes(hashes).root(len(hashes)) if hashes else EMPTY_ROOT
