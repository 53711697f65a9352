"""The measurements of `scripts/bench partitions`: bytes an event takes, and what many cost."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import median
from threading import Event, Thread
from time import perf_counter
from typing import Any

import psycopg
from log import Figure
from server import TENANT, Bench

from agent_events.demo.agent import run_agent

BATCH = 1_000
LOG = ("log_entries", "log_tiles", "log_blocks", "log_edges")
ONCE_EACH = ("agent_runs", "streams", "event_private", "idempotency_keys")
PARENTS = """
    select c.oid::regclass::text, pg_table_size(c.oid), pg_indexes_size(c.oid)
    from pg_partition_tree(%s) as p
    join pg_class as c on c.oid = p.relid
    where p.isleaf and c.relpages > 0
"""
INDEXES = """
    select string_agg(a.attname, ', ' order by k.ordinality), max(m.amname), sum(
      pg_relation_size(i.indexrelid)) / count(*)
    from pg_index as i
    join pg_class as c on c.oid = i.indexrelid
    join pg_am as m on m.oid = c.relam
    cross join lateral unnest(i.indkey) with ordinality as k (attnum, ordinality)
    join pg_attribute as a on a.attrelid = i.indrelid and a.attnum = k.attnum
    where i.indrelid = %s::regclass
    group by i.indexrelid
    order by 3 desc
"""
FIND = "select count(*) from ledger.find_events(tenant_id => %(tenant)s, page_size => 100, "
CALLS = {
    "emit_event": (
        "select from ledger.emit_event('bench.unchecked', tenant_id => %(tenant)s, "
        "aggregate_type => 'note', aggregate_id => '1')"
    ),
    "get_event": "select from ledger.get_event(%(id)s, %(tenant)s)",
    "read_stream": "select count(*) from ledger.read_stream('order', '7', tenant_id => %(tenant)s)",
    "find_events by correlation": FIND + "correlation_id => %(correlation)s)",
    "the same, last 7 days": (
        FIND + "correlation_id => %(correlation)s, from_time => now() - interval '7 days')"
    ),
    "find_events, newest 100": FIND + "newest_first => true)",
    "seal_all, one new event": "select count(*) from ledger.seal_all()",
}


@dataclass(frozen=True)
class PartitionPlan:
    events: int
    counts: tuple[int, ...]
    rounds: int


def measure_partitions(
    bench: Bench, plan: PartitionPlan, say: Callable[[str], None]
) -> tuple[list[Figure], dict[int, dict[str, float]]]:
    with bench.clone() as database, connected(database.dsn) as connection:
        say(f"{plan.events:,} events of the demo's agent")
        figures = list(storage(connection, plan.events))
    with bench.clone() as database:
        say("archiving while others emit")
        figures += archiving(database, plan.events)
    by_count = {}
    for count in plan.counts:
        say(f"{count} partitions")
        with bench.clone() as database, connected(database.dsn) as connection:
            by_count[count] = latencies(connection, count, plan)
    return figures, by_count


def connected(dsn: str) -> closing[psycopg.Connection[Any]]:
    connection = psycopg.connect(dsn, autocommit=True)
    connection.execute("set synchronous_commit = off")
    return closing(connection)


def storage(connection: psycopg.Connection[Any], events: int) -> Iterator[Figure]:
    """What the demo's agent leaves behind, a run after another, sealed every 100 runs."""
    number = done = 0
    while done < events:
        run_agent(connection)
        number += 1
        if number % 100 == 0:
            connection.execute("select count(*) from ledger.seal_all()")
            done = int(one(connection, "select sum(tree_size) from ledger.log_heads"))
    connection.execute("vacuum analyze")

    def per_event(size: float) -> float:
        return float(size) / done

    total = 0.0
    for parent in ("agent_events", "outbox"):
        for table, heap, indexes in connection.execute(PARENTS, [parent_name(parent)]).fetchall():
            total += heap + indexes
            yield Figure(f"{parent}: rows", per_event(heap), "bytes/event")
            for columns, method, size in connection.execute(INDEXES, [table]).fetchall():
                yield Figure(f"{parent}: {method} ({columns})", per_event(size), "bytes/event")
    for table in (*LOG, *ONCE_EACH):
        size = one(connection, "select pg_total_relation_size(%s::regclass)", parent_name(table))
        total += size
        yield Figure(table, per_event(size), "bytes/event")
    yield Figure("all of it", per_event(total), "bytes/event")
    yield Figure("1,000,000 events", per_event(total) * 1e6 / 2**30, "GB")


def parent_name(table: str) -> str:
    return f"ledger.{table}"


