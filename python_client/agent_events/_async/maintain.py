"""Maintenance over asyncio. `_sync/maintain.py` is generated from this file."""

from __future__ import annotations

from agent_events._async.calling import AsyncCaller
from agent_events._queries import PARTITIONS
from agent_events.models import (
    Interval,
    PartitionInterval,
    PartitionStatus,
    PlannedStep,
    RetentionPolicy,
)


class AsyncMaintenance(AsyncCaller):
    """Maintenance, partitions and retention."""

    async def maintain(self, *, dry_run: bool = False, max_wait: Interval | None = None) -> None:
        """Do what is due: partitions ahead, sealing, archiving; for operators of every tenant.

        Needs an autocommit connection, since each step commits. A step tries for `max_wait`
        (default five minutes) to get its locks. One that fails stops only those that build on it;
        its error is raised when the others are done, and ledger.maintenance_steps keeps all of
        them. `dry_run` does nothing but say what is due, as notices; `maintenance_plan` returns it.
        """
        await self._call("maintain", {"dry_run": dry_run, "max_wait": max_wait})

    async def maintenance_plan(self) -> list[PlannedStep]:
        """Return the steps that `maintain` would take now, in order."""
        return [PlannedStep(*row) for row in await self._rows("maintenance_plan", {})]

    async def archive_partition(
        self, partition_name: str, *, max_wait: Interval | None = None
    ) -> None:
        """Move a partition of agent_events, an hour after its end or later, to the archive.

        Needs an autocommit connection. Emitting waits for some milliseconds at most; for
        `max_wait` (default five minutes) it is tried again while somebody holds the locks, then
        `psycopg.errors.LockNotAvailable` is raised. For operators of every tenant.
        """
        await self._call(
            "archive_partition", {"partition_name": partition_name, "max_wait": max_wait}
        )

    async def restore_partition(
        self, partition_name: str, *, max_wait: Interval | None = None
    ) -> None:
        """Move an archived partition back to agent_events; otherwise as `archive_partition`."""
        await self._call(
            "restore_partition", {"partition_name": partition_name, "max_wait": max_wait}
        )

    async def partitions(self) -> list[PartitionStatus]:
        """Return every partition ever made (view ledger.partition_status), the oldest first."""
        async with self._cursor() as cursor:
            await cursor.execute(PARTITIONS)
            return [PartitionStatus(*row) for row in await cursor.fetchall()]

    async def set_retention(
        self,
        *,
        hot_for: Interval | None = None,
        warm_for: Interval | None = None,
        cold_for: Interval | None = None,
        archive_tablespace: str | None = None,
        archive_access_method: str | None = None,
        outbox_for: Interval | None = None,
        inbox_for: Interval | None = None,
    ) -> RetentionPolicy:
        """Set the whole retention policy: what is None is for ever, or as it was.

        The ages count from the end of a partition, `inbox_for` from when an event was processed.
        Moves and deletes nothing by itself; `maintain` archives and purges what is due. For
        operators of every tenant.
        """
        rows = await self._rows(
            "set_retention",
            {
                "hot_for": hot_for,
                "warm_for": warm_for,
                "cold_for": cold_for,
                "archive_tablespace": archive_tablespace,
                "archive_access_method": archive_access_method,
                "outbox_for": outbox_for,
                "inbox_for": inbox_for,
            },
        )
        return RetentionPolicy(*rows[0])

    async def set_partition_interval(
        self, partition_interval: PartitionInterval, *, premake: int | None = None
    ) -> None:
        """Set the length of the partitions made from now on, and how many are made ahead.

        Needs an autocommit connection. Raises `psycopg.errors.LockNotAvailable` when somebody
        reads for longer than 100 ms what has to be cut down: call it again then. For operators of
        every tenant.
        """
        await self._call(
            "set_partition_interval",
            {"partition_interval": partition_interval, "premake": premake},
        )
