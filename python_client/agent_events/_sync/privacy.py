"""Private data. Generated from `_async/privacy.py` by scripts/unasync."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from agent_events._sync.calling import Caller
from agent_events.models import ErasureCertificate, Id, PrivateEvent


class Privacy(Caller):
    """Private data, its erasure, and legal holds."""

    def read_private(
        self,
        purpose: str,
        *,
        event_id: Id | None = None,
        subject_id: str | None = None,
        tenant_id: str | None = None,
    ) -> list[PrivateEvent]:
        """Return the private data of an event, or of all events about a person.

        For privacy officers. Every call is an event ledger.private_read that keeps the `purpose`.
        """
        rows = self._rows(
            "read_private",
            {
                "purpose": purpose,
                "event_id": event_id,
                "subject_id": subject_id,
                "tenant_id": tenant_id,
            },
        )
        return [PrivateEvent(*row) for row in rows]

    def subject_report(
        self, subject_id: str, *, tenant_id: str | None = None
    ) -> list[PrivateEvent]:
        """Return everything that is held about a person, and what was erased; for the person."""
        rows = self._rows("subject_report", {"subject_id": subject_id, "tenant_id": tenant_id})
        return [PrivateEvent(*row) for row in rows]

    def erase_private(
        self,
        reason: str,
        *,
        subject_id: str | None = None,
        event_id: Id | None = None,
        tenant_id: str | None = None,
    ) -> ErasureCertificate:
        """Erase the private data about a person, or of one event, for good.

        The events and their hashes stay. Raises `errors.LegalHold`, and erases nothing, when a hold
        covers any of them.
        """
        rows = self._rows(
            "erase_private",
            {
                "reason": reason,
                "subject_id": subject_id,
                "event_id": event_id,
                "tenant_id": tenant_id,
            },
        )
        erasure_id, count, event_ids, hashes, erased_at = rows[0]
        return ErasureCertificate(erasure_id, count, tuple(event_ids), tuple(hashes), erased_at)

    def place_hold(
        self,
        reason: str,
        *,
        aggregate_type: str | None = None,
        aggregate_id: str | None = None,
        correlation_id: Id | None = None,
        subject_id: str | None = None,
        from_time: datetime | None = None,
        to_time: datetime | None = None,
        until_time: datetime | None = None,
        tenant_id: str | None = None,
    ) -> UUID:
        """Place a legal hold on what all conditions have in common, and return its id.

        Without any it covers the whole tenant. Nothing that it covers is erased or dropped until it
        is released, or `until_time` has passed.
        """
        rows = self._rows(
            "place_hold",
            {
                "reason": reason,
                "aggregate_type": aggregate_type,
                "aggregate_id": aggregate_id,
                "correlation_id": correlation_id,
                "subject_id": subject_id,
                "from_time": from_time,
                "to_time": to_time,
                "until_time": until_time,
                "tenant_id": tenant_id,
            },
        )
        hold_id: UUID = rows[0][0]
        return hold_id

    def release_hold(self, id: Id, reason: str, *, tenant_id: str | None = None) -> None:
        """End a legal hold."""
        self._rows("release_hold", {"id": id, "reason": reason, "tenant_id": tenant_id})
