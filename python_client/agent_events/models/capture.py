"""Tracked tables."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class TrackedTable:
    """A row of `ledger.tracking_status`: a table whose changes are events.

    key_columns    what makes up aggregate_id: the value of one, a JSON array of several
    excluded       columns that never appear in an event; `masked` ones appear as "***"
    tenant_column  holds the tenant of a row; None: the tenant is the context's
    publish        whether the events get a message in the outbox; None: as their types say
    deferred       whether changes wait for `emit_captured` to make events of them
    waiting_since  time of the oldest change that waits; None when none does
    problem        why changes go unseen or are refused; None when all is well
    """

    table_name: str
    event_prefix: str
    aggregate_type: str
    key_columns: list[str]
    excluded: list[str]
    masked: list[str]
    tenant_column: str | None
    publish: bool | None
    deferred: bool
    tracked_at: datetime
    tracked_by: str
    waiting_since: datetime | None
    problem: str | None
