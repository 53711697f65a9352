"""What makes an event safe to send twice, and to keep on a disk."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import cast
from uuid import uuid4

from agent_events._masking import mask_keys
from agent_events.models import EventArguments

_MASKED = ("payload", "proof", "metadata")


def keyed(event: EventArguments) -> EventArguments:
    """Return the event with an idempotency key, and with when it happened; given ones stay."""
    added = dict(event)
    if added.get("idempotency_key") is None:
        added["idempotency_key"] = uuid4().hex
    if added.get("occurred_at") is None:
        added["occurred_at"] = datetime.now(UTC)
    return cast(EventArguments, added)


def masked(event: EventArguments) -> EventArguments:
    """Return the event with secrets masked as the database would, which has not seen it."""
    hidden = {name: mask_keys(event.get(name)) for name in _MASKED if event.get(name)}
    return cast(EventArguments, {**event, **hidden})
