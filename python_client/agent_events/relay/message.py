"""What the outbox holds, as `ledger.claim_outbox` hands it out."""

from __future__ import annotations

from typing import Any, NamedTuple


class Message(NamedTuple):
    """A row of `ledger.outbox_message`, but for its token.

    Ids, payload and time stay the text that PostgreSQL sent: most destinations want text, and to
    parse it would cost more than everything else the relay does.

    position        place in its tenant's log
    id              of the event, a UUID
    aggregate_type, aggregate_id
                    the thing the event is about; both None without one
    payload         JSON text
    trace_id, correlation_id
                    UUIDs
    created_at      in UTC, as '2026-01-31 12:00:00.123456+00'
    headers         as the caller of emit_event gave them, parsed; None without
    attempts        how often it was refused so far
    is_retry        it was parked, and is tried again
    """

    tenant_id: str
    position: int
    id: str
    aggregate_type: str | None
    aggregate_id: str | None
    event_type: str
    schema_version: int
    payload: str
    trace_id: str
    correlation_id: str
    created_at: str
    headers: dict[str, Any] | None
    attempts: int
    is_retry: bool

    @property
    def lane(self) -> tuple[str, str] | None:
        """Its aggregate, within which order is kept; None: it is alone."""
        if self.aggregate_type is None or self.aggregate_id is None:
            return None
        return self.aggregate_type, self.aggregate_id
