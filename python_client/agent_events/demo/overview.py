"""What is in the ledger now."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import dict_row

BY_TYPE = """
    select
      event_type,
      count(*) as events,
      count(*) filter (where metadata ? 'import') as imported,
      min(coalesce(occurred_at, created_at)) as first,
      max(coalesce(occurred_at, created_at)) as last
    from ledger.events
    group by event_type
    order by event_type
"""

RUN = "select * from ledger.agent_run_status where run_id = %s"


def events_by_type(connection: Connection[Any]) -> list[dict[str, Any]]:
    """Return each event type with how many events it has, and when they happened."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(BY_TYPE).fetchall()


def run_status(connection: Connection[Any], run_id: UUID) -> dict[str, Any]:
    """Return what the run's events say about it."""
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(RUN, [run_id]).fetchall()
    return rows[0]
