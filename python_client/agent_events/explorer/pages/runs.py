"""The runs of agents, newest first, and what one of them did, step by step."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from agent_events.explorer.database import Reader, Row, reading
from agent_events.explorer.pages._navigation import Navigation
from agent_events.explorer.parameters import (
    choice_parameter,
    text_parameter,
    time_parameter,
    uuid_in_path,
    uuid_parameter,
)
from agent_events.explorer.rendering import render
from agent_events.explorer.searching import PAGE_SIZE, Pace
from agent_events.explorer.steps import (
    COLUMNS,
    LARGEST_TOLD,
    Step,
    Timeline,
    number_of,
    read_steps,
    steps_of,
)

STATUSES = ("running", "paused", "completed", "failed")
LABELS = {
    "agent": "Agent",
    "status": "Status",
    "parent": "Parent",
    "from": "From",
    "to": "Before",
}

STEPS = 500
"""Events of a run on a page."""

MOST_COUNTED = 1000
FIRST_PART = 100
"""Runs among which those of a status are looked for first: no index knows it."""

_PATIENCE = timedelta(seconds=0.5)
MOST_CHILDREN = 50

# Only the filters that are given stand in the query, so that it is planned for them.
_CONDITIONS = {
    "agent": "and a.agent_name = %(agent)s",
    "parent": "and a.parent_run_id = %(parent)s",
    "from": "and a.started_at >= %(from)s",
    "to": "and a.started_at < %(to)s",
    "after": """
      and a.started_at <= (
        select l.started_at
        from ledger.agent_runs as l
        where l.tenant_id = %(tenant_id)s and l.id = %(after)s
      )
      and (a.started_at, a.id) < (
        select l.started_at, l.id
        from ledger.agent_runs as l
        where l.tenant_id = %(tenant_id)s and l.id = %(after)s
      )
    """,
}
_RUN = """
    select
      r.run_id, r.agent_name, r.status, r.started_at, r.finished_at, r.outcome, r.parent_run_id,
      r.trace_id, r.correlation_id
    from ledger.agent_run_status as r
    where r.tenant_id = %(tenant_id)s
"""
_OLDER = """
    select a.id, a.started_at
    from ledger.agent_runs as a
    where a.tenant_id = %(tenant_id)s
      and a.id <> '00000000-0000-0000-0000-000000000000'
      {conditions}
    order by a.started_at desc, a.id desc
"""
_LAST_OF_PART = f"{_OLDER} offset %(part)s - 1 limit 1"
# How a run stands is looked up run by run, by index.
_FOUND = f"""
    select r.*
    from ({_OLDER} limit %(part)s) as a
    cross join lateral ({_RUN} and r.run_id = a.id offset 0) as r
    where %(status)s::text is null or r.status = %(status)s
    order by a.started_at desc, a.id desc
    limit %(most)s
"""
_TOLD = f"""
    select
      r.id as run_id,
      (
        select count(*)
        from (
          select
          from ledger.events as e
          where e.tenant_id = %(tenant_id)s
            and e.run_id = r.id
            and e.run_id <> '00000000-0000-0000-0000-000000000000'
            and e.created_at >= r.started_at
          limit {MOST_COUNTED + 1}
        ) as c
      ) as events,
      l.told
    from unnest(
      %(ids)s::uuid[], %(started)s::timestamptz[], %(finished)s::timestamptz[]
    ) as r (id, started_at, finished_at)
    left join lateral (
      select {COLUMNS}
      from ledger.events as e
      where e.tenant_id = %(tenant_id)s
        and e.run_id = r.id
        and e.run_id <> '00000000-0000-0000-0000-000000000000'
        and e.created_at = r.finished_at
        and e.event_type in ('run.completed', 'run.failed')
      limit 1
    ) as l on true
"""
_STEPS = f"""
    select {COLUMNS}
    from ledger.find_events(
      tenant_id => %(tenant_id)s,
      run_id => %(id)s,
      after_id => %(after_id)s,
      page_size => {STEPS + 1},
      newest_first => false
    ) as e
"""
_LAST = f"""
    select {COLUMNS}
    from ledger.find_events(
      tenant_id => %(tenant_id)s,
      run_id => %(id)s,
      event_types => '{{run.completed,run.failed}}',
      page_size => 1
    ) as e
