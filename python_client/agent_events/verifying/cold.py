"""Events that left the database for cold files: their entries and leaves stay, their rows do not.

`agent-events cold verify` reads the files. Here they are counted, and what should follow from them
is held against the log: a stream may go on after them only from a leaf among them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from typing import NamedTuple

from agent_events.verifying.session import Session

_RANGES = """
select lower(x.positions), upper(x.positions)
from ledger.cold_ranges as r
join ledger.partitions as p on p.partition_name = r.partition_name
cross join lateral unnest(r.positions) as x (positions)
where r.tenant_id = %s
  and p.tier in ('cold', 'dropped')
  and exists (
    select
    from ledger.cold_drops as d
    where d.partition_name = r.partition_name and d.file_sha256 = r.file_sha256
  )
"""


class Resumed(NamedTuple):
    """An event of a stream whose predecessor is in a cold file, by what it says of it."""

    position: int
    key: bytes
    sequence: int
    prev_hash: bytes


class Cold:
    """Positions of a log whose events are in cold files.

    Args:
        ranges: first position and position after the last; in any order, they may overlap.
    """

    def __init__(self, ranges: Iterable[tuple[int, int]] = ()) -> None:
        merged: list[tuple[int, int]] = []
        for first, end in sorted(ranges):
            if merged and first <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
            else:
                merged.append((first, end))
        self.ranges = tuple(merged)

    def __contains__(self, position: int) -> bool:
        index = bisect_right(self.ranges, position, key=lambda one: one[0]) - 1
        return index >= 0 and position < self.ranges[index][1]

    def within(self, first: int, last: int) -> tuple[tuple[int, int], ...]:
        """Return the ranges of those from `first` to `last` - 1."""
        cut = ((max(low, first), min(end, last)) for low, end in self.ranges)
        return tuple((low, end) for low, end in cut if low < end)

    def between(self, after: int, before: int) -> int:
        """Return how many lie between two positions, both not included."""
        return sum(max(min(end, before) - max(first, after + 1), 0) for first, end in self.ranges)


NOTHING = Cold()


def read_cold(session: Session, tenant_id: str) -> Cold:
    """Return which events of a tenant are in cold files."""
    return Cold(session.rows(_RANGES, tenant_id))
