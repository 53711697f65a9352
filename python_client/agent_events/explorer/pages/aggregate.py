"""An aggregate: its events, its state at any moment, and how it came to be that."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from agent_events.errors import translated
from agent_events.explorer import json_html
from agent_events.explorer.database import Reader, Row, reading, writing
from agent_events.explorer.differences import compare
from agent_events.explorer.links import Links
from agent_events.explorer.parameters import (
    exact_parameter,
    number_parameter,
    time_parameter,
    uuid_parameter,
)
from agent_events.explorer.rendering import render
from agent_events.explorer.searching import LINE
from agent_events.explorer.security import form, form_token

LARGEST_COMPARED = 2_000_000
"""Bytes of a state that is compared with another."""

STREAM_PAGE = 20
"""Events of the stream that stand around the moment."""

MOST_SNAPSHOTS = 10
_TYPES_LOOKED_FOR = 10_000
_LAST = 2**63 - 1
_A_MOMENT = timedelta(microseconds=1)
_NO_LATER = datetime.max.replace(tzinfo=UTC) - _A_MOMENT

_HEAD = """
    select
      s.sequence, s.created_at, r.reducer, ledger.mask(r.initial)::text as initial, r.fingerprint,
      ledger.acts_for(%(tenant_id)s, 'operate')
      and has_function_privilege('ledger.create_snapshot(text, text, text)', 'execute')
      and not pg_is_in_recovery() as may_snapshot
    from ledger.streams as s
    cross join ledger.find_reducer(%(aggregate_type)s) as r
    where s.tenant_id = %(tenant_id)s
      and s.aggregate_type = %(aggregate_type)s
      and s.aggregate_id = %(aggregate_id)s
      and s.sequence > 0
"""
# What the types of its events mark; all that any type marks where looking for them takes long.
_MARKS = f"""
    select array_agg(distinct p) as marks
    from ledger.event_schemas as s
    cross join unnest(s.private_paths || s.secret_paths) as p
    where %(sequence)s > {_TYPES_LOOKED_FOR}
      or s.event_type in (
        select e.event_type
        from ledger.events as e
        where e.tenant_id = %(tenant_id)s
          and e.aggregate_type = %(aggregate_type)s
          and e.aggregate_id = %(aggregate_id)s
      )
"""
_STATE = f"""
    with s as materialized (
      select *
      from ledger.state_of(
        %(aggregate_type)s, %(aggregate_id)s, at_sequence => %(at)s, tenant_id => %(tenant_id)s
      )
    ),
    t as materialized (select ledger.mask(s.state, %(marks)s)::text as state from s)
    select
      s.sequence, s.created_at, s.event_id, s.snapshot_id, s.replayed,
      octet_length(t.state) as bytes,
      left(t.state, {json_html.LONGEST}) as beginning,
      length(t.state) > {json_html.LONGEST} as is_cut,
      case when octet_length(t.state) <= %(largest)s then t.state end as state
    from s
    cross join t
"""
_BY_TIME = """
    select e.sequence
    from ledger.find_events(
      tenant_id => %(tenant_id)s,
      aggregate_type => %(aggregate_type)s,
      aggregate_id => %(aggregate_id)s,
      to_time => %(before)s,
      page_size => 1
    ) as e
"""
_STREAM = f"""
    {LINE}
    from ledger.read_stream(
      %(aggregate_type)s,
      %(aggregate_id)s,
      from_sequence => %(first)s,
      page_size => {STREAM_PAGE},
      tenant_id => %(tenant_id)s
    ) as e
    where e.sequence <= %(last)s
    order by e.sequence desc
"""
_SNAPSHOTS = f"""
    select
      s.id, s.sequence, s.event_created_at, s.created_at, s.bytes, s.replayed, s.replay_ms,
      s.reducer_fingerprint is distinct from %(fingerprint)s as is_stale
    from ledger.snapshots as s
    where s.tenant_id = %(tenant_id)s
      and s.aggregate_type = %(aggregate_type)s
      and s.aggregate_id = %(aggregate_id)s
    order by s.sequence desc
    limit {MOST_SNAPSHOTS}
