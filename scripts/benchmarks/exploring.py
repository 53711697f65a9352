"""The measurements of `scripts/bench explore`: what the explorer's pages take."""

from __future__ import annotations

import asyncio
import re
import resource
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import md5
from pathlib import Path
from statistics import median
from typing import Any
from uuid import UUID

import httpx
import psycopg
from exploring_data import LARGE_TRACE, LONG, LONG_RUN_IDS, fill
from log import Figure
from server import TENANT, Bench

from agent_events.explorer.app import create_app
from agent_events.explorer.settings import Settings

REQUESTS = 500
MEMORY = 10  # megabytes
SLOW = 60  # searches at once
URL = "http://127.0.0.1:8750"

EXAMPLE = """
    select id, correlation_id, run_id, trace_id, aggregate_type, aggregate_id, actor_id
    from ledger.agent_events
    where tenant_id = %s and created_at > now() - interval '45 days' and event_type like 'bench.%%'
    order by created_at
    limit 1
"""
LATER_STEP = """
    select id, to_char(created_at, 'YYYY-MM-DD"T"HH24:MI:SS') from ledger.agent_events
    where tenant_id = %s and run_id = %s
    order by created_at
    offset %s
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
        pages = [*pages_of_events(connection), *pages_of_the_rest(connection)]
    return asyncio.run(look(bench, plan, dict(pages), say))


def pages_of_events(connection: psycopg.Connection[Any]) -> Iterator[tuple[str, str]]:
    """Lists of events by every filter, and what is about one event."""
    row = connection.execute(EXAMPLE, [TENANT]).fetchone() or ()
    event, correlation, run, trace, kind, aggregate, actor = map(str, row)
    yield "first page", "/events"
    yield "older page", f"/events?after={event}"
    yield "event type", "/events?type=bench.type_3"
    yield "event type that is none", "/events?type=bench.none"
    yield "beginning of an event type", "/events?prefix=bench."
    yield "stream", f"/events?aggregate_type={kind}&aggregate_id={aggregate}"
    yield "aggregate type", f"/events?aggregate_type={kind}"
    yield "aggregate id alone", f"/events?aggregate_id={aggregate}"
    yield "actor type", "/events?actor_type=agent"
    yield "one of 10,000 actors", f"/events?actor_id={actor}"
    yield "actor who is none", "/events?actor_id=nobody"
    yield "frequent outcome", "/events?outcome=failure"
    yield "rare outcome", "/events?outcome=partial"
    yield "correlation", f"/events?correlation={correlation}"
    yield "run", f"/events?run={run}"
    yield "trace", f"/events?trace={trace}"
    yield "new events", f"/events/news?since={event}"
    yield "an event", f"/events/{event}"
    yield "proof", f"/events/{event}/proof"
    yield "search for an id", f"/search?q={correlation}"
    yield "search for a name", "/search?q=123"
    yield "statistics", "/statistics"
    yield "integrity", "/integrity"
    yield "export", "/export?type=bench.type_3"


def pages_of_the_rest(connection: psycopg.Connection[Any]) -> Iterator[tuple[str, str]]:
    """Runs, traces and aggregates."""
    row = connection.execute(EXAMPLE, [TENANT]).fetchone() or ()
    _, correlation, run, _, kind, aggregate, _ = map(str, row)
    ended, going = LONG_RUN_IDS[True], LONG_RUN_IDS[False]
    step, at = connection.execute(LATER_STEP, [TENANT, ended, LONG // 2]).fetchone() or ("", "")
    late, _ = connection.execute(LATER_STEP, [TENANT, ended, LARGE_TRACE // 2]).fetchone() or (
        "",
        "",
    )
    parent, large, tree = (as_uuid(seed) for seed in ("run9", f"{ended}large", f"{ended}tree"))
    yield "runs: first page", "/runs"
    yield "runs: older page", f"/runs?after={run}"
    yield "runs: frequent agent", "/runs?agent=agent-3"
    yield "runs: frequent agent, older page", f"/runs?agent=agent-3&after={run}"
    yield "runs: rare agent", "/runs?agent=rare"
    yield "runs: agent who is none", "/runs?agent=nobody"
    yield "runs: frequent status", "/runs?status=completed"
    yield "runs: status of one in fifty", "/runs?status=running"
    yield "runs: rare status", "/runs?status=paused"
    yield "runs: rare status, older page", f"/runs?status=paused&after={run}"
    yield "runs: frequent agent, rare status", "/runs?agent=agent-3&status=paused"
    yield "runs: rare agent, any status", "/runs?agent=rare&status=completed"
    yield "runs: before a time", f"/runs?to={datetime.now(UTC) - timedelta(days=45):%Y-%m-%d}"
    yield "runs: children of one of many", f"/runs?parent={parent}"
    yield "runs: children of none", f"/runs?parent={as_uuid('nothing')}"
    yield "runs: two of 100,000 events", "/runs?agent=long"
    yield "a run of 100 events", f"/runs/{run}"
    yield "a run of 100,000 events", f"/runs/{ended}"
    yield "a run of 100,000 events, later page", f"/runs/{ended}?after={step}"
    yield "a run of 100,000 events that goes on", f"/runs/{going}"
    yield "a run with many children", f"/runs/{parent}"
    yield "traces", "/traces"
    yield "a trace of 8 events", f"/traces/{correlation}"
    yield "a tree of 4,000 events", f"/traces/{tree}"
    yield "a tree of 4,000 events, later page", f"/traces/{tree}?skip=2000"
    yield "a trace of 10,000 events", f"/traces/{large}"
    yield "a trace of 10,000 events, later page", f"/traces/{large}?after={late}"
    yield "aggregates: last changes", "/aggregates"
    yield "aggregates: of a type", f"/aggregates?type={kind}"
    yield "aggregates: of a type, later page", f"/aggregates?type={kind}&after={aggregate}"
    yield "aggregates: of no type", "/aggregates?type=nothing"
    yield "an aggregate", f"/aggregate?type={kind}&id={aggregate}"
    yield "an aggregate of 100,000 events", f"/aggregate?type=deal&id={ended}"
    yield "its state at a moment", f"/aggregate?type=deal&id={ended}&at={LONG // 2 + 500}"
    yield "its state at a time", f"/aggregate?type=deal&id={ended}&time={at}"


def later_step(connection: psycopg.Connection[Any], number: int) -> tuple[str, str]:
    """The id and the time of an event of the long run."""
    found = connection.execute(LATER_STEP, [TENANT, LONG_RUN_IDS[True], number]).fetchone()
    event, at = found or ("", "")
    return str(event), str(at)


def as_uuid(seed: str) -> str:
    """What md5(seed)::uuid is in SQL."""
    return str(UUID(md5(seed.encode(), usedforsecurity=False).hexdigest()))


async def look(
    bench: Bench, plan: ExplorePlan, pages: dict[str, str], say: Callable[[str], None]
) -> list[Figure]:
    app = create_app(Settings(bench.app_dsn))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=URL) as client,
    ):
        times: dict[str, list[float]] = {name: [] for name in pages}
        for number in range(plan.rounds + 1):
            say(f"looking at pages, {number} of {plan.rounds}")
            for name, url in pages.items():
                answer = await client.get(url)
                answer.raise_for_status()
                if number:
                    times[name].append(milliseconds(answer))
        crowded = await beside_slow_searches(client)
        grown = await memory_growth(client, [*pages.values()])
    return [*figures(times), crowded, grown]


async def beside_slow_searches(client: httpx.AsyncClient) -> Figure:
    """The slowest first page while many search for what no index finds."""
    searches = [asyncio.create_task(client.get("/events?actor_id=nobody")) for _ in range(SLOW)]
    times = []
    while not all(search.done() for search in searches):
        times.append(milliseconds(await client.get("/events")))
    what = f"first page, the slowest beside {SLOW} slow searches"
    return Figure(what, max(times), "ms", 500, is_cost=True)


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
        goal = 200 if "first page" in name else 500
        yield Figure(name, median(each), "ms", goal, is_cost=True)
