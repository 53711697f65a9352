"""What replaying a stream needs, with or without asyncio."""

from __future__ import annotations

from datetime import datetime

from agent_events.models import Event


def is_after(event: Event, at_time: datetime | None, at_sequence: int | None) -> bool:
    """Tell whether an event of a stream comes after the moment; None is no limit."""
    return (at_time is not None and event.created_at > at_time) or (
        at_sequence is not None and (event.sequence or 0) > at_sequence
    )


def replay_note(event: Event) -> str:
    """Say which event a function choked on."""
    stream = f"{event.aggregate_type}/{event.aggregate_id}"
    return (
        f"replaying {stream}: event {event.sequence} ({event.event_type} version "
        f"{event.schema_version}, id {event.id}, tenant {event.tenant_id})"
    )
