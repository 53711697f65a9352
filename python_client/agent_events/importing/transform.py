"""Turn a row of the legacy audit trail into an event, or say why it cannot become one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, tzinfo
from math import isfinite
from typing import Any
from uuid import NAMESPACE_DNS, UUID, uuid5

from ..models import EventInput
from .mapping import Mapping
from .payload import build_payload, read_details
from .source import MAX_DETAILS, SourceRow, Value
from .timestamps import BadTimestamp, parse_timestamp

ACTION_NAMESPACE = uuid5(NAMESPACE_DNS, "import-audit.agent-events")

UUID_TEXT = re.compile(r"[0-9a-f]{8}(-?[0-9a-f]{4}){3}-?[0-9a-f]{12}", re.IGNORECASE)

NOTE_ACTOR = "actor not understood: kept in metadata only"
NOTE_NO_ACTOR = "no actor"


class Rejected(Exception):
    """The row cannot become an event. `reason` groups, `detail` says it of this row."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class MappedRow:
    """A row together with the event it becomes, ready for emit_events."""

    row: SourceRow
    event: EventInput
    notes: list[str]


@dataclass(slots=True)
class Transformer:
    """Maps the rows of one source. `source_name` stands in every idempotency key."""

    source_name: str
    mapping: Mapping
    default_timezone: tzinfo
    publish: bool = False

    def __call__(self, row: SourceRow) -> MappedRow:
        """Return the event for a row. Raises Rejected."""
        _required(row.audit_id, "audit_id")
        if row.copy > 1:
            raise Rejected("audit_id occurs again", "another row with this audit_id came first")
        _required(row.action_id, "action_id")
        name = _required(row.event, "event")
        event_type = self.mapping.event_type(name)
        if event_type is None:
            raise Rejected(f"event not mapped: {name[:60]}", "no entry in the mapping's [events]")
        if row.details_length > MAX_DETAILS:
            size = f"{row.details_length:,} characters, limit {MAX_DETAILS:,}"
            raise Rejected("details too large", size)
        try:
            occurred_at = parse_timestamp(row.timestamp, self.default_timezone)
        except BadTimestamp as error:
            raise Rejected("broken timestamp", str(error)) from error
        return self._mapped(row, event_type, occurred_at)

    def _mapped(self, row: SourceRow, event_type: str, occurred_at: datetime) -> MappedRow:
        notes: list[str] = []
        action_id = _required(row.action_id, "action_id")
        actor = _text(row.actor, "actor")
        details = read_details(_text(row.details, "details"), notes)
        facts = {"action_id": action_id, "event": row.event, "actor": actor, "details": details}
        fields = self.mapping.payloads.get(event_type, {})
        event: EventInput = {
            "event_type": event_type,
            "payload": build_payload(fields, facts, self.mapping.values, notes),
            "aggregate_type": "action",
            "aggregate_id": str(as_uuid(action_id) or action_id),
            "action_id": action_uuid(action_id),
            "deal_id": as_uuid(details.get("deal_id")),
            "correlation_id": action_uuid(action_id),
            "outcome": self.mapping.outcomes.get(event_type),  # type: ignore[typeddict-item]
            "occurred_at": occurred_at,
            "metadata": {"import": self._original(row, details)},
            "idempotency_key": f"import-audit:{self.source_name}:{_text(row.key, 'audit_id')}",
            "publish": self.publish,
        }
        if who := self.mapping.actor(actor):
            event["actor_type"], event["actor_id"] = who  # type: ignore[typeddict-item]
        else:
            notes.append(NOTE_ACTOR if actor else NOTE_NO_ACTOR)
        return MappedRow(row, event, notes)

    def _original(self, row: SourceRow, details: dict[str, Any]) -> dict[str, Any]:
        """Return the row as it was. JSON stays JSON: the ledger masks secrets by key."""
        return {
            "source": self.source_name,
            "audit_id": _plain(row.audit_id),
            "action_id": _plain(row.action_id),
            "timestamp": _plain(row.timestamp),
            "event": _plain(row.event),
            "actor": _plain(row.actor),
            "details": details,
        }


def action_uuid(action_id: str) -> UUID:
    """Return the action id itself when it is a UUID, else the UUID (version 5) it always gets."""
    return as_uuid(action_id) or uuid5(ACTION_NAMESPACE, action_id)


def as_uuid(value: object) -> UUID | None:
    """Return the UUID that a text is, None when it is something else."""
    return UUID(value) if isinstance(value, str) and UUID_TEXT.fullmatch(value) else None


def _required(value: Value, column: str) -> str:
    text = (_text(value, column) or "").strip()
    if not text:
        raise Rejected(f"no {column}", f"{column} is NULL or empty")
    return text


def _plain(value: Value) -> str | int | float | None:
    """Return a value that JSON has: no bytes, no infinity."""
    if isinstance(value, bytes) or (isinstance(value, float) and not isfinite(value)):
        return _text(value, "value")
    return value


def _text(value: Value, column: str) -> str | None:
    if isinstance(value, bytes):
        try:
            value = value.decode()
        except UnicodeDecodeError as error:
            raise Rejected("not UTF-8", f"{column}: {error}") from error
    return None if value is None else str(value)
