"""The measurements of `scripts/bench stats`: counting, and statistics of a large ledger."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import median
from typing import Any

import psycopg
from emit import PAYLOAD
from log import Figure, timed
from server import TENANT, Bench

BLOCK = 200_000
BATCH = 10_000
COUNT_AT_ONCE = 100_000
TAIL = 2_000

# Events of 90 days, 40 types, five outcomes and 10,000 actors, past emit_event: as ledger_append,
# with a hash that is none.
FILL = """
    insert into ledger.agent_events (
      tenant_id, id, created_at, run_id, trace_id, correlation_id, event_type, schema_version,
      payload, actor_type, actor_id, outcome, hash
    )
    select
      %(tenant)s, e.id, t.at, repeat('0', 32)::uuid, e.id, e.id, 'bench.type_' || n %% 40, 1,
      %(payload)s, 'user', (n * 7919 %% 10000)::text,
      (array['success', 'failure', 'partial', 'pending', null])[n %% 5 + 1], sha256(uuid_send(e.id))
    from generate_series(%(first)s::bigint, %(first)s::bigint + %(count)s - 1) as n
    cross join lateral (
      select
        %(start)s::timestamptz + interval '90 days' * (n::float8 / %(total)s) as at
    ) as t
    cross join lateral ledger.event_id(t.at, gen_random_uuid()) as e (id)
"""

DAYS = "40 days and some hours"
PERIOD = """
    select ledger.stats(
      %s, now() - interval '50 days', now() - interval '10 days', with_actors => %s
    )
"""


@dataclass(frozen=True)
class CountPlan:
    events: int
    rounds: int


def measure_counting(bench: Bench, plan: CountPlan, say: Callable[[str], None]) -> Iterator[Figure]:
    with psycopg.connect(bench.dsn, autocommit=True) as connection:
        connection.execute("set synchronous_commit = off")
        (start,) = connection.execute(
            "select date_trunc('day', now()) - interval '91 days'"
        ).fetchone() or (None,)
        emitting = [*emit(connection, plan.rounds)]
        for first in range(0, plan.events, BLOCK):
            say(f"{first:,} of {plan.events:,} events are made and sealed")
            fill(connection, first, min(BLOCK, plan.events - first), plan.events, start)
        say("counting")
        counting = [*count(connection)]
        say("statistics")
        connection.execute("vacuum analyze ledger.event_counts")
        per_event = median(counting) / COUNT_AT_ONCE
        yield Figure("counting, per event", 1e6 * per_event, "us")
        yield Figure("counting / emit_event", per_event / median(emitting), "ratio")
        yield Figure(
            "counting / emit_events, 10,000 a batch", per_event / batch(connection, bench), "ratio"
        )
        yield from statistics(connection, plan, "")
        emit_tail(connection, bench)
        yield from statistics(connection, plan, f", {TAIL:,} events not counted")


def emit(connection: psycopg.Connection[Any], rounds: int) -> Iterator[float]:
    """Seconds for one emit_event."""
    query = "select ledger.emit_event('bench.unchecked', %s, tenant_id => %s)"
    for _ in range(200 * rounds):
        yield timed(connection, query, PAYLOAD, TENANT)
    connection.execute("select ledger.seal_all()")


def batch(connection: psycopg.Connection[Any], bench: Bench) -> float:
    """Seconds for an event of emit_events."""
    times = []
    for _ in range(5):
        times.append(emit_batch(connection, bench, BATCH))
    connection.execute("select ledger.seal_all()")
    while connection.execute("select ledger.count_events()").fetchone() != (0,):
        pass
    return median(times) / BATCH


def emit_batch(connection: psycopg.Connection[Any], bench: Bench, events: int) -> float:
    event = {
        "event_type": "bench.unchecked",
        "payload": json.loads(PAYLOAD),
        "run_id": bench.run_id,
    }
    query = "select count(*) from ledger.emit_events(%s, %s)"
    return timed(connection, query, json.dumps([event] * events), TENANT)


def emit_tail(connection: psycopg.Connection[Any], bench: Bench) -> None:
    emit_batch(connection, bench, TAIL)
    connection.execute("select ledger.seal_all()")


def fill(
    connection: psycopg.Connection[Any], first: int, events: int, total: int, start: Any
) -> None:
    connection.execute(
        "select ledger.ensure_partition(%s + n * interval '30 days') from generate_series(0, 3) n",
        [start],
    )
    arguments = {"tenant": TENANT, "payload": PAYLOAD, "first": first, "count": events}
    with connection.transaction():
        connection.execute("set local role ledger_append")
        connection.execute(FILL, {**arguments, "total": total, "start": start})
    connection.execute("select ledger.seal_all()")


def count(connection: psycopg.Connection[Any]) -> Iterator[float]:
    """Seconds for each full batch."""
    query = "select ledger.count_events(%s)"
    while True:
        seconds = timed(connection, query, COUNT_AT_ONCE)
        behind = "select sum(uncounted) from ledger.events_per_tenant"
        (left,) = connection.execute(behind).fetchone() or (0,)
        yield seconds
        if left == 0:
            return


def statistics(connection: psycopg.Connection[Any], plan: CountPlan, when: str) -> Iterator[Figure]:
    events = "events" if when else f"{plan.events:,} events"
    queries = {
        f"stats(), {events}": ("select ledger.stats(%s)", [TENANT]),
        f"stats() of {DAYS}": (PERIOD, [TENANT, False]),
        f"{DAYS}, with actors": (PERIOD, [TENANT, True]),
        "metrics()": ("select * from ledger.metrics()", []),
        "metrics() without doctor()": ("select * from ledger.metrics(with_findings => false)", []),
        **{
            f"events_per_{by}": (f"select * from ledger.events_per_{by}", [])
            for by in ("day", "hour", "type", "outcome", "actor", "tenant")
        },
    }
    for what, (query, arguments) in queries.items():
        times = [timed(connection, query, *arguments) for _ in range(4 * plan.rounds)]
        goal = 100 if what.startswith("stats()") else None
        yield Figure(what + when, 1000 * median(times), "ms", goal, is_cost=True)
