"""The inbox."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID


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
