"""The log, and what proves it."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from agent_events.models.event import Event


@dataclass(frozen=True, slots=True)
class SealReceipt:
    """What `ledger.seal()` did.

    sealed     events that got a position now
    tree_size  events in the tenant's log; the next gets this position
    root       RFC 6962 tree hash over them, 32 bytes
    block_no   number of the last block, 0 for an empty log
    """

    tenant_id: str
    sealed: int
    tree_size: int
    root: bytes
    block_no: int


@dataclass(frozen=True, slots=True)
class LogEntry:
    """A sealed event.

    position  place in its tenant's log, gapless from 0; the cursor for everything downstream
    """

    position: int
    event: Event


@dataclass(frozen=True, slots=True)
class InclusionProof:
    """What shows that an event is in its tenant's log (RFC 9162, 2.1.3).

    position   index of its leaf
    tree_size  events in the tree that the proof is for
    leaf_hash  the event's hash
    proof      hashes beside the way from the leaf to the root, from the leaf up, 32 bytes each
    root       the root they lead to
    """

    position: int
    tree_size: int
    leaf_hash: bytes
    proof: tuple[bytes, ...]
    root: bytes


@dataclass(frozen=True, slots=True)
class LogFinding:
    """A row of `ledger.verify()`: where the log is not whole.

    kind  what is wrong, e.g. 'changed event'; sql/README.md lists the kinds
    """

    kind: str
    block_no: int | None
    position: int | None
    event_id: UUID | None
    detail: str
