"""The Merkle tree over a tenant's event hashes: RFC 6962 (2.1) and RFC 9162 (2.1), SHA-256.

An event's `hash` is a leaf hash already, so leaves are hashes everywhere here: 32 bytes each.

This file needs Python 3.9 and its standard library only, and is copied verbatim into evidence
bundles.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256

HASH_SIZE = 32
MAX_TREE_SIZE = 2**63 - 1
EMPTY_ROOT = sha256(b"").digest()  # of the tree without leaves


class ProofError(Exception):
    """The proof does not show what it should; the message says why."""


def leaf_hash(entry: bytes) -> bytes:
    """Hash an entry (RFC 9162, 2.1.1). The hash of an event is that of its entry."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash two subtrees, 32 bytes each, into one (RFC 9162, 2.1.1)."""
    return sha256(b"\x01" + left + right).digest()


def frontier_ranges(tree_size: int) -> list[tuple[int, int]]:
    """Name the perfect subtrees that a tree is made of, from left to right.

    Returns:
        (height, index) each: the subtree covers the leaves from `index << height` on, `1 << height`
        of them.

    Raises:
        ValueError: the size is negative.
    """
    if tree_size < 0:
        raise ValueError(f"a tree has no {tree_size} leaves")
    heights = range(tree_size.bit_length() - 1, -1, -1)
    return [(height, tree_size >> height & ~1) for height in heights if tree_size >> height & 1]


class Frontier:
    """The growing right edge of a tree: all that is needed to append leaves and to get the root.

    Args:
        tree_size: number of leaves so far.
        hashes: roots of the subtrees that `frontier_ranges(tree_size)` names, in that order.

    Raises:
        ValueError: there are more or fewer hashes than subtrees, or one does not have 32 bytes.
    """

    def __init__(self, tree_size: int = 0, hashes: Iterable[bytes] = ()) -> None:
        self._tree_size = tree_size
        self._hashes = list(hashes)
        _check_hashes(self._hashes)
        needed = len(frontier_ranges(tree_size))
        if len(self._hashes) != needed:
            raise ValueError(
                f"a tree of {tree_size} leaves has {needed} perfect subtrees, "
                f"but {len(self._hashes)} hashes were given"
            )

    @property
    def tree_size(self) -> int:
        """Number of leaves."""
        return self._tree_size

    @property
    def hashes(self) -> tuple[bytes, ...]:
        """Roots of the subtrees that `frontier_ranges(tree_size)` names."""
        return tuple(self._hashes)

    def append(self, leaf_hash: bytes) -> None:
        """Append one leaf, 32 bytes."""
        self.extend((leaf_hash,))

    def extend(self, leaf_hashes: Iterable[bytes]) -> None:
        """Append leaves, 32 bytes each; many at once are several times faster than one by one.

        Raises:
            ValueError: one does not have 32 bytes; nothing was appended.
        """
        row = list(leaf_hashes)
        _check_hashes(row)
        tree_size = self._tree_size
        self._tree_size += len(row)
        waiting = self._hashes
        unpaired = []
        height = 0
        while row:
            if tree_size >> height & 1:
                row.insert(0, waiting.pop())
            if len(row) & 1:
                unpaired.append(row.pop())
            pairs = range(0, len(row), 2)
            row = [sha256(b"\x01" + row[left] + row[left + 1]).digest() for left in pairs]
            height += 1
        waiting.extend(reversed(unpaired))

    def root(self) -> bytes:
        """Return the root of the tree, 32 bytes (RFC 9162, 2.1.1)."""
        if not self._hashes:
            return EMPTY_ROOT
        root = self._hashes[-1]
        for left in reversed(self._hashes[:-1]):
            root = node_hash(left, root)
        return root


def tree_root(leaf_hashes: Iterable[bytes]) -> bytes:
    """Return the root over leaf hashes, 32 bytes each (RFC 9162, 2.1.1)."""
    frontier = Frontier()
    frontier.extend(leaf_hashes)
    return frontier.root()


def tile_root(hashes: bytes) -> bytes:
    """Return the root over concatenated hashes, as C2SP tlog-tiles stores them.

    Raises:
        ValueError: the length is no multiple of 32.
    """
    if len(hashes) % HASH_SIZE:
        raise ValueError(f"{len(hashes)} bytes are no whole number of {HASH_SIZE}-byte hashes")
    return tree_root(hashes[at : at + HASH_SIZE] for at in range(0, len(hashes), HASH_SIZE))


def inclusion_proof(leaf_hashes: Sequence[bytes], index: int) -> list[bytes]:
    """Prove that the tree over these leaves has this one at `index` (RFC 9162, 2.1.3.1).

    Returns:
        hashes of 32 bytes, from the leaf's sibling up to the root's child.

    Raises:
        ValueError: there is no such leaf.
    """
    if not 0 <= index < len(leaf_hashes):
        raise ValueError(f"a tree of {len(leaf_hashes)} leaves has none at {index}")
    proof = []
    low, high = 0, len(leaf_hashes)
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            proof.append(tree_root(leaf_hashes[middle:high]))
            high = middle
        else:
            proof.append(tree_root(leaf_hashes[low:middle]))
            low = middle
    return proof[::-1]


