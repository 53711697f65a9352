"""Who did what with the record."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class AccessEntry:
    """A row of `ledger.access_log`: who did what with the record.

    actor         the database role
    action        'private_read', 'export_started', 'exported', 'verified', 'held', 'released',
                  'erased', 'partition_exported', 'partition_dropped' or 'partition_restored'
    purpose       what for, as it was said
    subject_hash  hex of ledger.subject_hash() of the person whose data it was
    details       payload of the event that says so, whose id is event_id
    """

    at: datetime
    tenant_id: str
    actor: str | None
    action: str
    purpose: str | None
    event_count: int | None
    subject_hash: str | None
    details: dict[str, Any]
    event_id: UUID
