"""What a ledger holds, and whether all is well with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Finding:
    """A row of `ledger.doctor()`: something that is not as it should be.

    severity  'error', 'warning' or 'info'
    kind      what is wrong, in a word
    object    the table, role or function it is about
    """

    severity: str
    kind: str
    object: str
    detail: str | None
    hint: str | None


@dataclass(frozen=True, slots=True)
class Share:
    """How many events have this type, outcome or actor ('' = none), and their share of all."""

    value: str
    events: int
    share: float


@dataclass(frozen=True, slots=True)
class TierStorage:
    """Partitions of a tier, and their size on disk in bytes, indexes included."""

    partitions: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Statistics:
    """A tenant at a glance.

    events           all there ever were: those that are sealed, and those that are not yet
                     (`unsealed`; the oldest of them is `seal_lag_seconds` old)
    first_event_at, last_event_at
                     of what is sealed
    events_today     since midnight UTC; runs: run.started events; both as far as is counted
    counted          events between `from_time` and `to_time`, and `payload_bytes` the size of
                     their payloads as stored, maybe compressed
    by_type, by_outcome, by_actor
                     the 20 most frequent in that time; actors as 'user:42'
    counted_through  position of the log up to which events are counted, -1 = none; `uncounted`
                     sealed events come after it, `skipped` ones were in cold files
    outbox_lag_messages, outbox_lag_seconds
                     of the relay that is farthest behind; parked, dead: of all relays
    replay_ms        how long the replays took that the snapshots save, on average
    storage          by tier ('hot', 'archive', …, 'outbox'), of all tenants; None for whoever may
                     not read or operate them all
    """

    tenant_id: str
    events: int
    sealed: int
    unsealed: int
    seal_lag_seconds: float
    first_event_at: datetime | None
    last_event_at: datetime | None
    events_today: int
    runs: int
    from_time: datetime | None
    to_time: datetime | None
    counted: int
    payload_bytes: int
    by_type: tuple[Share, ...]
    by_outcome: tuple[Share, ...]
    by_actor: tuple[Share, ...]
    counted_through: int
    counted_at: datetime | None
    uncounted: int
    skipped: int
    outbox_lag_messages: int
    outbox_lag_seconds: float
    parked: int
    dead: int
    snapshots: int
    snapshot_bytes: int
    replay_ms: float | None
    storage: Mapping[str, TierStorage] | None


@dataclass(frozen=True, slots=True)
class Sample:
    """A sample of `ledger.metrics()`: name without prefix, labels, value in base units."""

    name: str
    labels: Mapping[str, str]
    value: float