def consistency_proof(leaf_hashes: Sequence[bytes], old_size: int) -> list[bytes]:
    """Prove that the first `old_size` leaves are a tree that this one grew from (2.1.4.1).

    Returns:
        hashes of 32 bytes; none where the old tree is empty or the same.

    Raises:
        ValueError: there are no `old_size` leaves.
    """
    if not 0 <= old_size <= len(leaf_hashes):
        raise ValueError(f"a tree of {len(leaf_hashes)} leaves did not grow from {old_size}")
    if old_size == 0:
        return []
    proof = []
    low, high = 0, len(leaf_hashes)
    while old_size != high:
        middle = low + _split(high - low)
        if old_size <= middle:
            proof.append(tree_root(leaf_hashes[middle:high]))
            high = middle
        else:
            proof.append(tree_root(leaf_hashes[low:middle]))
            low = middle
    if low > 0:  # else it is the old root, which the verifier has
        proof.append(tree_root(leaf_hashes[low:high]))
    return proof[::-1]


def verify_inclusion(
    leaf_hash: bytes, index: int, tree_size: int, proof: Sequence[bytes], root: bytes
) -> None:
    """Check that a tree has a leaf (RFC 9162, 2.1.3.2).

    Args:
        leaf_hash: 32 bytes; for an event, its hash.
        index: position of the leaf, from 0.
        tree_size: number of leaves.
        proof: hashes of 32 bytes, from the leaf's sibling up to the root's child.
        root: 32 bytes, of the tree of `tree_size` leaves.

    Raises:
        ProofError: the proof does not lead from the leaf to the root.
    """
    _check_proof((leaf_hash, root, *proof))
    if not 0 <= index < tree_size <= MAX_TREE_SIZE:
        raise ProofError(f"a tree of {tree_size} leaves has none at {index}")
    path = _path(proof)
    node = leaf_hash
    last = tree_size - 1
    while last > 0:
        if index & 1:
            node = node_hash(next(path), node)
        elif index < last:
            node = node_hash(node, next(path))
        index >>= 1
        last >>= 1
    _check_used_up(path)
    if node != root:
        raise ProofError(
            f"the leaf is not in the tree: the proof leads to the root {node.hex()}, "
            f"not {root.hex()}"
        )


def verify_consistency(
    old_size: int, old_root: bytes, new_size: int, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """Check that a tree grew from an older one, whose leaves all stayed (RFC 9162, 2.1.4.2).

    Args:
        old_size: number of leaves of the older tree.
        old_root: 32 bytes, its root.
        new_size: number of leaves of the newer tree.
        new_root: 32 bytes, its root.
        proof: hashes of 32 bytes; none where the older tree is empty or of the same size.

    Raises:
        ProofError: the proof does not lead to both roots, or the tree shrank.
    """
    _check_proof((old_root, new_root, *proof))
    if not 0 <= old_size <= new_size <= MAX_TREE_SIZE:
        raise ProofError(f"a tree of {new_size} leaves did not grow from one of {old_size}")
    path = _path(proof)
    if old_size == 0:
        _check_used_up(path)
        if old_root != EMPTY_ROOT:
            raise ProofError(f"{old_root.hex()} is not the root of the empty tree")
        if new_size == 0 and new_root != EMPTY_ROOT:
            raise ProofError(f"{new_root.hex()} is not the root of the empty tree")
        return
    if old_size == new_size:
        _check_used_up(path)
        if old_root != new_root:
            raise ProofError(
                f"two trees of {new_size} leaves: root {old_root.hex()} and {new_root.hex()}"
            )
        return
    old_last, new_last = old_size - 1, new_size - 1
    while old_last & 1:  # up to the root of the old tree's last perfect subtree
        old_last >>= 1
        new_last >>= 1
    old_node = new_node = old_root if old_last == 0 else next(path)
    while new_last > 0:
        if old_last & 1:
            left = next(path)
            old_node = node_hash(left, old_node)
            new_node = node_hash(left, new_node)
        elif old_last < new_last:
            new_node = node_hash(new_node, next(path))
        old_last >>= 1
        new_last >>= 1
    _check_used_up(path)
    if old_node != old_root:
        raise ProofError(
            f"the first {old_size} leaves changed: the proof leads to the old root "
            f"{old_node.hex()}, not {old_root.hex()}"
        )
    if new_node != new_root:
        raise ProofError(
            f"the proof leads to the new root {new_node.hex()}, not {new_root.hex()}: the tree "
            f"of {new_size} leaves did not grow from the one of {old_size}"
        )


def _split(leaves: int) -> int:
    """The size of the left subtree: the largest power of two that is smaller."""
    return 1 << (leaves - 1).bit_length() - 1


def _check_hashes(hashes: Sequence[bytes]) -> None:
    if not {HASH_SIZE}.issuperset(map(len, hashes)):
        wrong = next(hash_ for hash_ in hashes if len(hash_) != HASH_SIZE)
        raise ValueError(f"a hash has {HASH_SIZE} bytes, not {len(wrong)}")


def _check_proof(hashes: Sequence[bytes]) -> None:
    try:
        _check_hashes(hashes)
    except ValueError as error:
        raise ProofError(str(error)) from None


def _path(proof: Sequence[bytes]) -> Iterator[bytes]:
    yield from proof
    raise ProofError(f"the proof is too short: {len(proof)} hashes")


def _check_used_up(path: Iterator[bytes]) -> None:
    try:
        next(path)
    except ProofError:
        return
    raise ProofError("the proof is too long: hashes are left over")
