"""The tree of a stretch agrees with the plain definition of RFC 6962."""

from __future__ import annotations

from hashlib import sha256

import pytest

from agent_events.proofs.merkle import tree_root
from agent_events.verifying.nodes import Nodes, fold, root_of

LEAVES = [sha256(str(number).encode()).digest() for number in range(1500)]


@pytest.mark.parametrize("size", [1, 2, 3, 255, 256, 257, 511, 512, 513, 1500])
def test_root_of_every_size(size: int) -> None:
    nodes = Nodes(LEAVES)
    assert nodes.root(size) == tree_root(LEAVES[:size])
    assert root_of(LEAVES[:size]) == tree_root(LEAVES[:size])


@pytest.mark.parametrize("size", [0, 255, 256, 512, 1500])
def test_tile_roots(size: int) -> None:
    roots = [tree_root(LEAVES[at : at + 256]) for at in range(0, size - 255, 256)]
    assert list(Nodes(LEAVES[:size]).tile_roots()) == roots


def test_root_from_the_subtrees_on_its_left() -> None:
    left = [tree_root(LEAVES[:1024]), tree_root(LEAVES[1024:1280])]
    assert fold(left, Nodes(LEAVES[1280:]).root(220)) == tree_root(LEAVES)
