"""Events in cold files: the log has them, the database does not."""

from __future__ import annotations

from typing import Any

from psycopg import Connection

from agent_events.evidence.errors import EvidenceError

_RANGES = """
select lower(r), upper(r)
from unnest(ledger.cold_positions(%s) * int8multirange(int8range(%s, %s))) as r
order by 1
"""


def cold_ranges(
    connection: Connection[Any], tenant_id: str, first: int, end: int
) -> list[tuple[int, int]]:
    """Return which positions from `first` to `end` - 1 are in cold files, as (first, end)."""
    return connection.execute(_RANGES, (tenant_id, first, end)).fetchall()


def refuse_cold(connection: Connection[Any], tenant_id: str, first: int, end: int) -> None:
    """Check that no event of the positions from `first` to `end` - 1 is in a cold file.

    Raises:
        EvidenceError: one is.
    """
    if ranges := cold_ranges(connection, tenant_id, first, end):
        low, high = ranges[0]
        raise EvidenceError(
            f"positions {low} to {high - 1} of tenant {tenant_id} are in cold files, "
            "not in the database",
            "Bring them back first: agent-events cold list, agent-events cold restore",
        )
