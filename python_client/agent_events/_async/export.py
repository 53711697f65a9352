"""Exports over asyncio. `_sync/export.py` is generated from this file."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Unpack
from uuid import UUID

from agent_events._async.calling import AsyncCaller
from agent_events._queries import ACCESS_LOG, FIND_OPTIONS, check_options
from agent_events.models import AccessEntry, EventFilter, Id, Json


class AsyncExports(AsyncCaller):
    """Exports, and who did what with the record."""

    async def begin_export(
        self,
        format: str,
        *,
        with_proof: bool = False,
        redacted: bool = True,
        purpose: str | None = None,
        tenant_id: str | None = None,
        **filters: Unpack[EventFilter],
    ) -> UUID:
        """Begin an export of the events that match all of `EventFilter`; returns its id.

        An event ledger.export_started keeps who, what and what for. Once it is committed,
        `agent_events.exporting` and the functions ledger.export_events() and ledger.export_lines()
        give the events. `redacted=False` takes private data along; it needs the privilege privacy
        and a `purpose`.
        """
        check_options(filters, FIND_OPTIONS)
        rows = await self._rows(
            "begin_export",
            {
                "format": format,
                "with_proof": with_proof,
                "redacted": redacted,
                "purpose": purpose,
                "tenant_id": tenant_id,
                **filters,
            },
        )
        export_id: UUID = rows[0][0]
        return export_id

    async def finish_export(
        self,
        export_id: Id,
        event_count: int,
        *,
        file_sha256: bytes | None = None,
        tenant_id: str | None = None,
    ) -> UUID:
        """End an export that the caller began; returns the id of the event ledger.export_created.

        `file_sha256` is the digest of the file, 32 bytes.
        """
        rows = await self._rows(
            "finish_export",
            {
                "export_id": export_id,
                "event_count": event_count,
                "file_sha256": file_sha256,
                "tenant_id": tenant_id,
            },
        )
        event_id: UUID = rows[0][0]
        return event_id

    async def record_verification(
        self,
        tree_size: int,
        root: bytes,
        finding_count: int,
        *,
        findings: Sequence[Json] | None = None,
        duration_ms: float | None = None,
        tenant_id: str | None = None,
    ) -> UUID:
        """Record that the log was verified, as an event ledger.verified; returns its id.

        For auditors and operators. `root` is the one that was computed, 32 bytes; of the findings
        the first 20 are kept.
        """
        rows = await self._rows(
            "record_verification",
            {
                "tree_size": tree_size,
                "root": root,
                "finding_count": finding_count,
                "findings": findings,
                "duration_ms": duration_ms,
                "tenant_id": tenant_id,
            },
        )
        event_id: UUID = rows[0][0]
        return event_id

    async def record_checkpoint(self, note: str, *, tenant_id: str | None = None) -> UUID:
        """Record that a checkpoint was signed, as an event ledger.checkpoint_signed; return its id.

        For auditors and operators. `note` is the signed checkpoint, which must be one of the log;
        who signed it, the database does not check.

        Raises:
            LogDoesNotVerify: it is not of this log.
        """
        rows = await self._rows("record_checkpoint", {"note": note, "tenant_id": tenant_id})
        event_id: UUID = rows[0][0]
        return event_id

    async def access_log(
        self,
        *,
        actor: str | None = None,
        actions: Sequence[str] | None = None,
        subject_id: str | None = None,
        event_id: Id | None = None,
        from_time: datetime | None = None,
        to_time: datetime | None = None,
        page_size: int = 100,
        tenant_id: str | None = None,
    ) -> list[AccessEntry]:
        """Return who did what with the record, the newest first.

        For auditors, operators and privacy officers. All that is given must hold: the role `actor`,
        any of these `actions`, the person whose private data it was, the event whose private data
        it was or that was exported, and the time.
        """
        async with self._cursor() as cursor:
            await cursor.execute(
                ACCESS_LOG,
                {
                    "tenant_id": tenant_id,
                    "actor": actor,
                    "actions": None if actions is None else list(actions),
                    "subject_id": subject_id,
                    "event_id": None if event_id is None else str(event_id),
                    "from_time": from_time,
                    "to_time": to_time,
                    "page_size": page_size,
                },
            )
            return [AccessEntry(*row) for row in await cursor.fetchall()]
