"""What the client gives and takes: shapes of the functions and views in the schema `ledger`.

Times are timezone-aware datetimes with microseconds; hashes are 32 bytes of SHA-256; sequences
count from 1, positions from 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, Required, TypedDict
from uuid import UUID

Id = UUID | str
"""A UUID, or its text; the database refuses text that is none."""

Digest = bytes
"""32 bytes of SHA-256."""

Json = Mapping[str, Any]
"""A JSON object. UUID, datetime and date inside it are written as text (ISO 8601)."""

ActorType = Literal["user", "agent", "system", "webhook"]
Outcome = Literal["success", "failure", "partial", "pending"]


class EventOptions(TypedDict, total=False):
    """Everything about an event but its type and payload.

    What is left out, or None, comes from `set_context` and the defaults of the database.

    run_id              agent run the event belongs to; default the tenant's ambient run
    trace_id            128-bit OpenTelemetry trace id, as a UUID
    correlation_id      what the event is part of; default the deal, else its cause's, its run's,
                        or the trace
    causation_id        id of the event that caused this one
    schema_version      version of the event type; default the current one
    deal_id, action_id  the deal and the action it is about
    aggregate_type, aggregate_id
                        the thing the event is about; the event gets the next sequence of its stream
    expected_sequence   last sequence of the stream as the caller knows it, 0 = the stream is new
    actor_type, actor_id
                        who did it
    outcome             success, failure, partial or pending
    proof               {"type": "screenshot" | "api_response" | "hash" | "url" | "none",
                         "data": ..., "url": ..., "hash": ..., "capturedAt": ...}
    metadata            anything else worth keeping, JSON object
    private             data that must stay erasable; the event only commits to its salted hash
    subject_id          the person whom `private` is about
    occurred_at         when it happened, if that is not now
    idempotency_key     a second emit with the same key returns the first one's receipt
    publish             whether an outbox row is written; default what the event type says
    headers             message headers for the outbox row, e.g. {"traceparent": "..."}
    """

    run_id: Id | None
    trace_id: Id | None
    correlation_id: Id | None
    causation_id: Id | None
    schema_version: int | None
    deal_id: Id | None
    action_id: Id | None
    aggregate_type: str | None
    aggregate_id: str | None
    expected_sequence: int | None
    actor_type: ActorType | None
    actor_id: str | None
    outcome: Outcome | None
    proof: Json | None
    metadata: Json | None
    private: Json | None
    subject_id: str | None
    occurred_at: datetime | None
    idempotency_key: str | None
    publish: bool | None
    headers: Json | None


class EventInput(EventOptions, total=False):
    """One event of a batch: `{"event_type": "deal.created", "payload": {...}, ...}`."""

    event_type: Required[str]
    payload: Json | None


class EventArguments(EventInput, total=False):
    """An event of any tenant, as an emitter buffers, spools and reports it."""

    tenant_id: str | None


class RunOptions(TypedDict, total=False):
    """What a run can be told when it begins; what is left out comes from the context.

    run_id           default a new one
    tenant_id        whose run it is
    parent_run_id    run that it is part of; default the run around it, if that is the tenant's
    trace_id         default the trace around it, or a new one
    correlation_id   default the correlation around it, or the trace
    actor_type, actor_id
                     who acts inside it; default the agent, by its name
    payload          fields of run.started: goal, agent_version, trigger, input, ...
    metadata         of run.started
    """

    run_id: Id | None
    tenant_id: str | None
    parent_run_id: Id | None
    trace_id: Id | None
    correlation_id: Id | None
    actor_type: ActorType | None
    actor_id: str | None
    payload: Json | None
    metadata: Json | None


class EventFilter(TypedDict, total=False):
    """Which events to find; conditions add up. What is left out, or None, does not restrict.

    aggregate_type, aggregate_id  the stream
    event_types                   any of these types
    action_prefix                 start of the event type, e.g. 'deal.'
    actor_type, actor_id, outcome, correlation_id, run_id, trace_id, deal_id
                                  equal to this
    from_time, to_time            created_at at or after, and before
    """

    aggregate_type: str | None
    aggregate_id: str | None
    event_types: Sequence[str] | None
    action_prefix: str | None
    actor_type: ActorType | None
    actor_id: str | None
    outcome: Outcome | None
    correlation_id: Id | None
    run_id: Id | None
    trace_id: Id | None
    deal_id: Id | None
    from_time: datetime | None
    to_time: datetime | None


@dataclass(frozen=True, slots=True)
class Receipt:
    """What emit gives back; enough to prove later that the event was accepted as it is.

    id          UUIDv7 whose time is created_at
    created_at  server clock at emit
    sequence    place in the stream, None without an aggregate
    hash        SHA-256 over all fields of the event, 32 bytes (format agent-events/leaf/v1)
    duplicate   True if the idempotency key was known: this is the first event's receipt
    """

    id: UUID
    created_at: datetime
    sequence: int | None
    hash: bytes
    duplicate: bool


@dataclass(frozen=True, slots=True)
class Spooled:
    """What an emitter gives back for an event that waits in its journal for the database.

    idempotency_key  what the event will be stored under, once, however often it is sent
    occurred_at      when it was emitted, by the client's clock, unless the caller said when
    """

    idempotency_key: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class Event:
    """A row of the view `ledger.events`; `EventOptions` says what the caller's fields mean.

    created_at    server clock at emit; strictly increasing within a stream
    sequence      gapless from 1 within the stream (tenant_id, aggregate_type, aggregate_id)
    occurred_at   when it happened as told by the caller, None = created_at
    private_hash  salted SHA-256 of the private data, which may be erased since
    prev_hash     hash of the stream's previous event, None for its first
    hash          SHA-256 over all fields above it (format agent-events/leaf/v1)
    tier          'hot' or 'archive': where the row is kept now
    """

    tenant_id: str
    id: UUID
    created_at: datetime
    run_id: UUID
    trace_id: UUID
    correlation_id: UUID
    causation_id: UUID | None
    event_type: str
    schema_version: int
    payload: Any
    deal_id: UUID | None
    action_id: UUID | None
    aggregate_type: str | None
    aggregate_id: str | None
    sequence: int | None
    actor_type: str | None
    actor_id: str | None
    outcome: str | None
    proof: dict[str, Any] | None
    metadata: dict[str, Any] | None
    occurred_at: datetime | None
    private_hash: bytes | None
    prev_hash: bytes | None
    hash: bytes
    tier: str


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


@dataclass(frozen=True, slots=True)
class TraceNode:
    """An event of a trace, which lists causes and effects depth-first.

    depth  0 for an event whose cause is not part of the correlation; else the cause is the last
           node before this one that is a level up
    """

    depth: int
    event: Event


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


@dataclass(frozen=True, slots=True)
class PrivateEvent:
    """An event with its private data.

    position    None while it is not sealed
    payload     with its private fields back in it; what is left of it where they were erased
    private     what was given beside the payload, None if nothing was or it was erased
    erasure_id  of the event ledger.private_erased that records the erasure, and when it was
    """

    event_id: UUID
    created_at: datetime
    position: int | None
    event_type: str
    schema_version: int
    aggregate_type: str | None
    aggregate_id: str | None
    subject_id: str | None
    payload: Any
    private: dict[str, Any] | None
    erasure_id: UUID | None
    erased_at: datetime | None


@dataclass(frozen=True, slots=True)
class AccessEntry:
    """A row of `ledger.access_log`: who did what with the record.

    actor         the database role
    action        'private_read', 'export_started', 'exported', 'verified', 'held', 'released',
                  'erased', 'partition_exported', 'partition_dropped' or 'partition_restored'
    purpose       what for, as it was said
    subject_hash  hex of ledger.subject_hash() of the person whose data it was
    details       payload of the event that says so, whose id is event_id
    """

    at: datetime
    tenant_id: str
    actor: str | None
    action: str
    purpose: str | None
    event_count: int | None
    subject_hash: str | None
    details: dict[str, Any]
    event_id: UUID


@dataclass(frozen=True, slots=True)
class ErasureCertificate:
    """What `erase_private` did.

    erasure_id      id of the event ledger.private_erased; None when there was nothing to erase
    event_ids       the events whose private data is gone
    private_hashes  for each of them the commitment that its event keeps, 32 bytes
    """

    erasure_id: UUID | None
    event_count: int
    event_ids: tuple[UUID, ...]
    private_hashes: tuple[bytes, ...]
    erased_at: datetime | None


@dataclass(frozen=True, slots=True)
class OutboxClaim:
    """What `claim_outbox` hands out: `read_outbox` gives its messages.

    token                             of the lease; confirming and failing ask for it
    after_position, through_position  the messages after the one position, up to the other
    retries                           positions of parked messages that are tried again
    """

    relay: str
    tenant_id: str
    token: int
    after_position: int
    through_position: int
    retries: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class OutboxMessage:
    """A message of the outbox.

    id        of the event, and what receivers tell duplicates by
    headers   as the caller of emit_event gave them
    attempts  how often it was refused so far
    is_retry  it was parked: say so to `confirm_outbox`, by `retried`
    """

    tenant_id: str
    position: int
    id: UUID
    aggregate_type: str | None
    aggregate_id: str | None
    event_type: str
    schema_version: int
    payload: Any
    trace_id: UUID
    correlation_id: UUID
    created_at: datetime
    headers: dict[str, Any] | None
    attempts: int
    is_retry: bool


@dataclass(frozen=True, slots=True)
class ParkedMessage:
    """What `fail_outbox` made of a message that was not taken.

    attempts         how often it was refused, this time included
    next_attempt_at  None when it is dead
    is_dead          it is given up, until `requeue_dead`; its aggregate goes on
    """

    tenant_id: str
    relay: str
    position: int
    event_id: UUID
    attempts: int
    last_error: str | None
    next_attempt_at: datetime | None
    is_dead: bool


@dataclass(frozen=True, slots=True)
class RelaySettings:
    """A row of `ledger.relays`.

    event_types               what it delivers, None = everything that is published
    max_attempts              after so many a message is dead
    min_backoff, max_backoff  pause after a first refusal, and at most; it doubles in between
    """

    relay: str
    event_types: tuple[str, ...] | None
    max_attempts: int
    min_backoff: timedelta
    max_backoff: timedelta
    created_at: datetime
    created_by: str


@dataclass(frozen=True, slots=True)
class RelayStatus:
    """A row of `ledger.relay_status`: how far a relay is with a tenant.

    position      everything up to here is delivered or parked, -1 = nothing
    lag_messages  positions of the log behind it
    lag_seconds   age of the oldest event that is not delivered
    parked        messages that wait to be tried again, or behind such a one
    dead          messages that were given up
    leased_by     who works there now, None = nobody
    """

    relay: str
    tenant_id: str
    position: int
    lag_messages: int
    lag_seconds: float
    parked: int
    dead: int
    leased_by: str | None
    leased_until: datetime | None
    confirmed_at: datetime | None


@dataclass(frozen=True, slots=True)
class DeadMessage:
    """A message that a relay gave up.

    last_error  what its destination said last
    """

    relay: str
    tenant_id: str
    position: int
    id: UUID
    event_type: str
    aggregate_type: str | None
    aggregate_id: str | None
    attempts: int
    last_error: str | None


Interval = timedelta | str
"""A length of time: a timedelta, or text as PostgreSQL reads it, e.g. '1 year'."""

PartitionInterval = Literal["day", "week", "month"]


@dataclass(frozen=True, slots=True)
class TrackedTable:
    """A row of `ledger.tracking_status`: a table whose changes are events.

    key_columns    what makes up aggregate_id: the value of one, a JSON array of several
    excluded       columns that never appear in an event; `masked` ones appear as "***"
    tenant_column  holds the tenant of a row; None: the tenant is the context's
    publish        whether the events get a message in the outbox; None: as their types say
    problem        why changes go unseen or are refused; None when all is well
    """

    table_name: str
    event_prefix: str
    aggregate_type: str
    key_columns: list[str]
    excluded: list[str]
    masked: list[str]
    tenant_column: str | None
    publish: bool | None
    tracked_at: datetime
    tracked_by: str
    problem: str | None


@dataclass(frozen=True, slots=True)
class PartitionStatus:
    """A row of `ledger.partition_status`: where a partition is, and what is due.

    parent_name  'agent_events' or 'outbox'
    tier         'hot', 'archive', 'cold' (in a file) or 'dropped'
    age          since its end; zero for one that still takes events, or is still to come
    row_count    events in it, counted where `is_counted`, else the planner's estimate
    bytes        with indexes and TOAST, None when it is not in the database
    due          'archive', 'relocate', 'cold' or 'expire' by the retention policy, else None
    """

    partition_name: str
    parent_name: str
    tier: str
    from_time: datetime
    to_time: datetime
    age: timedelta
    row_count: int | None
    is_counted: bool
    bytes: int | None
    tablespace: str | None
    access_method: str | None
    moved_at: datetime | None
    due: str | None


@dataclass(frozen=True, slots=True)
class RetentionPolicy:
    """How long events stay in each tier, from the end of their partition; None = for ever.

    archive_tablespace, archive_access_method
                of archived partitions; None = as they were
    outbox_for  how long messages stay in the outbox at least
    inbox_for   how long the inbox remembers what was processed, from when it was
    """

    hot_for: timedelta | None
    warm_for: timedelta | None
    cold_for: timedelta | None
    archive_tablespace: str | None
    archive_access_method: str | None
    outbox_for: timedelta | None
    inbox_for: timedelta | None
    changed_at: datetime
    changed_by: str


@dataclass(frozen=True, slots=True)
class InboxFailure:
    """An event that a consumer could not process (a row of `ledger.inbox_failures`).

    attempts         how often it failed since it first did, or since it was requeued
    next_attempt_at  when it is due again, None for a dead one
    message          what came, as a CloudEvent in JSON; None if it was not kept
    """

    tenant_id: str
    consumer: str
    event_id: UUID
    event_type: str | None
    attempts: int
    last_error: str
    failed_at: datetime
    next_attempt_at: datetime | None
    is_dead: bool
    message: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class InboxStatus:
    """A row of `ledger.inbox_status`: an event that a consumer could not process.

    state  'due', 'waiting' (until next_attempt_at), 'dead' or 'discarded'
    """

    tenant_id: str
    consumer: str
    event_id: UUID
    event_type: str | None
    state: str
    attempts: int
    last_error: str
    failed_at: datetime
    next_attempt_at: datetime | None
    discarded_at: datetime | None
    discarded_by: str | None
    discard_reason: str | None


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """A step that `ledger.maintain()` would take now; `object` is the partition it is about."""

    step: str
    object: str | None


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
