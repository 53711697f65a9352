"""The tree against pymerkle, the vectors of the RFC's reference code, and every kind of change."""

from __future__ import annotations

import random
from functools import cache
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymerkle import InmemoryTree

from agent_events.proofs import (
    EMPTY_ROOT,
    Frontier,
    ProofError,
    consistency_proof,
    frontier_ranges,
    inclusion_proof,
    leaf_hash,
    node_hash,
    tile_root,
    tree_root,
    verify_consistency,
    verify_inclusion,
)

LARGEST = 600
ENTRIES = [b"entry %d" % number for number in range(LARGEST)]
LEAVES = [leaf_hash(entry) for entry in ENTRIES]

# google/certificate-transparency, cpp/merkletree/merkle_tree_test.cc: eight inputs and the roots.
CT_INPUTS = [
    *["", "00", "10", "2021", "3031", "40414243", "5051525354555657"],
    "606162636465666768696a6b6c6d6e6f",
]
CT_ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]

sizes = st.integers(0, LARGEST)


@cache
def oracle() -> InmemoryTree:
    tree = InmemoryTree(algorithm="sha256")
    tree.append_entries(ENTRIES)
    return tree


def test_vectors_of_certificate_transparency() -> None:
    leaves = [leaf_hash(bytes.fromhex(entry)) for entry in CT_INPUTS]
    assert [tree_root(leaves[: size + 1]).hex() for size in range(8)] == CT_ROOTS


def test_the_empty_tree() -> None:
    assert (
        sha256(b"").digest() == EMPTY_ROOT == tree_root([]) == Frontier().root() == tile_root(b"")
    )


def test_roots_agree_with_pymerkle() -> None:
    """Appended one by one, all at once, and as one tile."""
    frontier = Frontier()
    for size in range(LARGEST + 1):
        expected = oracle().get_root(size)
        assert frontier.root() == tree_root(LEAVES[:size]) == tile_root(b"".join(LEAVES[:size]))
        assert frontier.root() == expected
        assert frontier.tree_size == size
        if size < LARGEST:
            frontier.append(LEAVES[size])


@given(st.data())
def test_inclusion_proofs_agree_with_pymerkle(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, LARGEST))
    index = data.draw(st.integers(0, size - 1))
    proof = inclusion_proof(LEAVES[:size], index)
    base, *path = oracle().prove_inclusion(index + 1, size).path
    assert (base, path) == (LEAVES[index], proof)
    verify_inclusion(LEAVES[index], index, size, proof, oracle().get_root(size))


@given(st.data())
def test_consistency_proofs_are_those_of_the_rfc(data: st.DataObject) -> None:
    """Over pymerkle's hashes: its own consistency proofs have another form, without gain."""
    new_size = data.draw(st.integers(1, LARGEST))
    old_size = data.draw(st.integers(1, new_size))
    old_root, new_root = oracle().get_root(old_size), oracle().get_root(new_size)
    proof = consistency_proof(LEAVES[:new_size], old_size)
    assert proof == subproof(old_size, 0, new_size, True)
    verify_consistency(old_size, old_root, new_size, new_root, proof)
    oracle().prove_consistency(old_size, new_size).verify(old_root, new_root)


def subproof(m: int, start: int, end: int, is_complete: bool) -> list[bytes]:
    """SUBPROOF(m, D[start:end], b) as RFC 9162, 2.1.4.1 defines it."""
    n = end - start
    if m == n:
        return [] if is_complete else [oracle()._get_root(start, end)]
    k = max(1 << height for height in range(10) if 1 << height < n)
    if m <= k:
        return [*subproof(m, start, start + k, is_complete), oracle()._get_root(start + k, end)]
    return [*subproof(m - k, start + k, end, False), oracle()._get_root(start, start + k)]


