"""How much there is, of what kind and by whom; how far it is sealed and delivered."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from agent_events.explorer.charts import Chart, chart
from agent_events.explorer.database import Reader, Row, reading
from agent_events.explorer.pages._navigation import Navigation
from agent_events.explorer.rendering import render
from agent_events.models import PartitionStatus

DAYS = 30
HOURS = 48
MOST_DEAD = 20
MOST_PARTITIONS = 60
_DAY, _HOUR = timedelta(days=1), timedelta(hours=1)

_PER_DAY = """
    select (d.day::timestamp at time zone 'UTC') as at, d.events, d.failures
    from ledger.events_per_day as d
    where d.tenant_id = %(tenant_id)s and d.day >= %(first)s
"""
_PER_HOUR = """
    select h.hour as at, h.events, h.failures
    from ledger.events_per_hour as h
    where h.tenant_id = %(tenant_id)s and h.hour >= %(first)s
"""
_RELAYS = """
    select
      r.relay, r.position, r.lag_messages, r.lag_seconds, r.parked, r.dead, r.leased_by,
      r.leased_until > now() as is_leased, r.confirmed_at
    from ledger.relay_status as r
    where r.tenant_id = %(tenant_id)s
    order by r.relay
"""
_DEAD = f"""
    select o.relay, o.position, o.id, o.event_type, o.attempts, o.last_error
    from ledger.outbox_status as o
    where o.tenant_id = %(tenant_id)s and o.is_dead
    order by o.relay, o.position
    limit {MOST_DEAD}
"""
_SNAPSHOTS = """
    select s.aggregate_type, s.snapshots, s.bytes, s.replay_ms, s.last_created_at
    from ledger.snapshot_status as s
    where s.tenant_id = %(tenant_id)s
    order by s.snapshots desc, s.aggregate_type
"""


async def show_statistics(request: Request) -> Response:
    """Show a tenant's figures, from the counts that maintenance keeps."""
    async with reading(request, timedelta(seconds=10)) as reader:
        stats = await reader.ledger.stats(tenant_id=reader.tenant_id)
        days = await _chart(reader, _PER_DAY, _DAY, DAYS)
        hours = await _chart(reader, _PER_HOUR, _HOUR, HOURS)
        relays = await reader.rows(_RELAYS)
        snapshots = await reader.rows(_SNAPSHOTS)
        partitions = await reader.unless_refused(reader.ledger.partitions)
        dead = await reader.unless_refused(lambda: _dead(reader)) if stats.dead else []
    return render(
        request,
        "statistics.html",
        dead=dead,
        days=days,
        hours=hours,
        partitions=partitions if isinstance(partitions, str) else _to_show(partitions),
        relays=relays,
        snapshots=snapshots,
        stats=stats,
    )


async def _dead(reader: Reader) -> list[Row]:
    """Look for messages that were given up, which takes long where the outbox is long."""
    await reader.connection.execute("set local statement_timeout = '1s'")
    return await reader.rows(_DEAD)


async def _chart(reader: Reader, query: Any, step: timedelta, count: int) -> Chart:
    """Count the last spans, in UTC; the last one is not over yet."""
    now = datetime.now(UTC)
    last = now.replace(minute=0, second=0, microsecond=0)
    if step == _DAY:
        last = last.replace(hour=0)
    first = last - (count - 1) * step
    bound: date = first.date() if step == _DAY else first
    return chart(await reader.rows(query, first=bound), first, step, count)


def _to_show(partitions: list[PartitionStatus]) -> list[PartitionStatus]:
    """Return what is there, or was, the newest first; what is still to come is empty."""
    now = datetime.now(UTC)
    begun = [each for each in partitions if each.from_time <= now and each.tier != "dropped"]
    return begun[::-1][:MOST_PARTITIONS]


ROUTES = [Route("/statistics", show_statistics)]
NAVIGATION = Navigation("Statistics", "/statistics", "s")
