"""The measurements of `scripts/bench explore`: what the explorer's pages take."""

from __future__ import annotations

import asyncio
import re
import resource
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import psycopg
from emit import PAYLOAD
from log import Figure
from server import TENANT, Bench

from agent_events.explorer.app import create_app
from agent_events.explorer.settings import Settings

BLOCK = 200_000
REQUESTS = 500
MEMORY = 10  # megabytes
URL = "http://127.0.0.1:8750"

# Events of 90 days in up to 999,999 streams of three types, of 10,000 actors, eight to a
# correlation and forty to a run; the outcome of one in a million is partial. Past emit_event: as
# ledger_append, with a hash that is none.
FILL = """
    insert into ledger.agent_events (
      tenant_id, id, created_at, run_id, trace_id, correlation_id, event_type, schema_version,
      payload, aggregate_type, aggregate_id, sequence, actor_type, actor_id, outcome, hash
    )
    select
      %(tenant)s, e.id, t.at, md5('run' || n / 40)::uuid, md5('trace' || n / 8)::uuid,
      md5('correlation' || n / 8)::uuid, 'bench.type_' || n %% 40, 1, %(payload)s,
      (array['deal', 'post', 'wallet'])[n %% 3 + 1], (n %% 999999)::text, n / 999999 + 1,
      (array['user', 'agent', 'system'])[n %% 3 + 1], 'actor-' || (n * 7919 %% 10000)::text,
      case
        when n %% 1000000 = 7 then 'partial'
        else (array['success', 'failure', 'pending', null])[n %% 4 + 1]
      end,
      sha256(uuid_send(e.id))
    from generate_series(%(first)s::bigint, %(first)s::bigint + %(count)s - 1) as n
    cross join lateral (
      select now() - interval '90 days' + interval '90 days' * (n::float8 / %(total)s) as at
    ) as t
    cross join lateral ledger.event_id(t.at, gen_random_uuid()) as e (id)
"""
STREAMS = """
    insert into ledger.streams (
      tenant_id, aggregate_type, aggregate_id, sequence, created_at, hash
    )
    select
      %(tenant)s, (array['deal', 'post', 'wallet'])[n %% 3 + 1], n::text, %(total)s / 999999 + 1,
      now(), sha256('')
    from generate_series(0, least(%(total)s, 999999) - 1) as n
"""
EXAMPLE = """
    select id, correlation_id, run_id, trace_id, aggregate_type, aggregate_id, actor_id
    from ledger.agent_events
    where created_at > now() - interval '45 days'
    order by created_at
    limit 1
"""


@dataclass(frozen=True)
class ExplorePlan:
    events: int
    rounds: int


def measure_pages(bench: Bench, plan: ExplorePlan, say: Callable[[str], None]) -> list[Figure]:
    with psycopg.connect(bench.dsn, autocommit=True) as connection:
        connection.execute("set synchronous_commit = off")
        fill(connection, plan.events, say)
        connection.execute("select ledger.grant_access(%s, %s, '{read}')", [bench.role, TENANT])
        row = connection.execute(EXAMPLE).fetchone() or ()
    say("looking at pages")
    return asyncio.run(look(bench, plan, urls(*map(str, row))))


def fill(connection: psycopg.Connection[Any], total: int, say: Callable[[str], None]) -> None:
    partition = "select ledger.ensure_partition(now() - n * interval '30 days')"
    connection.execute(f"{partition} from generate_series(0, 3) n")
    arguments = {"tenant": TENANT, "payload": PAYLOAD, "total": total}
    for first in range(0, total, BLOCK):
        say(f"{first:,} of {total:,} events are made")
        as_append(
            connection, FILL, {**arguments, "first": first, "count": min(BLOCK, total - first)}
        )
    as_append(connection, STREAMS, arguments)
    connection.execute("vacuum analyze ledger.agent_events, ledger.streams")
    say("sealing and counting")
    connection.execute("select ledger.seal_all()")
    while connection.execute("select ledger.count_events()").fetchone() != (0,):
        pass
    connection.execute("vacuum analyze ledger.event_counts, ledger.log_entries")


def as_append(connection: psycopg.Connection[Any], query: str, arguments: dict[str, Any]) -> None:
    with connection.transaction():
        connection.execute("set local role ledger_append")
        connection.execute(query, arguments)


def urls(
    event: str, correlation: str, run: str, trace: str, kind: str, aggregate: str, actor: str
) -> dict[str, str]:
    return {
        "first page": "/events",
        "older page": f"/events?after={event}",
        "event type": "/events?type=bench.type_3",
        "event type that is none": "/events?type=bench.none",
        "beginning of an event type": "/events?prefix=bench.",
        "stream": f"/events?aggregate_type={kind}&aggregate_id={aggregate}",
        "aggregate type": f"/events?aggregate_type={kind}",
        "aggregate id alone": f"/events?aggregate_id={aggregate}",
        "actor type": "/events?actor_type=agent",
        "one of 10,000 actors": f"/events?actor_id={actor}",
        "actor who is none": "/events?actor_id=nobody",
        "frequent outcome": "/events?outcome=failure",
        "rare outcome": "/events?outcome=partial",
        "correlation": f"/events?correlation={correlation}",
        "run": f"/events?run={run}",
        "trace": f"/events?trace={trace}",
        "new events": f"/events/news?since={event}",
        "an event": f"/events/{event}",
        "search for an id": f"/search?q={correlation}",
        "search for a name": "/search?q=123",
        "statistics": "/statistics",
        "integrity": "/integrity",
        "proof": f"/events/{event}/proof",
    }


async def look(bench: Bench, plan: ExplorePlan, pages: dict[str, str]) -> list[Figure]:
    app = create_app(Settings(bench.app_dsn))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=URL) as client,
    ):
        times: dict[str, list[float]] = {name: [] for name in pages}
        for number in range(plan.rounds + 1):
            for name, url in pages.items():
                answer = await client.get(url)
                answer.raise_for_status()
                if number:
                    times[name].append(milliseconds(answer))
        grown = await memory_growth(client, [*pages.values()])
    return [*figures(times), grown]


async def memory_growth(client: httpx.AsyncClient, urls: list[str]) -> Figure:
    """Megabytes that the process grows by while it answers, after everything was shown before."""
    before = resident_megabytes()
    for number in range(REQUESTS):
        await client.get(urls[number % len(urls)])
    grown = resident_megabytes() - before
    return Figure(f"memory after {REQUESTS} more requests", grown, "MB", MEMORY, is_cost=True)


def resident_megabytes() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def milliseconds(answer: httpx.Response) -> float:
    (found,) = re.findall(r"total;dur=([\d.]+)", answer.headers["server-timing"])
    return float(found)


def figures(times: dict[str, list[float]]) -> Iterator[Figure]:
    for name, each in times.items():
        goal = 200 if name == "first page" else 500
        yield Figure(name, median(each), "ms", goal, is_cost=True)
