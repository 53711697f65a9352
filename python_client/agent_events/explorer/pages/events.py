"""The events, newest first, and everything about one of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from agent_events.errors import InvalidArgument, translated
from agent_events.explorer import json_html, redacting
from agent_events.explorer.database import Lane, Reader, Row, TooBusy, reading
from agent_events.explorer.filters import ACTOR_TYPES, LABELS, OUTCOMES, Filters
from agent_events.explorer.pages._navigation import Navigation
from agent_events.explorer.parameters import time_parameter, uuid_in_path, uuid_parameter
from agent_events.explorer.rendering import render
from agent_events.explorer.searching import FOUND, LINE, find_page, is_quick

MOST_NEWS = 100
MOST_EFFECTS = 50
MOST_TYPES = 300

_RECENTLY = timedelta(minutes=1)
_NEWS_PATIENCE = timedelta(milliseconds=400)

_NEWS = f"select count(*) as events from {FOUND} as e"
_TYPES = f"""
    select
      coalesce(c.event_type, t.event_type) as event_type, c.events
    from ledger.event_types as t
    full join (
      select p.event_type, p.events
      from ledger.events_per_type as p
      where p.tenant_id = %(tenant_id)s
    ) as c on c.event_type = t.event_type
    order by c.events desc nulls last, event_type
    limit {MOST_TYPES}
"""
_EVENT = f"""
    with e as materialized (
      select * from ledger.get_event(id => %(id)s, tenant_id => %(tenant_id)s)
    ),
    p as materialized (select {redacting.PAYLOAD}::text as payload from e)
    select
      e.tenant_id, e.id, e.created_at, e.occurred_at, e.event_type, e.schema_version,
      e.aggregate_type, e.aggregate_id, e.sequence, e.actor_type, e.actor_id, e.outcome,
      e.run_id, e.trace_id, e.correlation_id, e.causation_id, e.deal_id, e.action_id,
      e.private_hash, e.prev_hash, e.hash, e.tier,
      {redacting.IS_MARKED} as is_marked,
      left(p.payload, {json_html.LONGEST}) as payload,
      octet_length(p.payload) as payload_bytes,
      length(p.payload) > {json_html.LONGEST} as is_cut,
      left(ledger.mask(e.proof)::text, {json_html.LONGEST}) as proof,
      left(ledger.mask(e.metadata)::text, {json_html.LONGEST}) as metadata,
      ledger.position_of(e.id, e.tenant_id) as position
    from e
    cross join p
"""
_HEADERS = f"""
    select left(ledger.mask(o.headers)::text, {json_html.LONGEST}) as headers
    from ledger.outbox as o
    where o.tenant_id = %(tenant_id)s and o.created_at = %(created_at)s and o.id = %(id)s
"""
_DESCRIPTION = """
    select ledger.describe_event(e) as description
    from ledger.get_event(id => %(id)s, tenant_id => %(tenant_id)s) as e
"""
_CAUSE = f"{LINE} from ledger.get_event(id => %(id)s, tenant_id => %(tenant_id)s) as e"
_EFFECTS = f"""
    {LINE}
    from ledger.events as e
    where e.tenant_id = %(tenant_id)s
      and e.correlation_id = %(correlation_id)s
      and e.causation_id = %(id)s
      and e.created_at >= %(created_at)s
    order by e.created_at
    limit {MOST_EFFECTS + 1}
"""
_DOCUMENT = f"""
    select to_jsonb(e) || jsonb_build_object(
      'payload', {redacting.PAYLOAD},
      'proof', ledger.mask(e.proof),
      'metadata', ledger.mask(e.metadata)
    ) as document
    from ledger.get_event(id => %(id)s, tenant_id => %(tenant_id)s) as e
