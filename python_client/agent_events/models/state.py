"""States of aggregates, and their snapshots."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from agent_events.models.values import Digest


@dataclass(frozen=True, slots=True)
class AggregateState:
    """What `state_of` makes of an aggregate.

    sequence, created_at, event_id, hash  of the last event that is in it
    state        what the reducer made
    snapshot_id  the snapshot that it began with, None for the first event
    replayed     events that were applied after that
    """

    aggregate_type: str
    aggregate_id: str
    sequence: int
    created_at: datetime
    event_id: UUID
    hash: bytes
    state: Any
    snapshot_id: UUID | None
    replayed: int


@dataclass(frozen=True, slots=True)
class ReplayedState:
    """The state of an aggregate after one of its events."""

    sequence: int
    created_at: datetime
    event_id: UUID
    event_type: str
    state: Any


@dataclass(frozen=True, slots=True)
class LogState:
    """What `replay_log` made of a part of the log; give `last_position` and `state` back to go on.

    events  how many were folded, 0 at the end of the log
    """

    last_position: int
    events: int
    state: Any


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A row of `ledger.snapshots`, without its state.

    id         of the event ledger.snapshot_created that records it
    sequence   of the last event in it; event_id, event_created_at and event_hash are that event's
    digest     SHA-256 over tenant, aggregate, sequence, event hash, reducer and state
    bytes      length of the state as text
    replayed   events that were replayed to make it, in `replay_ms` milliseconds
    """

    aggregate_type: str
    aggregate_id: str
    sequence: int
    id: UUID
    event_id: UUID
    event_created_at: datetime
    event_hash: Digest
    reducer_fingerprint: Digest
    digest: Digest
    bytes: int
    replayed: int
    replay_ms: float
    created_at: datetime
    created_by: str


@dataclass(frozen=True, slots=True)
class SnapshotFinding:
    """A row of `ledger.verify_snapshots()`.

    kind  'snapshot forged', 'snapshot stale', 'wrong state' or 'cannot be replayed'
    """

    kind: str
    aggregate_type: str
    aggregate_id: str
    sequence: int
    snapshot_id: UUID
    detail: str


@dataclass(frozen=True, slots=True)
class SnapshotPolicy:
    """When an aggregate gets a snapshot: whichever comes first, None = not by that.

    aggregate_type  '*' = every type without its own
    every_events    at multiples of this sequence
    every           when an event comes so long after the last snapshot's
    every_bytes     when the payloads since are so long
    """

    aggregate_type: str
    every_events: int | None
    every: timedelta | None
    every_bytes: int | None
    changed_at: datetime
    changed_by: str
