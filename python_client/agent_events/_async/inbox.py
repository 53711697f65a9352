"""The inbox over asyncio. `_sync/inbox.py` is generated from this file."""

from __future__ import annotations

from datetime import timedelta

from agent_events._async.calling import AsyncCaller
from agent_events._queries import INBOX_STATUS
from agent_events.models import Id, InboxFailure, InboxStatus, Interval, Json


class AsyncInbox(AsyncCaller):
    """Processing what comes from a broker once, and what failed again."""

    async def accept_event(
        self,
        consumer: str,
        event_id: Id,
        *,
        event_type: str | None = None,
        tenant_id: str | None = None,
    ) -> bool:
        """Return whether your transaction is the one that processes the event: True only once.

        Call it first in the transaction; it counts when that commits. Waits for another transaction
        that has accepted the event. Above READ COMMITTED `psycopg.errors.SerializationFailure` says
        that another one was faster: run the transaction again. `agent_events.consumer` does all
        this.
        """
        rows = await self._rows(
            "accept_event",
            {
                "consumer": consumer,
                "event_id": event_id,
                "event_type": event_type,
                "tenant_id": tenant_id,
            },
        )
        is_first: bool = rows[0][0]
        return is_first

    async def fail_event(
        self,
        consumer: str,
        event_id: Id,
        error: str,
        *,
        event_type: str | None = None,
        message: Json | None = None,
        max_attempts: int | None = None,
        retry_after: timedelta | None = None,
        tenant_id: str | None = None,
    ) -> InboxFailure | None:
        """Record that an event could not be processed, after that transaction was rolled back.

        It is due again after a delay that doubles from a second to an hour, or after `retry_after`
        if that is longer; dead after `max_attempts` (default 10). Returns None when it was
        processed meanwhile.
        """
        rows = await self._rows(
            "fail_event",
            {
                "consumer": consumer,
                "event_id": event_id,
                "error": error,
                "event_type": event_type,
                "message": message,
                "max_attempts": max_attempts,
                "retry_after": retry_after,
                "tenant_id": tenant_id,
            },
        )
        return None if rows[0][0] is None else InboxFailure(*rows[0])

    async def claim_failures(
        self,
        consumer: str,
        *,
        max_rows: int | None = None,
        lease: Interval | None = None,
        tenant_id: str | None = None,
    ) -> list[InboxFailure]:
        """Take up to `max_rows` (default 100) failures that are due, for yourself alone.

        Commit, and process each like a new message within the `lease` (default five minutes). Those
        of every tenant that the caller consumes for, unless `tenant_id` is given.
        """
        rows = await self._rows(
            "claim_failures",
            {"consumer": consumer, "max_rows": max_rows, "lease": lease, "tenant_id": tenant_id},
        )
        return [InboxFailure(*row) for row in rows]

    async def inbox_status(self) -> list[InboxStatus]:
        """Return what consumers could not process (view ledger.inbox_status), the oldest first."""
        async with self._cursor() as cursor:
            await cursor.execute(INBOX_STATUS)
            return [InboxStatus(*row) for row in await cursor.fetchall()]

    async def requeue_failures(
        self, consumer: str, event_id: Id | None = None, *, tenant_id: str | None = None
    ) -> int:
        """Make a failed message, or all dead ones of a consumer, due again; return how many."""
        rows = await self._rows(
            "requeue_failures",
            {"consumer": consumer, "event_id": event_id, "tenant_id": tenant_id},
        )
        count: int = rows[0][0]
        return count

    async def discard_failure(
        self, consumer: str, event_id: Id, reason: str, *, tenant_id: str | None = None
    ) -> None:
        """Give a failed message up: it counts as processed. The `reason` is kept; for operators."""
        await self._rows(
            "discard_failure",
            {
                "consumer": consumer,
                "event_id": event_id,
                "reason": reason,
                "tenant_id": tenant_id,
            },
        )

    async def purge_inbox(
        self, *, older_than: Interval | None = None, max_rows: int | None = None
    ) -> int:
        """Forget what was processed longer ago; return how many, at most `max_rows` (10,000).

        `older_than` defaults to the retention policy's `inbox_for`. A duplicate that arrives later
        than that is processed again. `maintain` does it; for operators of every tenant.
        """
        rows = await self._rows("purge_inbox", {"older_than": older_than, "max_rows": max_rows})
        count: int = rows[0][0]
        return count