"""


@dataclass(frozen=True)
class Found:
    """A page of runs.

    has_more        whether older ones match
    further         the last run that was looked at where the time was up, else None
    looked_through  how many runs were looked at, for their status
    """

    runs: list[Row]
    has_more: bool
    further: UUID | None
    looked_through: int


async def list_runs(request: Request) -> Response:
    """Show a page of the runs that match."""
    wanted = {
        "agent": text_parameter(request, "agent"),
        "status": choice_parameter(request, "status", STATUSES),
        "parent": uuid_parameter(request, "parent"),
        "from": time_parameter(request, "from"),
        "to": time_parameter(request, "to"),
        "after": uuid_parameter(request, "after"),
    }
    async with reading(request, lane="search" if wanted["status"] else None) as reader:
        found = await _find(reader, wanted, PAGE_SIZE)
    return render(
        request,
        "runs.html",
        after=wanted["after"],
        given={name: value for name in LABELS if (value := text_parameter(request, name))},
        found=found,
        labels=LABELS,
        most_counted=MOST_COUNTED,
        runs=found.runs,
        statuses=STATUSES,
        wanted=wanted,
    )


async def show_run(request: Request) -> Response:
    """Show what a run did."""
    run_id = uuid_in_path(request)
    after_id = uuid_parameter(request, "after")
    async with reading(request, lane="replay") as reader:
        run = await reader.row(f"{_RUN} and r.run_id = %(id)s", id=run_id)
        if run is None:
            raise HTTPException(404, f"There is no run {run_id} that you may see.")
        events = await read_steps(reader, _STEPS, id=run_id, after_id=after_id)
        last = await _last(reader, run)
        children = await _find(reader, {"parent": run_id}, MOST_CHILDREN)
    steps = steps_of(events[:STEPS])
    is_whole = after_id is None and len(events) <= STEPS
    return render(
        request,
        "run.html",
        after_id=after_id,
        children=children.runs,
        has_more=len(events) > STEPS,
        has_more_children=children.has_more,
        is_whole=is_whole,
        last=last,
        last_id=steps[-1].event["id"] if steps else None,
        run=run,
        started=_started(steps),
        steps=[step for step in steps if not step.is_end],
        timeline=Timeline.of(steps) if steps else None,
        most_counted=MOST_COUNTED,
        usage=_usage(steps, last, is_whole),
        took=took(run),
    )


def took(run: Row) -> timedelta | None:
    """How long a run took; None while it has not ended."""
    finished_at = run["finished_at"]
    return finished_at - run["started_at"] if finished_at else None


async def _find(reader: Reader, wanted: dict[str, Any], most: int) -> Found:
    """Return the newest runs that are wanted, those of a status as far as the time allows."""
    given = _given(wanted)
    if "status" not in given:
        runs = await _part(reader, given, most + 1, most + 1)
        return Found(await _told(reader, runs[:most]), len(runs) > most, None, 0)
    runs, further, looked_through = await _of_status(reader, given, most + 1)
    return Found(await _told(reader, runs[:most]), len(runs) > most, further, looked_through)


async def _of_status(
    reader: Reader, given: dict[str, Any], most: int
) -> tuple[list[Row], UUID | None, int]:
    """Look part by part; return the runs, and the last one looked at where there may be more."""
    runs: list[Row] = []
    pace, part, looked_through = Pace(), FIRST_PART, 0
    while True:
        last = await reader.row(_filled(_LAST_OF_PART, given), part=part, **given)
        try:
            async with pace.part(reader):
                runs += await _part(reader, given, part, most - len(runs))
        except psycopg.errors.QueryCanceled:
            if not looked_through:
                raise
            return runs, given["after"], looked_through
        looked_through += part
        if last is None or len(runs) == most:
            return runs, None, looked_through
        given = {**given, "after": last["id"]}
        growth = pace.growth()
        if not growth:
            return runs, last["id"], looked_through
        part = max(1, round(part * growth))


async def _part(reader: Reader, given: dict[str, Any], part: int, most: int) -> list[Row]:
    limits = {"part": part, "most": most, "status": None}
    return await reader.rows(_filled(_FOUND, given), **{**limits, **given})


async def _told(reader: Reader, runs: list[Row]) -> list[Row]:
    """Add how long runs took, how many events they have, and what they say of themselves."""
    names = {"ids": "run_id", "started": "started_at", "finished": "finished_at"}
    columns = {name: [run[column] for run in runs] for name, column in names.items()}
    rows = await read_steps(reader, _TOLD, **columns) if runs else []
    told = {row["run_id"]: row for row in rows}
    return [run | told[run["run_id"]] | {"took": took(run)} for run in runs]


def _given(wanted: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in wanted.items() if value is not None}


def _filled(query: str, given: dict[str, Any]) -> Any:
    conditions = (_CONDITIONS[name] for name in given if name in _CONDITIONS)
    return query.format(conditions=" ".join(conditions))


async def _last(reader: Reader, run: Row) -> Step | None:
    """Return the event that ended a run, with what it says of the whole."""
    if run["finished_at"] is None:
        return None
    try:
        async with reader.within(_PATIENCE):
            found = await reader.rows(_LAST, id=run["run_id"], largest=LARGEST_TOLD)
    except psycopg.errors.QueryCanceled:
        return None
    return steps_of(found)[0] if found else None


def _started(steps: Sequence[Step]) -> Step | None:
    return next((step for step in steps if step.event["event_type"] == "run.started"), None)


def _usage(steps: Sequence[Step], last: Step | None, is_whole: bool) -> dict[str, Any]:
    """Add up what the calls of models used, where all of them are here; else what the run says."""
    calls = [step.told["usage"] for step in steps if isinstance(step.told.get("usage"), dict)]
    if not (is_whole and calls):
        calls = [last.told] if last else []
    return {
        "input_tokens": _sum(call.get("input_tokens") for call in calls),
        "output_tokens": _sum(call.get("output_tokens") for call in calls),
        "cost": _costs(calls),
    }


def _sum(values: Iterable[Any]) -> int | Decimal | None:
    found = [number for value in values if (number := number_of(value)) is not None]
    return sum(found) if found else None


def _costs(calls: Iterable[dict[str, Any]]) -> list[str]:
    costs: dict[str, Decimal] = {}
    for call in calls:
        cost = number_of(call.get("cost"))
        if cost is not None:
            currency = str(call.get("currency", ""))[:10]
            costs[currency] = costs.get(currency, Decimal()) + cost
    return [f"{cost:.6f}".rstrip("0").rstrip(".") + f" {name}" for name, cost in costs.items()]


ROUTES = [Route("/runs", list_runs), Route("/runs/{id}", show_run)]
NAVIGATION = Navigation("Runs", "/runs", "r")
