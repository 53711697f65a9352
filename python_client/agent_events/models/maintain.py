"""Maintenance, partitions and retention."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class PartitionStatus:
    """A row of `ledger.partition_status`: where a partition is, and what is due.

    parent_name  'agent_events' or 'outbox'
    tier         'hot', 'archive', 'cold' (in a file) or 'dropped'
    age          since its end; zero for one that still takes events, or is still to come
    row_count    events in it, counted where `is_counted`, else the planner's estimate
    bytes        with indexes and TOAST, None when it is not in the database
    due          'archive', 'relocate', 'cold' or 'expire' by the retention policy, else None
    """

    partition_name: str
    parent_name: str
    tier: str
    from_time: datetime
    to_time: datetime
    age: timedelta
    row_count: int | None
    is_counted: bool
    bytes: int | None
    tablespace: str | None
    access_method: str | None
    moved_at: datetime | None
    due: str | None


@dataclass(frozen=True, slots=True)
class RetentionPolicy:
    """How long events stay in each tier, from the end of their partition; None = for ever.

    archive_tablespace, archive_access_method
                of archived partitions; None = as they were
    outbox_for  how long messages stay in the outbox at least
    inbox_for   how long the inbox remembers what was processed, from when it was
    """

    hot_for: timedelta | None
    warm_for: timedelta | None
    cold_for: timedelta | None
    archive_tablespace: str | None
    archive_access_method: str | None
    outbox_for: timedelta | None
    inbox_for: timedelta | None
    changed_at: datetime
    changed_by: str


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """A step that `ledger.maintain()` would take now; `object` is the partition it is about."""

    step: str
    object: str | None