"""
_DOCUMENT_TEXT = f"select d.document::text as text from ({_DOCUMENT}) as d"


async def list_events(request: Request) -> Response:
    """Show a page of the events that match."""
    filters = Filters.of(request)
    after_id = uuid_parameter(request, "after")
    back = time_parameter(request, "back")
    async with reading(request, lane=_lane(filters)) as reader:
        types = await reader.rows(_TYPES)
        found = await find_page(reader, filters, after_id, back)
    return render(
        request,
        "events.html",
        actor_types=ACTOR_TYPES,
        events=found.events,
        filters=filters,
        found=found,
        is_newest=after_id is None and back is None,
        labels=LABELS,
        now=datetime.now(UTC),
        outcomes=OUTCOMES,
        types=types,
    )


async def count_news(request: Request) -> Response:
    """Say how many events came after the one that a page begins with, or after an empty page."""
    filters = Filters.of(request)
    since = uuid_parameter(request, "since")
    arguments = {**filters.arguments, "after_id": since, "newest_first": False}
    if since is None:
        shown_at = time_parameter(request, "shown_at") or datetime.now(UTC) - _RECENTLY
        arguments["from_time"] = max(shown_at, filters.arguments["from_time"] or shown_at)
    try:
        async with reading(request, lane=_lane(filters)) as reader:
            events = await _count_news(reader, arguments)
    except TooBusy:
        events = None
    return render(
        request, "_news.html", filters=filters, events=events, most=MOST_NEWS, since=since
    )


async def show_event(request: Request) -> Response:
    """Show everything about an event."""
    event_id = uuid_in_path(request)
    async with reading(request) as reader:
        event = await _event(reader, event_id)
        cause = await _cause(reader, event)
        effects = await _effects(reader, event)
    return render(
        request,
        "event.html",
        cause=cause,
        effects=None if effects is None else effects[:MOST_EFFECTS],
        event=event,
        has_more_effects=effects is not None and len(effects) > MOST_EFFECTS,
    )


async def show_detail(request: Request) -> Response:
    """Show an event below its row."""
    async with reading(request) as reader:
        event = await _event(reader, uuid_in_path(request))
    return render(request, "_event.html", event=event)


async def download_event(request: Request) -> Response:
    """Give out an event as JSON, as it is shown and in full."""
    event_id = uuid_in_path(request)
    async with reading(request) as reader:
        found = await reader.row(_DOCUMENT_TEXT, id=event_id)
        if found is None:
            raise await _missing(reader, event_id)
    headers = {"Content-Disposition": f'attachment; filename="event-{event_id}.json"'}
    return Response(found["text"], media_type="application/json", headers=headers)


def _lane(filters: Filters) -> Lane | None:
    return None if is_quick(filters.arguments) else "search"


async def _event(reader: Reader, id: UUID) -> Row:
    event = await reader.row(_EVENT, id=id)
    if event is None:
        raise await _missing(reader, id)
    described = None if event["is_marked"] else await reader.row(_DESCRIPTION, id=id)
    return {
        **event,
        "description": described["description"] if described else None,
        "headers": await _headers(reader, event),
    }


async def _headers(reader: Reader, event: Row) -> str | None:
    """Return the message's headers, all of them masked where they are nested too deeply for it."""
    try:
        async with reader.within(reader.timeout):
            found = await reader.row(_HEADERS, id=event["id"], created_at=event["created_at"])
    except psycopg.Error as error:
        if not isinstance(translated(error), InvalidArgument):
            raise
        return '"***"'
    return found["headers"] if found else None


async def _count_news(reader: Reader, arguments: dict[str, Any]) -> int | None:
    """Return how many there are, None where looking for them takes long: pages ask all the time."""
    try:
        async with reader.within(min(_NEWS_PATIENCE, reader.timeout)):
            found = await reader.row(_NEWS, **arguments, page_size=MOST_NEWS)
    except psycopg.errors.QueryCanceled:
        return None
    return found["events"] if found else 0


async def _missing(reader: Reader, id: UUID) -> HTTPException:
    position = await reader.ledger.position_of(id, tenant_id=reader.tenant_id)
    if position is None:
        return HTTPException(404, f"There is no event {id} that you may see.")
    return HTTPException(
        404,
        f"Event {id} is at position {position} of the log, and no more in the database. Is it in a "
        "cold file? agent-events cold find reads those.",
    )


async def _cause(reader: Reader, event: Row) -> Row | None:
    if event["causation_id"] is None:
        return None
    return await reader.row(_CAUSE, id=event["causation_id"])


async def _effects(reader: Reader, event: Row) -> list[Row] | None:
    """Return what the event caused, None where its correlation is too large to look through."""
    known = {name: event[name] for name in ("id", "correlation_id", "created_at")}
    try:
        async with reader.within(timedelta(milliseconds=500)):
            return await reader.rows(_EFFECTS, **known)
    except psycopg.errors.QueryCanceled:
        return None


ROUTES = [
    Route("/events", list_events),
    Route("/events/news", count_news),
    Route("/events/{id}", show_event),
    Route("/events/{id}/detail", show_detail),
    Route("/events/{id}/event.json", download_event),
]
NAVIGATION = Navigation("Events", "/events", "e", ("/export",))
