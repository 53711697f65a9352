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
    ) -> None:
        """Make every change of a table an event from now on; again, to change how.

        `table_name` as in SQL, with its schema unless the search path finds it. The events are
        `<event_prefix>.created`, `.updated` and `.deleted` (default: the table's name), about
        `aggregate_type` (default: the prefix) and the key (default: the primary key). `excluded`
        columns never appear, `masked` ones as "***". Call it as the table's owner, who must be a
        registrar. Raises `InvalidArgument` when the table cannot be tracked.
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
            },
        )

    async def untrack_table(self, table_name: str) -> None:
        """End what `track_table` began; the events stay. Call it as the table's owner."""
        await self._rows("untrack_table", {"table_name": table_name})

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
