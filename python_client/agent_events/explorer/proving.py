"""An event's inclusion proof, recomputed in Python from the event's own bytes, step by step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg

from agent_events import Ledger
from agent_events.evidence.cold import cold_ranges
from agent_events.evidence.inclusion import sealed_event, sealed_position
from agent_events.evidence.rows import use_utf8
from agent_events.explorer.database import standalone_dsn
from agent_events.explorer.settings import Settings
from agent_events.models import InclusionProof
from agent_events.proofs.merkle import ProofError, node_hash, verify_inclusion
from agent_events.proofs.note import Checkpoint


@dataclass(frozen=True)
class Node:
    """A node of the tree: its hash, over the events of the positions `first` to `last`."""

    hash: bytes
    first: int
    last: int


@dataclass(frozen=True)
class Step:
    """A step up: the node beside the way, on its left or right, and what both hash to."""

    sibling: Node
    is_left: bool
    parent: Node


@dataclass(frozen=True)
class EventProof:
    """An inclusion proof and what came of checking it.

    computed  hash of the event's fields, None where they are in a cold file
    leaf      the event in the log, from which the steps go up
    root      what the log has as the root of the tree of `tree_size` events
    signed    the checkpoint of that tree, None where none covers the event
    problem   why the proof does not lead to the root, None where it does
    """

    position: int
    tree_size: int
    computed: bytes | None
    leaf: Node
    steps: tuple[Step, ...]
    root: bytes
    signed: Checkpoint | None
    problem: str | None

    @property
    def top(self) -> bytes:
        """The hash that the steps lead to."""
        return self.steps[-1].parent.hash if self.steps else self.leaf.hash

    @property
    def is_event_unchanged(self) -> bool:
        """Whether the event is the one that was sealed, as far as can be seen here."""
        return self.computed in (None, self.leaf.hash)

    @property
    def is_as_signed(self) -> bool:
        """Whether the steps lead to the root that was signed."""
        return self.signed is not None and self.top == self.signed.root

    @property
    def is_proven(self) -> bool:
        """Whether all that was checked holds."""
        is_signed = self.signed is None or self.is_as_signed
        return self.problem is None and self.is_event_unchanged and is_signed


def prove_event(
    settings: Settings, tenant_id: str, event_id: UUID, signed: Checkpoint | None
) -> EventProof:
    """Prove that an event is in the log, against a signed checkpoint if it covers the event.

    Raises:
        EvidenceError: there is no such event that the role may see, or it is not sealed.
        psycopg.Error, LedgerError: the database refuses, or does not answer.
    """
    with psycopg.connect(standalone_dsn(settings, read_only=True), autocommit=True) as connection:
        use_utf8(connection)
        limit = str(round(settings.statement_timeout / timedelta(milliseconds=1)))
        connection.execute("select set_config('statement_timeout', %s, false)", [limit])
        return _prove(connection, tenant_id, event_id, signed)


def _prove(
    connection: psycopg.Connection[Any], tenant_id: str, event_id: UUID, signed: Checkpoint | None
) -> EventProof:
    position = sealed_position(connection, tenant_id, event_id)
    covering = signed if signed is not None and position < signed.tree_size else None
    size = None if covering is None else covering.tree_size
    computed = None
    if not cold_ranges(connection, tenant_id, position, position + 1):
        computed = sealed_event(connection, tenant_id, event_id).computed_hash()
    proof = Ledger(connection).inclusion_proof(event_id, tree_size=size, tenant_id=tenant_id)
    return EventProof(
        proof.position,
        proof.tree_size,
        computed,
        Node(proof.leaf_hash, proof.position, proof.position),
        tuple(climb(proof)),
        proof.root,
        covering,
        _problem(proof),
    )


def climb(proof: InclusionProof) -> Iterator[Step]:
    """Go up from the leaf (RFC 9162, 2.1.3.2), and say which events each node is about."""
    node = proof.leaf_hash
    splits = _splits(proof.position, proof.tree_size)[::-1]
    for sibling, (low, middle, high) in zip(proof.proof, splits, strict=False):
        is_left = proof.position >= middle
        first, end = (low, middle) if is_left else (middle, high)
        node = node_hash(sibling, node) if is_left else node_hash(node, sibling)
        yield Step(Node(sibling, first, end - 1), is_left, Node(node, low, high - 1))


def _splits(position: int, tree_size: int) -> Sequence[tuple[int, int, int]]:
    """Say where the subtrees over a position are split, from the root down."""
    splits = []
    low, high = 0, tree_size
    while high - low > 1:
        middle = low + (1 << (high - low - 1).bit_length() - 1)
        splits.append((low, middle, high))
        low, high = (low, middle) if position < middle else (middle, high)
    return splits


def _problem(proof: InclusionProof) -> str | None:
    try:
        verify_inclusion(proof.leaf_hash, proof.position, proof.tree_size, proof.proof, proof.root)
    except ProofError as error:
        return str(error)
    return None
