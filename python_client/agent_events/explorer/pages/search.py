"""What somebody typed into the search field: an id of some kind, or the beginning of a name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from agent_events._queries import FIND_OPTIONS
from agent_events.explorer.database import Reader, reading, tenant_of
from agent_events.explorer.kinds import KINDS
from agent_events.explorer.links import Links
from agent_events.explorer.parameters import as_uuid, text_parameter
from agent_events.explorer.rendering import render
from agent_events.explorer.searching import FOUND

MOST_HITS = 20
"""Of each kind."""

# Every name that begins so comes after the name itself, and before it with the last character there
# is: these are ranges of an index, however many names there are.
_BEGINS = ">= %(q)s and {0} collate \"C\" < %(q)s || U&'\\+10FFFF'"

_IDS = {
    "correlation": "correlation_id",
    "run": "run_id",
    "trace": "trace_id",
    "deal": "deal_id",
}
_AGGREGATES = f"""
    {KINDS}
    select f.aggregate_type, f.aggregate_id, f.sequence
    from kinds as k
    cross join lateral (
      select s.aggregate_type, s.aggregate_id, s.sequence
      from ledger.streams as s
      where s.tenant_id = %(tenant_id)s
        and s.aggregate_type = k.aggregate_type
        and s.aggregate_id collate "C" {_BEGINS.format("s.aggregate_id")}
      order by s.aggregate_id
      limit {MOST_HITS}
    ) as f
    limit {3 * MOST_HITS}
"""
_ACTORS = f"""
    select c.value, c.events
    from unnest('{{user,agent,system,webhook}}'::text[]) as t (actor_type)
    cross join lateral (
      select e.value, e.events
      from ledger.event_counts as e
      where e.tenant_id = %(tenant_id)s
        and e.dimension = 'actor'
        and e.period = 'all'
        and e.period_start = '-infinity'
        and e.value >= t.actor_type || ':' || %(q)s
        and e.value < t.actor_type || ':' || %(q)s || U&'\\+10FFFF'
      order by e.value
      limit {MOST_HITS}
    ) as c
    limit {MOST_HITS}
"""
_TYPES = f"""
    select coalesce(c.event_type, t.event_type) as event_type, coalesce(c.events, 0) as events
    from ledger.event_types as t
    full join (
      select p.event_type, p.events
      from ledger.events_per_type as p
      where p.tenant_id = %(tenant_id)s
    ) as c on c.event_type = t.event_type
    where strpos(lower(coalesce(c.event_type, t.event_type)), lower(%(q)s)) > 0
    order by events desc, event_type
    limit {MOST_HITS}
"""


_ANY = f"select exists (select from {FOUND} as e) as is_found"


@dataclass(frozen=True)
class Hit:
    """Something that was found: what kind of thing, how it is called, where it is."""

    kind: str
    name: str
    href: str
    note: str = ""


async def search(request: Request) -> Response:
    """Find what an id belongs to, or whose names begin so; go there where it can be one only."""
    q = text_parameter(request, "q")
    hits: list[Hit] = []
    if q is not None:
        links = Links(request.query_params.get("tenant"))
        async with reading(request, lane="replay") as reader:
            if (wanted := as_uuid(q)) is not None:
                if await reader.ledger.get_event(wanted, tenant_id=tenant_of(request)):
                    return RedirectResponse(links.event(wanted), 303)
                hits += await _by_id(reader, links, wanted)
            hits += await _by_name(reader, links, q)
    return render(request, "search.html", hits=hits, q=q)


async def _by_id(reader: Reader, links: Links, id: UUID) -> list[Hit]:
    hits = []
    for kind, argument in _IDS.items():
        given: dict[str, Any] = {**dict.fromkeys(FIND_OPTIONS), argument: id}
        found = await reader.row(_ANY, **given, after_id=None, page_size=1, newest_first=True)
        if found and found["is_found"]:
            href = {"correlation": links.trace(id), "run": links.run(id)}.get(kind)
            hits.append(Hit(kind, str(id), href or links.events(**{kind: id})))
    return hits


async def _by_name(reader: Reader, links: Links, q: str) -> list[Hit]:
    aggregates = await reader.rows(_AGGREGATES, q=q)
    actors = await reader.rows(_ACTORS, q=q)
    types = await reader.rows(_TYPES, q=q)
    return [
        *(
            Hit(
                "aggregate",
                f"{row['aggregate_type']}/{row['aggregate_id']}",
                links.aggregate(row["aggregate_type"], row["aggregate_id"]),
                f"{row['sequence']} events",
            )
            for row in aggregates
        ),
        *(
            Hit("actor", row["value"], _of_actor(links, row["value"]), f"{row['events']} events")
            for row in actors
        ),
        *(
            Hit(
                "event type",
                row["event_type"],
                links.events(type=row["event_type"]),
                f"{row['events']} events",
            )
            for row in types
        ),
    ]


def _of_actor(links: Links, value: str) -> str:
    actor_type, _, actor_id = value.partition(":")
    return links.events(actor_type=actor_type, actor_id=actor_id)


ROUTES = [Route("/search", search)]
NAVIGATION = None
