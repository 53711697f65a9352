"""What became of a message, and what a handler may say about it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal
from uuid import UUID

from agent_events.consuming.message import InboxEvent

Status = Literal["processed", "duplicate", "failed", "dead"]


class Reject(Exception):
    """Raised by a handler: this message can never be processed. It is dead at once."""


class Retry(Exception):
    """Raised by a handler: not now. The next attempt is after `after`, or later."""

    def __init__(self, reason: str, after: timedelta) -> None:
        super().__init__(reason)
        self.after = after


@dataclass(frozen=True, slots=True)
class Policy:
    """What happens when a handler fails.

    redeliver     who delivers a failed message again: False, the ledger, by `retry_due`; True, the
                  broker, which is told not to take it as acknowledged
    max_attempts  after so many failures it is dead
    again         how often a transaction that only met another one (a serialization failure, a
                  deadlock) is run again at once, before that counts as a failure
    """

    redeliver: bool = False
    max_attempts: int = 10
    again: int = 3


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a message.

    status    'processed'  the handler has run, and its transaction is committed
              'duplicate'  this or another process had processed the event before
              'failed'     it is due again at `retry_at`
              'dead'       it has failed as often as it may; ledger.inbox_status shows it
    event     what came; None where the message was none
    event_id  its id in the inbox
    attempts  how often it has failed
    error     the last error, None for processed and duplicate
    """

    status: Status
    event: InboxEvent | None
    event_id: UUID
    attempts: int = 0
    retry_at: datetime | None = None
    error: str | None = None
    redeliver: bool = False

    @property
    def acknowledge(self) -> bool:
        """Whether the broker may forget the message: it was dealt with, or the ledger keeps it."""
        return self.status != "failed" or not self.redeliver

    @property
    def delay(self) -> timedelta:
        """Time until `retry_at`, for a broker that can wait before it delivers again."""
        if self.retry_at is None:
            return timedelta(0)
        return max(timedelta(0), self.retry_at - datetime.now(UTC))
