"""Messages as the outbox would hand them out."""

from __future__ import annotations

from typing import Any

from agent_events.relay.message import Message

PLAIN = Message(
    tenant_id="acme",
    position=12,
    id="0192f000-aaaa-7bbb-8ccc-0123456789ab",
    aggregate_type="deal",
    aggregate_id="42",
    event_type="deal.moved",
    schema_version=1,
    payload='{"stage": "won"}',
    trace_id="aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee",
    correlation_id="11111111-2222-4333-8444-555555555555",
    created_at="2026-01-31 12:00:00.123456+00",
    headers=None,
    attempts=0,
    is_retry=False,
)


def message(**changes: Any) -> Message:
    return PLAIN._replace(**changes)
