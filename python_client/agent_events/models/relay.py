"""The outbox, and relays."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID


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