def archiving(database: Bench, events: int) -> Iterator[Figure]:
    """One partition goes to the archive; another session emits one event after the other."""
    with connected(database.dsn) as connection:
        at = datetime.now(UTC) - timedelta(days=70)
        backfill(connection, at, events)
        connection.execute("select count(*) from ledger.seal_all()")
        name = one(
            connection,
            "select partition_name from ledger.partitions where from_time <= %s "
            "and to_time > %s and parent_name = 'agent_events'",
            at,
            at,
        )
        quiet, busy = [], []
        for _ in range(5):
            quiet.append(slowest_emit(database, lambda: connection.execute("select pg_sleep(1)")))
            busy.append(
                slowest_emit(
                    database,
                    lambda: connection.execute("call ledger.archive_partition(%s)", [name]),
                )
            )
            connection.execute("call ledger.restore_partition(%s)", [name])
        yield Figure("slowest emit_event in a second, nothing else going on", median(quiet), "ms")
        what = f"slowest emit_event while {events:,} events are archived"
        yield Figure(what, median(busy), "ms")
        steps = connection.execute(
            "select step, percentile_cont(0.5) within group "
            "(order by extract(epoch from finished_at - started_at)), max(attempts) "
            "from ledger.maintenance_steps group by step order by min(started_at)"
        ).fetchall()
        for step, seconds, attempts in steps:
            yield Figure(f"step {step} (attempts: {attempts})", 1000 * float(seconds), "ms")


def slowest_emit(database: Bench, meanwhile: Callable[[], object]) -> float:
    over = Event()
    times: list[float] = []

    def emit() -> None:
        with connected(database.dsn) as connection:
            while not over.is_set():
                times.append(timed(connection, CALLS["emit_event"], {"tenant": TENANT}))

    thread = Thread(target=emit)
    thread.start()
    try:
        meanwhile()
    finally:
        over.set()
        thread.join()
    return 1000 * max(times[10:])


def latencies(
    connection: psycopg.Connection[Any], count: int, plan: PartitionPlan
) -> dict[str, float]:
    """Milliseconds of each call where events are spread over so many daily partitions."""
    connection.execute("update ledger.partition_settings set partition_interval = 'day'")
    today = datetime.now(UTC).replace(hour=12)
    started = perf_counter()
    for day in range(count, 0, -1):
        connection.execute("select ledger.ensure_partition(%s)", [today - timedelta(days=day + 31)])
    making = 1000 * (perf_counter() - started) / count
    for day in range(count, 0, -1):
        backfill(connection, today - timedelta(days=day + 31), plan.events // count)
    connection.execute("select count(*) from ledger.seal_all()")
    connection.execute("vacuum analyze")
    middle = connection.execute(
        "select id, correlation_id from ledger.agent_events where created_at > %s limit 1",
        [today - timedelta(days=31 + count // 2)],
    ).fetchone() or (None, None)
    given = {"tenant": TENANT, "id": middle[0], "correlation": middle[1]}
    found = {"make a partition": making}
    for name, call in CALLS.items():
        times = []
        for number in range(plan.rounds + 10):
            if name.startswith("seal_all"):
                connection.execute(CALLS["emit_event"], given)
            took = timed(connection, call, given)
            if number >= 10:
                times.append(took)
        found[name] = 1000 * median(times)
    with connection.transaction():
        connection.execute(CALLS["find_events by correlation"], given)
        locks = "select count(*) from pg_locks where pid = pg_backend_pid() and not fastpath"
        found["locks of that find_events"] = float(one(connection, locks))
    return found


def backfill(connection: psycopg.Connection[Any], at: datetime, events: int) -> None:
    """Emit as it would have been then: hashed, chained, in the partition of that time."""
    connection.execute("select ledger.ensure_tenant(%s)", [TENANT])
    for first in range(0, events, BATCH):
        batch = json.dumps(
            [
                {"event_type": "bench.unchecked", "payload": {"number": n, "text": "x" * 300}}
                | ({"aggregate_type": "order", "aggregate_id": str(n % 500)} if n % 2 else {})
                for n in range(first, min(first + BATCH, events))
            ]
        )
        with connection.transaction():
            connection.execute("select ledger.lock_streams(%s, %s)", [TENANT, batch])
            connection.execute(
                "select count(*) from ledger.emit_plain_events(%s, %s, %s)",
                [TENANT, batch, at + timedelta(seconds=first)],
            )


def timed(connection: psycopg.Connection[Any], query: str, given: dict[str, Any]) -> float:
    start = perf_counter()
    connection.execute(query, given)
    return perf_counter() - start


def one(connection: psycopg.Connection[Any], query: str, *given: Any) -> Any:
    (value,) = connection.execute(query, given or None).fetchone() or (None,)
    return value
