"""What makes an event safe to send twice."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import cast
from uuid import uuid4

from agent_events.models import EventArguments


def keyed(event: EventArguments) -> EventArguments:
    """Return the event with an idempotency key, and with when it happened; given ones stay."""
    added = dict(event)
    if added.get("idempotency_key") is None:
        added["idempotency_key"] = uuid4().hex
    if added.get("occurred_at") is None:
        added["occurred_at"] = datetime.now(UTC)
    return cast(EventArguments, added)
