"""What happened last, by the things it happened to: the newest events looked through once."""

from __future__ import annotations

from agent_events.explorer.database import Reader, Row

LOOKED_THROUGH = 1000
"""Events."""

_NEWEST = """
    select
      e.id, e.created_at, e.event_type, e.aggregate_type, e.aggregate_id, e.sequence,
      e.correlation_id, e.actor_type, e.actor_id
    from ledger.find_events(
      tenant_id => %(tenant_id)s, page_size => %(events)s, newest_first => true
    ) as e
"""


async def newest_of(reader: Reader, *names: str) -> list[Row]:
    """Return the newest event of each value that the columns `names` have, and how many it is.

    Looks at the last `LOOKED_THROUGH` events; `events` is how many of them have that value.
    """
    found: dict[tuple[object, ...], Row] = {}
    for event in await reader.rows(_NEWEST, events=LOOKED_THROUGH):
        key = tuple(event[name] for name in names)
        if None not in key:
            found.setdefault(key, {**event, "events": 0})["events"] += 1
    return list(found.values())
