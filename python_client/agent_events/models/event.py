"""Events: what is given, found and got back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Required, TypedDict
from uuid import UUID

from agent_events.models.values import ActorType, Id, Json, Outcome


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
class TraceNode:
    """An event of a trace, which lists causes and effects depth-first.

    depth  0 for an event whose cause is not part of the correlation; else the cause is the last
           node before this one that is a level up
    """

    depth: int
    event: Event