@pytest.mark.parametrize("size", [*range(20), 31, 32, 33, 63, 64, 65, 255, 256, 257])
def test_every_proof_verifies_and_nothing_else_does(size: int) -> None:
    leaves = LEAVES[:size]
    root = tree_root(leaves)
    for index in range(size):
        proof = inclusion_proof(leaves, index)
        verify_inclusion(leaves[index], index, size, proof, root)
        for claim in [(leaf_hash(b"forged"), index), (leaves[index], (index + 1) % size)]:
            if claim != (leaves[index], index):
                with pytest.raises(ProofError):
                    verify_inclusion(*claim, size, proof, root)
    for old_size in range(size + 1):
        old_root = tree_root(leaves[:old_size])
        proof = consistency_proof(leaves, old_size)
        verify_consistency(old_size, old_root, size, root, proof)
        forged = leaf_hash(b"forged")
        with pytest.raises(ProofError):
            verify_consistency(old_size, forged, size, root, proof)
        if old_size:  # every tree grew from the empty one
            with pytest.raises(ProofError):
                verify_consistency(old_size, old_root, size, forged, proof)


@given(st.data())
def test_a_changed_proof_does_not_verify(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, LARGEST))
    number = data.draw(st.integers(0, size - 1))
    inclusion = inclusion_proof(LEAVES[:size], number)
    root = tree_root(LEAVES[:size])
    changed = data.draw(st.sampled_from(list(changes(inclusion, data.draw(st.randoms())))))
    with pytest.raises(ProofError):
        verify_inclusion(LEAVES[number], number, size, changed, root)
    if number:
        consistency = consistency_proof(LEAVES[:size], number)
        changed = data.draw(st.sampled_from(list(changes(consistency, data.draw(st.randoms())))))
        with pytest.raises(ProofError):
            verify_consistency(number, tree_root(LEAVES[:number]), size, root, changed)


def changes(proof: list[bytes], chance: random.Random) -> list[list[bytes]]:
    """A bit flipped, one missing, one too many, one cut off, two swapped."""
    at = chance.randrange(len(proof))
    flipped = bytearray(proof[at])
    flipped[chance.randrange(32)] ^= 1 << chance.randrange(8)
    made = [
        [*proof[:at], bytes(flipped), *proof[at + 1 :]],
        [*proof[:at], *proof[at + 1 :]],
        [*proof[:at], proof[at], *proof[at:]],
        [*proof, leaf_hash(b"")],
        [*proof[:at], proof[at][:31], *proof[at + 1 :]],
    ]
    if len(proof) > 1:
        made.append([proof[1], proof[0], *proof[2:]])
    return made


@given(st.lists(st.integers(0, 150), max_size=8))
def test_a_frontier_grows_by_any_steps(steps: list[int]) -> None:
    frontier = Frontier()
    for step in steps:
        size = frontier.tree_size
        frontier.extend(leaf_hash(b"%d" % number) for number in range(size, size + step))
        resumed = Frontier(frontier.tree_size, frontier.hashes)
        assert resumed.root() == frontier.root()
        frontier = resumed
    assert frontier.root() == tree_root(leaf_hash(b"%d" % n) for n in range(sum(steps)))


@given(sizes)
def test_a_frontier_holds_perfect_subtrees(size: int) -> None:
    frontier = Frontier()
    frontier.extend(LEAVES[:size])
    ranges = frontier_ranges(size)
    covered = [n for height, i in ranges for n in range(i << height, (i + 1) << height)]
    assert covered == list(range(size))
    for (height, index), hash_ in zip(ranges, frontier.hashes, strict=True):
        assert hash_ == tree_root(LEAVES[index << height : (index + 1) << height])


def test_a_frontier_of_a_long_log() -> None:
    size = (1 << 40) + 5
    assert frontier_ranges(size) == [(40, 0), (2, 1 << 38), (0, (1 << 40) + 4)]
    frontier = Frontier(size, LEAVES[:3])
    frontier.append(LEAVES[3])
    pair = node_hash(LEAVES[2], LEAVES[3])
    assert frontier.hashes == (LEAVES[0], LEAVES[1], pair)
    assert frontier.root() == node_hash(LEAVES[0], node_hash(LEAVES[1], pair))


