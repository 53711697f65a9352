"""Tracked tables over asyncio. `_sync/capture.py` is generated from this file."""

from __future__ import annotations

from collections.abc import Sequence

from agent_events._async.calling import AsyncCaller
from agent_events._queries import TRACKED_TABLES
from agent_events.models import TrackedTable


class AsyncCapture(AsyncCaller):
    """Tables whose changes are events."""

    async def track_table(
        self,
        table_name: str,
        *,
        event_prefix: str | None = None,
        aggregate_type: str | None = None,
        key_columns: Sequence[str] | None = None,
        excluded: Sequence[str] | None = None,
        masked: Sequence[str] | None = None,
        tenant_column: str | None = None,
        publish: bool | None = None,
        deferred: bool = False,
    ) -> None:
        """Make every change of a table an event from now on; again, to change how.

        `table_name` as in SQL, with its schema unless the search path finds it. The events are
        `<event_prefix>.created`, `.updated` and `.deleted` (default: the table's name), about
        `aggregate_type` (default: the prefix) and the key (default: the primary key). `excluded`
        columns never appear, `masked` ones as "***". Changes of a `deferred` table are kept in the
        transaction that makes them, and become events when `emit_captured` runs. Call it as the
        table's owner, who must be a registrar. Raises `InvalidArgument` when the table cannot be
        tracked.
        """
        await self._rows(
            "track_table",
            {
                "table_name": table_name,
                "event_prefix": event_prefix,
                "aggregate_type": aggregate_type,
                "key_columns": key_columns,
                "excluded": excluded,
                "masked": masked,
                "tenant_column": tenant_column,
                "publish": publish,
                "deferred": deferred,
            },
        )

    async def untrack_table(self, table_name: str) -> None:
        """End what `track_table` began; the events stay. Call it as the table's owner."""
        await self._rows("untrack_table", {"table_name": table_name})

    async def emit_captured(self, *, max_events: int = 5000) -> int:
        """Make events of what changed in deferred tables, oldest first; return how many.

        Until `max_events` are made or half a second is over: call it until it returns 0, which it
        does too while somebody else is at it. What cannot become an event stays: `doctor` says why.
        For operators of every tenant; `agent-events maintain` calls it before it seals.
        """
        return int((await self._rows("emit_captured", {"max_events": max_events}))[0][0])

    async def discard_captured(self, statement_id: int, *, reason: str) -> None:
        """Give up what one statement changed, of which `doctor` says that it is stuck.

        An event `ledger.capture_discarded` says which rows, and why. For operators of every tenant.
        Raises `InvalidArgument` when it is not stuck.
        """
        await self._rows("discard_captured", {"statement_id": statement_id, "reason": reason})

    async def tracked_tables(self) -> list[TrackedTable]:
        """Return the tables whose changes are events (view ledger.tracking_status)."""
        async with self._cursor() as cursor:
            await cursor.execute(TRACKED_TABLES)
            return [TrackedTable(*row) for row in await cursor.fetchall()]

    async def add_correlation(self, table_name: str) -> None:
        """Add trace_id, correlation_id and causation_id to a table; safe to repeat.

        New rows get them from `set_context`; rows that are there keep None. Call it as the table's
        owner.
        """
        await self._rows("add_correlation", {"table_name": table_name})
