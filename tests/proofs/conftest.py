"""A key and a checkpoint to play with."""

from __future__ import annotations

import pytest

from agent_events.proofs import Checkpoint, SigningKey, leaf_hash, tree_root

ORIGIN = "ledger.example/acme"
LEAVES = [leaf_hash(str(number).encode()) for number in range(5)]


@pytest.fixture
def key() -> SigningKey:
    return SigningKey.generate(ORIGIN)


@pytest.fixture
def checkpoint() -> Checkpoint:
    """Over the five leaves of `leaves`."""
    return Checkpoint(ORIGIN, len(LEAVES), tree_root(LEAVES))


@pytest.fixture
def leaves() -> list[bytes]:
    return LEAVES


@pytest.fixture
def note(key: SigningKey, checkpoint: Checkpoint) -> str:
    return key.sign(checkpoint)
