"""The measurements of `scripts/bench partitions`: bytes an event takes, and what many cost."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
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
    "get_event": "select from ledger.get_event(%(id)s, tenant_id => %(tenant)s)",
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
    parts: tuple[str, ...]


def measure_partitions(
    bench: Bench, plan: PartitionPlan, say: Callable[[str], None]
) -> tuple[list[Figure], dict[int, dict[str, float]]]:
    figures: list[Figure] = []
    by_count: dict[int, dict[str, float]] = {}
    if "storage" in plan.parts:
        with bench.clone() as database, connected(database.dsn) as connection:
            say(f"{plan.events:,} events of the demo's agent")
            figures += storage(connection, plan.events)
    if "archiving" in plan.parts:
        with bench.clone() as database:
            say("archiving while others emit")
            figures += archiving(database, plan.events)
    if "counts" in plan.parts:
        with ExitStack() as stack:
            ledgers = {}
            for count in plan.counts:
                say(f"{count} partitions")
                database = stack.enter_context(bench.clone())
                connection = stack.enter_context(connected(database.dsn))
                ledgers[count] = spread(connection, count, plan.events)
            say("reading and writing")
            by_count = latencies(ledgers, plan.rounds)
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


@dataclass(frozen=True)
class Spread:
    """A ledger whose events lie in so many daily partitions, and one of its events."""

    connection: psycopg.Connection[Any]
    making: float
    given: dict[str, Any]


def spread(connection: psycopg.Connection[Any], count: int, events: int) -> Spread:
    connection.execute("update ledger.partition_settings set partition_interval = 'day'")
    today = datetime.now(UTC).replace(hour=12)
    days = [today - timedelta(days=day + 31) for day in range(count, 0, -1)]
    started = perf_counter()
    for day in days:
        connection.execute("select ledger.ensure_partition(%s)", [day])
    making = 1000 * (perf_counter() - started) / count
    for day in days:
        backfill(connection, day, events // count)
    connection.execute("select count(*) from ledger.seal_all()")
    connection.execute("vacuum analyze")
    event = connection.execute(
        "select id, correlation_id from ledger.agent_events where created_at > %s limit 1",
        [days[count // 2]],
    ).fetchone() or (None, None)
    return Spread(connection, making, {"tenant": TENANT, "id": event[0], "correlation": event[1]})


def latencies(ledgers: dict[int, Spread], rounds: int) -> dict[int, dict[str, float]]:
    """Milliseconds of each call, by turns on each ledger; the first rounds do not count."""
    found = {count: {"make a partition": ledger.making} for count, ledger in ledgers.items()}
    for name, call in CALLS.items():
        times: dict[int, list[float]] = {count: [] for count in ledgers}
        for _ in range(rounds + 10):
            for count, ledger in ledgers.items():
                if name.startswith("seal_all"):
                    ledger.connection.execute(CALLS["emit_event"], ledger.given)
                times[count].append(timed(ledger.connection, call, ledger.given))
        for count, each in times.items():
            found[count][name] = 1000 * median(each[10:])
    for count, ledger in ledgers.items():
        with ledger.connection.transaction():
            ledger.connection.execute(CALLS["find_events by correlation"], ledger.given)
            locks = "select count(*) from pg_locks where pid = pg_backend_pid() and not fastpath"
            found[count]["locks of that find_events"] = float(one(ledger.connection, locks))
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
