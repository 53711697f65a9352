"""The aggregates of a ledger: which there are, and which changed last."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from agent_events.explorer.database import reading
from agent_events.explorer.kinds import KINDS
from agent_events.explorer.links import Links
from agent_events.explorer.pages._navigation import Navigation
from agent_events.explorer.parameters import exact_parameter
from agent_events.explorer.recent import LOOKED_THROUGH, newest_of
from agent_events.explorer.rendering import render
from agent_events.explorer.searching import PAGE_SIZE

MOST_TYPES = 100

_TYPES = f"""
    {KINDS}
    select k.aggregate_type
    from kinds as k
    where k.aggregate_type is not null
    limit {MOST_TYPES}
"""
_OF_TYPE = f"""
    select s.aggregate_type, s.aggregate_id, s.sequence, s.created_at
    from ledger.streams as s
    where s.tenant_id = %(tenant_id)s
      and s.aggregate_type = %(aggregate_type)s
      and s.aggregate_id > %(after)s
      and s.sequence > 0
    order by s.aggregate_id
    limit {PAGE_SIZE + 1}
"""


async def list_aggregates(request: Request) -> Response:
    """Show what changed last, or the aggregates of a type by id; type and id lead to one."""
    aggregate_type = exact_parameter(request, "type")
    aggregate_id = exact_parameter(request, "id")
    after = exact_parameter(request, "after")
    if aggregate_type and aggregate_id:
        links = Links(request.query_params.get("tenant"))
        return RedirectResponse(links.aggregate(aggregate_type, aggregate_id), 303)
    async with reading(request) as reader:
        types = await reader.rows(_TYPES)
        if aggregate_type:
            names: dict[str, Any] = {"aggregate_type": aggregate_type, "after": after or ""}
            found = await reader.rows(_OF_TYPE, **names)
        else:
            found = await newest_of(reader, "aggregate_type", "aggregate_id")
    return render(
        request,
        "aggregates.html",
        aggregates=found[:PAGE_SIZE],
        after=after,
        has_more=bool(aggregate_type) and len(found) > PAGE_SIZE,
        looked_through=LOOKED_THROUGH,
        most_types=MOST_TYPES,
        type=aggregate_type,
        types=[row["aggregate_type"] for row in types],
    )


ROUTES = [Route("/aggregates", list_aggregates)]
NAVIGATION = Navigation("Aggregates", "/aggregates", "a", ("/aggregate",))