def test_a_frontier_refuses_what_does_not_fit() -> None:
    with pytest.raises(ValueError, match="a tree of 3 leaves has 2 perfect subtrees, but 1 hashes"):
        Frontier(3, LEAVES[:1])
    with pytest.raises(ValueError, match="a hash has 32 bytes, not 31"):
        Frontier(1, [LEAVES[0][:31]])
    with pytest.raises(ValueError, match="a tree has no -1 leaves"):
        Frontier(-1)
    frontier = Frontier()
    with pytest.raises(ValueError, match="a hash has 32 bytes, not 3"):
        frontier.extend([LEAVES[0], b"abc"])
    assert frontier.tree_size == 0
    assert frontier.root() == EMPTY_ROOT


def test_a_tile_is_whole_hashes() -> None:
    with pytest.raises(ValueError, match="33 bytes are no whole number of 32-byte hashes"):
        tile_root(bytes(33))


def test_proofs_are_made_of_what_there_is() -> None:
    with pytest.raises(ValueError, match="a tree of 3 leaves has none at 3"):
        inclusion_proof(LEAVES[:3], 3)
    with pytest.raises(ValueError, match="a tree of 3 leaves has none at -1"):
        inclusion_proof(LEAVES[:3], -1)
    with pytest.raises(ValueError, match="a tree of 3 leaves did not grow from 4"):
        consistency_proof(LEAVES[:3], 4)


def test_a_refusal_says_why() -> None:
    root, leaf = tree_root(LEAVES[:4]), LEAVES[2]
    proof = inclusion_proof(LEAVES[:4], 2)
    with pytest.raises(ProofError, match="a tree of 4 leaves has none at 4"):
        verify_inclusion(leaf, 4, 4, proof, root)
    with pytest.raises(ProofError, match="has none at -1"):
        verify_inclusion(leaf, -1, 4, proof, root)
    with pytest.raises(ProofError, match="the proof is too short: 1 hashes"):
        verify_inclusion(leaf, 2, 4, proof[:1], root)
    with pytest.raises(ProofError, match="the proof is too long"):
        verify_inclusion(leaf, 2, 4, [*proof, leaf], root)
    with pytest.raises(ProofError, match=f"the leaf is not in the tree: .* not {'00' * 32}"):
        verify_inclusion(leaf, 2, 4, proof, bytes(32))
    with pytest.raises(ProofError, match="a hash has 32 bytes, not 0"):
        verify_inclusion(b"", 2, 4, proof, root)


def test_a_refusal_of_consistency_says_why() -> None:
    old_root, root = tree_root(LEAVES[:3]), tree_root(LEAVES[:5])
    proof = consistency_proof(LEAVES[:5], 3)
    with pytest.raises(ProofError, match="a tree of 3 leaves did not grow from one of 5"):
        verify_consistency(5, root, 3, old_root, proof)
    with pytest.raises(ProofError, match="two trees of 5 leaves"):
        verify_consistency(5, old_root, 5, root, [])
    with pytest.raises(ProofError, match="the first 3 leaves changed"):
        verify_consistency(3, bytes(32), 5, root, proof)
    with pytest.raises(ProofError, match="the tree of 5 leaves did not grow from the one of 3"):
        verify_consistency(3, old_root, 5, bytes(32), proof)
    with pytest.raises(ProofError, match="is not the root of the empty tree"):
        verify_consistency(0, root, 5, root, [])
    with pytest.raises(ProofError, match="is not the root of the empty tree"):
        verify_consistency(0, EMPTY_ROOT, 0, root, [])
    with pytest.raises(ProofError, match="the proof is too long"):
        verify_consistency(0, EMPTY_ROOT, 5, root, proof)
    with pytest.raises(ProofError, match="the proof is too long"):
        verify_consistency(5, root, 5, root, proof)
