"""Private data, and its erasure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class PrivateEvent:
    """An event with its private data.

    position    None while it is not sealed
    payload     with its private fields back in it; what is left of it where they were erased
    private     what was given beside the payload, None if nothing was or it was erased
    erasure_id  of the event ledger.private_erased that records the erasure, and when it was
    """

    event_id: UUID
    created_at: datetime
    position: int | None
    event_type: str
    schema_version: int
    aggregate_type: str | None
    aggregate_id: str | None
    subject_id: str | None
    payload: Any
    private: dict[str, Any] | None
    erasure_id: UUID | None
    erased_at: datetime | None


@dataclass(frozen=True, slots=True)
class ErasureCertificate:
    """What `erase_private` did.

    erasure_id      id of the event ledger.private_erased; None when there was nothing to erase
    event_ids       the events whose private data is gone
    private_hashes  for each of them the commitment that its event keeps, 32 bytes
    """

    erasure_id: UUID | None
    event_count: int
    event_ids: tuple[UUID, ...]
    private_hashes: tuple[bytes, ...]
    erased_at: datetime | None
