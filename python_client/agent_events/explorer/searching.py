"""A page of events that match, in the time that somebody waits for a page.

What no index finds (an actor, an outcome) is looked for from the newest event back, window by
window, each as large as can be hoped for in the time that is left. When it is up the page has what
was found by then, and says how far back that is.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any
from uuid import UUID

import psycopg

from agent_events.explorer import redacting
from agent_events.explorer.database import Reader, Row
from agent_events.explorer.filters import Filters

PAGE_SIZE = 50
PATIENCE = 0.4
"""Seconds for all parts of a page."""

FIRST_WINDOW = timedelta(hours=1)
GROWTH = 4.0
_LEAST_PATIENCE = 0.1  # seconds for a part
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)

FOUND = """
    ledger.find_events(
      tenant_id => %(tenant_id)s,
      aggregate_type => %(aggregate_type)s,
      aggregate_id => %(aggregate_id)s,
      event_types => %(event_types)s,
      action_prefix => %(action_prefix)s,
      actor_type => %(actor_type)s,
      actor_id => %(actor_id)s,
      outcome => %(outcome)s,
      correlation_id => %(correlation_id)s,
      run_id => %(run_id)s,
      trace_id => %(trace_id)s,
      deal_id => %(deal_id)s,
      from_time => %(from_time)s,
      to_time => %(to_time)s,
      after_id => %(after_id)s,
      page_size => %(page_size)s,
      newest_first => %(newest_first)s
    )
"""
"""SQL: events by `Filters.arguments`, `after_id`, `page_size` and `newest_first`."""

# What is longer than a line can show is not even fetched, nor unpacked, by the server.
LINE = f"""
    select
      e.id, e.created_at, e.event_type, e.aggregate_type, e.aggregate_id, e.sequence, e.actor_type,
      e.actor_id, e.outcome, e.private_hash is not null as has_private,
      pg_column_size(e.payload) as stored_bytes,
      case
        when pg_column_size(e.payload) <= 4096 then left({redacting.PAYLOAD}::text, 200)
      end as preview
"""
"""SQL: what a line of a list shows of an event e."""

_PAGE = f"{LINE} from {FOUND} as e"
_OLDEST = """
    select e.created_at
    from ledger.find_events(
      tenant_id => %(tenant_id)s, newest_first => false, page_size => 1
    ) as e
"""


class Pace:
    """Goes through something part by part, each as large as can be hoped for in the time left."""

    def __init__(self) -> None:
        self._deadline = monotonic() + PATIENCE
        self._began = 0.0

    @asynccontextmanager
    async def part(self, reader: Reader) -> AsyncIterator[None]:
        """Ask for a part in here.

        Raises:
            psycopg.errors.QueryCanceled: it was too large.
        """
        self._began = monotonic()
        seconds = max(self._deadline - self._began, _LEAST_PATIENCE)
        async with reader.within(timedelta(seconds=seconds)):
            yield

    def growth(self) -> float:
        """Return how many times as large as the last part the next may be, 0 for no next one."""
        took = monotonic() - self._began
        growth = min(GROWTH, 0.8 * (self._deadline - monotonic()) / took)
        return growth if growth >= 0.1 else 0.0


@dataclass(frozen=True)
class Found:
    """A page of events, newest first.

    has_more          whether older ones match
    searched_back_to  where the time was up, None when everything was looked at or the page is full
    """

    events: list[Row]
    has_more: bool
    searched_back_to: datetime | None


async def find_page(
    reader: Reader, filters: Filters, after_id: UUID | None, back: datetime | None
) -> Found:
    """Return the events after `after_id` and before `back`, where they are given.

    Raises:
        psycopg.errors.QueryCanceled: not even the first window could be looked through.
    """
    arguments = {**filters.arguments, "after_id": after_id, "newest_first": True}
    if back is not None:
        to_time: datetime | None = filters.arguments["to_time"]
        arguments["to_time"] = back if to_time is None else min(back, to_time)
    events: list[Row] = []
    searched_back_to = None
    if is_quick(filters.arguments):
        events = await reader.rows(_PAGE, **arguments, page_size=PAGE_SIZE + 1)
    else:
        async for page, start in _windows(reader, arguments):
            events += page
            searched_back_to = start
            if len(events) > PAGE_SIZE:
                searched_back_to = None
                break
    return Found(events[:PAGE_SIZE], len(events) > PAGE_SIZE, searched_back_to)


def is_quick(arguments: Any) -> bool:
    """Tell whether an index has the events of some filters in order, or has few of them."""
    if arguments["aggregate_type"] and arguments["aggregate_id"]:
        return True
    if any(arguments[name] for name in ("correlation_id", "run_id", "trace_id", "deal_id")):
        return True
    return not any(
        arguments[name]
        for name in ("aggregate_type", "aggregate_id", "actor_type", "actor_id", "outcome")
    )


async def _windows(
    reader: Reader, arguments: dict[str, Any]
) -> AsyncIterator[tuple[list[Row], datetime | None]]:
    """Yield the events of each window, and where it begins; None for the last there is."""
    least = await _least(reader, arguments)
    pace = Pace()
    end, length = _newest(arguments), FIRST_WINDOW
    window = {**arguments, "page_size": PAGE_SIZE + 1}
    while True:
        start = end - length if end - least > length else least
        window["from_time"] = start
        try:
            async with pace.part(reader):
                page = await reader.rows(_PAGE, **window)
        except psycopg.errors.QueryCanceled:
            if length == FIRST_WINDOW:
                raise
            return
        yield page, None if start <= least else start
        growth = pace.growth()
        if start <= least or not growth:
            return
        window["to_time"] = end = start
        length *= growth


async def _least(reader: Reader, arguments: dict[str, Any]) -> datetime:
    """Return when the first event was, or may be: there is nothing to look for before it."""
    found = await reader.row(_OLDEST)
    times: list[datetime | None] = [arguments["from_time"], found["created_at"] if found else None]
    return max([_BEGINNING, *(time for time in times if time is not None)])


def _newest(arguments: dict[str, Any]) -> datetime:
    times: list[datetime | None] = [arguments["to_time"], _time_of(arguments["after_id"])]
    return min([datetime.now(UTC), *(time for time in times if time is not None)])


def _time_of(id: UUID | None) -> datetime | None:
    """Return the time in a UUIDv7, to the millisecond; the database refuses what is none."""
    if id is None or id.version != 7:
        return None
    seconds = (id.int >> 80) / 1000 + 0.001
    return datetime.fromtimestamp(min(seconds, datetime.now(UTC).timestamp()), UTC)