"""


@dataclass(frozen=True)
class Problem:
    """Why there is no state."""

    message: str
    detail: str | None
    hint: str | None


_SLOW = Problem(
    "Computing the state took longer than it may.",
    "Many events have to be replayed: no snapshot stands near this moment.",
    "An operator can make a snapshot, and ledger.maintain() makes them as the policy says; who "
    "starts the explorer can allow more time with --timeout.",
)


async def show_aggregate(request: Request) -> Response:
    """Show an aggregate as it is, or was at a moment."""
    names = _names(request)
    async with reading(request, lane="replay") as reader:
        head = await _head(reader, names)
        context = await _moment(request, reader, names, head)
        snapshots = await reader.rows(_SNAPSHOTS, fingerprint=head["fingerprint"], **names)
    return render(
        request,
        "aggregate.html",
        made=uuid_parameter(request, "snapshot"),
        snapshots=snapshots,
        token=form_token(request) if head["may_snapshot"] else None,
        **context,
    )


async def show_moment(request: Request) -> Response:
    """Show the part of the page that a moment decides."""
    names = _names(request)
    async with reading(request, lane="replay") as reader:
        head = await _head(reader, names)
        context = await _moment(request, reader, names, head)
    return render(request, "_moment.html", **context)


async def download_state(request: Request) -> Response:
    """Give out a state as JSON, in full."""
    names = _names(request)
    async with reading(request, lane="replay") as reader:
        head = await _head(reader, names)
        at = number_parameter(request, "at", head["sequence"], 1, head["sequence"])
        marks = await _marks(reader, names, head)
        found = await reader.row(_STATE, at=at, marks=marks, largest=_LAST, **names)
    if found is None:
        raise HTTPException(404, "The aggregate had no event by then.")
    headers = {"Content-Disposition": f'attachment; filename="state-{found["sequence"]}.json"'}
    return Response(found["state"], media_type="application/json", headers=headers)


async def create_snapshot(request: Request) -> Response:
    """Make a snapshot of an aggregate as it is now, which is written and is an event."""
    fields = await form(request)
    aggregate_type, aggregate_id = fields.get("type", ""), fields.get("id", "")
    if not (aggregate_type and aggregate_id) or "\0" in aggregate_type + aggregate_id:
        raise HTTPException(400, "Of which aggregate? The form has to name its type and its id.")
    async with writing(request, timedelta(seconds=60), lane="replay") as writer:
        made = await writer.ledger.create_snapshot(
            aggregate_type, aggregate_id, tenant_id=writer.tenant_id
        )
    links = Links(request.query_params.get("tenant"))
    url = links.aggregate(aggregate_type, aggregate_id, snapshot=made)
    return RedirectResponse(f"{url}#snapshots", 303)


def _names(request: Request) -> dict[str, Any]:
    names = {
        "aggregate_type": exact_parameter(request, "type"),
        "aggregate_id": exact_parameter(request, "id"),
    }
    if None in names.values():
        raise HTTPException(
            400, "Which aggregate? The URL has to name its type and its id: ?type=deal&id=42."
        )
    return names


async def _head(reader: Reader, names: dict[str, Any]) -> Row:
    head = await reader.row(_HEAD, **names)
    if head is None:
        raise HTTPException(
            404,
            f"There is no aggregate {names['aggregate_type']}/{names['aggregate_id']} of which you "
            "may see events.",
        )
    return head


async def _moment(
    request: Request, reader: Reader, names: dict[str, Any], head: Row
) -> dict[str, Any]:
    """Return what `_moment.html` shows: the state after event `at`, what differs since `since`."""
    last: int = head["sequence"]
    at = number_parameter(request, "at", last, 1, last)
    at_time = time_parameter(request, "time")
    if at_time is not None:
        at = await _sequence_at(reader, names, at_time)
    since = number_parameter(request, "since", at - 1, 0, last)
    marks = await _marks(reader, names, head)
    now = await _state(reader, names, at, marks)
    if not since:
        before: Row | Problem | None = _nothing(head)
    elif now is _SLOW and since == at - 1:
        before = _SLOW
    else:
        before = await _state(reader, names, since, marks)
    top = min(last, at + STREAM_PAGE // 2) if at < last else last
    first = max(1, top - STREAM_PAGE + 1)
    return {
        "at": at,
        "compared": _compared(before, now),
        "events": await reader.rows(_STREAM, first=first, last=top, **names),
        "first": first,
        "head": head,
        "is_compared": since != at - 1,
        "problem": now if isinstance(now, Problem) else None,
        "problem_since": before if isinstance(before, Problem) else None,
        "since": since,
        "state": None if isinstance(now, Problem) else now,
        "top": top,
        "type": names["aggregate_type"],
        "id": names["aggregate_id"],
    }


async def _sequence_at(reader: Reader, names: dict[str, Any], at: datetime) -> int:
    found = await reader.row(_BY_TIME, before=min(at, _NO_LATER) + _A_MOMENT, **names)
    if found is None:
        raise HTTPException(404, f"The aggregate had no event yet at {at:%Y-%m-%d %H:%M:%S} UTC.")
    sequence: int = found["sequence"]
    return sequence


async def _marks(reader: Reader, names: dict[str, Any], head: Row) -> list[str] | None:
    found = await reader.row(_MARKS, sequence=head["sequence"], **names)
    return found["marks"] if found else None


async def _state(
    reader: Reader, names: dict[str, Any], at: int, marks: list[str] | None
) -> Row | Problem | None:
    """Return the state after an event, or why the ledger, or the time, does not let it be had."""
    try:
        async with reader.within(reader.timeout / 2):
            return await reader.row(_STATE, at=at, marks=marks, largest=LARGEST_COMPARED, **names)
    except psycopg.errors.QueryCanceled:
        return _SLOW
    except psycopg.Error as error:
        refused = translated(error)
        if refused is None:
            raise
        return Problem(refused.message, refused.detail, refused.hint)


def _nothing(head: Row) -> Row:
    """Return the state before the first event."""
    return {"state": head["initial"]}


def _compared(before: Row | Problem | None, now: Row | Problem | None) -> Any:
    """Return what differs; None where a state is missing, too large or nested too deeply."""
    if not (isinstance(before, dict) and isinstance(now, dict)):
        return None
    if before["state"] is None or now["state"] is None:
        return None
    return compare(before["state"], now["state"])


ROUTES = [
    Route("/aggregate", show_aggregate),
    Route("/aggregate/moment", show_moment),
    Route("/aggregate/state.json", download_state),
    Route("/aggregate/snapshot", create_snapshot, methods=["POST"]),
]
NAVIGATION = None
