"""What led to what: the events of a correlation as trees of causes and effects, on a timeline."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from agent_events.explorer.database import Reader, Row, reading
from agent_events.explorer.links import Links
from agent_events.explorer.pages._navigation import Navigation
from agent_events.explorer.parameters import number_parameter, uuid_in_path, uuid_parameter
from agent_events.explorer.recent import LOOKED_THROUGH, newest_of
from agent_events.explorer.rendering import render
from agent_events.explorer.steps import COLUMNS, Timeline, read_steps, steps_of, tree_of

LARGEST = 5000
"""Events of a correlation that are put into a tree; more are shown in their order of time."""

PAGE = 500
"""Events on a page."""

MOST_RUNS = 12
MOST_CORRELATIONS = 50
_PATIENCE = timedelta(seconds=1)

_COUNT = f"""
    select count(*) as events
    from (
      select
      from ledger.events as e
      where e.tenant_id = %(tenant_id)s and e.correlation_id = %(id)s
      limit {LARGEST + 1}
    ) as e
"""
_TREE = f"""
    select {COLUMNS}, e.depth, e.place
    from ledger.trace(%(id)s, %(tenant_id)s) with ordinality as e (
      depth, tenant_id, id, created_at, run_id, trace_id, correlation_id, causation_id, event_type,
      schema_version, payload, deal_id, action_id, aggregate_type, aggregate_id, sequence,
      actor_type, actor_id, outcome, proof, metadata, occurred_at, private_hash, prev_hash, hash,
      xact_id, tier, place
    )
    where e.place > %(skipped)s and e.place <= %(skipped)s + {PAGE}
    order by e.place
"""
_IN_TIME = f"""
    select {COLUMNS}, 0 as depth
    from ledger.find_events(
      tenant_id => %(tenant_id)s,
      correlation_id => %(id)s,
      after_id => %(after_id)s,
      page_size => {PAGE + 1},
      newest_first => false
    ) as e
"""
_RUNS = f"""
    select r.id, r.agent_name
    from ledger.agent_runs as r
    where r.tenant_id = %(tenant_id)s
      and r.id = any(%(ids)s)
      and r.id <> '00000000-0000-0000-0000-000000000000'
    order by r.started_at
    limit {MOST_RUNS}
"""
_RUN = """
    select r.correlation_id
    from ledger.agent_runs as r
    where r.tenant_id = %(tenant_id)s and r.id = %(id)s and r.correlation_id is not null
"""
_OF_TRACE = f"""
    select e.correlation_id, min(e.created_at) as created_at, count(*) as events
    from ledger.find_events(
      tenant_id => %(tenant_id)s, trace_id => %(id)s, page_size => 1000
    ) as e
    group by e.correlation_id
    order by created_at
    limit {MOST_CORRELATIONS}
"""


async def enter(request: Request) -> Response:
    """Ask for an id, and show what happened last."""
    wanted = uuid_parameter(request, "id")
    if wanted is not None:
        return RedirectResponse(Links(request.query_params.get("tenant")).trace(wanted), 303)
    async with reading(request) as reader:
        recent = await newest_of(reader, "correlation_id")
    return render(request, "traces.html", recent=recent[:50], looked_through=LOOKED_THROUGH)


async def show_trace(request: Request) -> Response:
    """Show the trees of a correlation; the id of a run, an event or a trace leads to one."""
    wanted = uuid_in_path(request)
    skipped = number_parameter(request, "skip", 0, 0, LARGEST)
    after_id = uuid_parameter(request, "after")
    async with reading(request, lane="replay") as reader:
        counted = await reader.row(_COUNT, id=wanted)
        events = counted["events"] if counted else 0
        if not events:
            return await _elsewhere(request, reader, wanted)
        is_tree = events <= LARGEST
        if is_tree:
            rows = await read_steps(reader, _TREE, id=wanted, skipped=skipped)
        else:
            rows = await read_steps(reader, _IN_TIME, id=wanted, after_id=after_id)
        runs = await reader.rows(_RUNS, ids=list({row["run_id"] for row in rows}))
    if not rows:
        raise HTTPException(404, "The trace has no event there: it begins without skip or after.")
    steps = steps_of(rows[:PAGE])
    return render(
        request,
        "trace.html",
        correlation_id=wanted,
        events=events,
        has_more=skipped + PAGE < events if is_tree else len(rows) > PAGE,
        is_first=not (skipped or after_id),
        is_tree=is_tree,
        largest=LARGEST,
        next=_next(is_tree, skipped, rows),
        runs=runs,
        skipped=skipped,
        steps=steps,
        timeline=Timeline.of(steps),
        tree=tree_of(steps),
    )


def _next(is_tree: bool, skipped: int, rows: list[Row]) -> dict[str, Any]:
    return {"skip": skipped + PAGE} if is_tree else {"after": rows[:PAGE][-1]["id"]}


async def _elsewhere(request: Request, reader: Reader, id: UUID) -> Response:
    """Find the correlation that somebody means who gives another id of it."""
    links = Links(request.query_params.get("tenant"))
    if (run := await reader.row(_RUN, id=id)) and run["correlation_id"] != id:
        return RedirectResponse(links.trace(run["correlation_id"]), 303)
    if event := await reader.ledger.get_event(id, tenant_id=reader.tenant_id):
        return RedirectResponse(links.trace(event.correlation_id), 303)
    correlations = await _of_trace(reader, id)
    if len(correlations) == 1:
        return RedirectResponse(links.trace(correlations[0]["correlation_id"]), 303)
    if correlations:
        return render(request, "correlations.html", correlations=correlations, id=id)
    raise HTTPException(
        404, f"There is no correlation, trace, run or event {id} of which you may see events."
    )


async def _of_trace(reader: Reader, id: UUID) -> list[Row]:
    try:
        async with reader.within(_PATIENCE):
            return await reader.rows(_OF_TRACE, id=id)
    except psycopg.errors.QueryCanceled:
        return []


ROUTES = [Route("/traces", enter), Route("/traces/{id}", show_trace)]
NAVIGATION = Navigation("Traces", "/traces", "t")
