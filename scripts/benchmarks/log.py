"""The measurements of `scripts/bench log`: sealing, proofs, and the verifier outside."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from statistics import median
from threading import Event, Thread
from time import perf_counter, process_time
from typing import Any

import psycopg
from emit import PAYLOAD, STREAMS, TEN, emit_script, variables
from rich.table import Table
from server import TENANT, Bench
from stats import Rate, interleave, ratio

from agent_events.verifying import verify

BATCH = 10_000
BLOCK = 100_000
AGGREGATE = ", aggregate_type => 'order', aggregate_id => :n::text"
LOG_TABLES = ("log_entries", "log_tiles", "log_blocks", "log_edges", "log_heads")
BARE_COPY = b"""
copy (
  select
    tenant_id, id, created_at, run_id, trace_id, correlation_id, causation_id, event_type,
    schema_version, payload::text, deal_id, action_id, aggregate_type, aggregate_id, sequence,
    actor_type, actor_id, outcome, proof::text, metadata::text, occurred_at, private_hash, prev_hash
  from ledger.agent_events
) to stdout (format binary)
"""


@dataclass(frozen=True)
class LogPlan:
    events: int
    rounds: int
    seconds: int


@dataclass(frozen=True)
class Figure:
    """Something measured. `goal` is the least that it should be, or the most if `is_cost`."""

    what: str
    value: float
    unit: str
    goal: float | None = None
    is_cost: bool = False

    @property
    def is_reached(self) -> bool | None:
        if self.goal is None:
            return None
        return self.value <= self.goal if self.is_cost else self.value >= self.goal

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "is_reached": self.is_reached}


def measure_log(bench: Bench, plan: LogPlan, say: Callable[[str], None]) -> list[Figure]:
    with psycopg.connect(bench.dsn, autocommit=True) as connection:
        connection.execute("set synchronous_commit = off")
        say(f"emitting and sealing {plan.events:,} events")
        figures = [*seal_blocks(connection, bench, plan.events)]
        say("sealing single events")
        figures.append(seal_singly(connection))
        connection.execute("vacuum analyze")
        say("verifying")
        figures += verify_rates(bench, connection, plan.rounds)
        say("proofs")
        figures += proofs(connection)
        say("reading the log")
        figures += [read_rate(connection), storage(connection)]
    say("emitting, with and without sealing every second")
    figures.append(emit_while_sealing(bench, plan))
    return figures


def seal_blocks(connection: psycopg.Connection[Any], bench: Bench, events: int) -> Iterator[Figure]:
    """Fill the ledger, every second event in one of 10,000 streams."""
    order = random.Random(1)
    emitting, sealing = [], []
    common = {
        "event_type": "bench.order_placed",
        "payload": json.loads(PAYLOAD),
        "run_id": bench.run_id,
        "actor_type": "agent",
        "actor_id": "bench",
        "outcome": "success",
    }
    for _ in range(events // BLOCK):
        for _ in range(BLOCK // BATCH):
            batch = [
                {**common, "aggregate_type": "order", "aggregate_id": str(order.randrange(STREAMS))}
                if number % 2
                else common
                for number in range(BATCH)
            ]
            emit = "select count(*) from ledger.emit_events(%s, %s)"
            emitting.append(timed(connection, emit, json.dumps(batch), TENANT))
        sealing.append(timed(connection, "select * from ledger.seal(%s)", TENANT))
    yield Figure("emit_events, 10,000 a batch", BATCH / median(emitting), "events/s")
    yield Figure("seal, 100,000 events", BLOCK / median(sealing), "events/s", 150_000)


def seal_singly(connection: psycopg.Connection[Any]) -> Figure:
    times = []
    for _ in range(200):
        connection.execute("select ledger.emit_event('bench.unchecked', tenant_id => %s)", [TENANT])
        times.append(timed(connection, "select * from ledger.seal(%s)", TENANT))
    return Figure("seal, one event", 1000 * median(times), "ms", 5, is_cost=True)


def verify_rates(
    bench: Bench, connection: psycopg.Connection[Any], rounds: int
) -> Iterator[Figure]:
    """The whole verification in one process against a bare COPY of the same rows, in turn."""
    events = count(connection, "select tree_size from ledger.log_heads where tenant_id = %s")
    by_clock, by_cpu, bare = [], [], []
    for _ in range(rounds):
        bare.append(events / copy_time(connection))
        start, cpu = perf_counter(), process_time()
        report = verify(bench.dsn)
        by_clock.append(events / (perf_counter() - start))
        by_cpu.append(events / (process_time() - cpu))
        if report.findings:
            raise SystemExit(f"the log does not verify: {report.findings[:3]}")
    ratios = [rate / base for rate, base in zip(by_clock, bare, strict=True)]
    yield Figure("verify, one process", median(by_clock), "events/s")
    yield Figure("verify, its CPU time", median(by_cpu), "events/s", 150_000)
    yield Figure("bare COPY of the rows", median(bare), "events/s")
    yield Figure("verify against bare COPY", median(ratios), "ratio")


def copy_time(connection: psycopg.Connection[Any]) -> float:
    start = perf_counter()
    pgconn = connection.pgconn
    pgconn.exec_(BARE_COPY)
    while pgconn.get_copy_data(0)[0] > 0:
        pass
    while pgconn.get_result() is not None:
        pass
    return perf_counter() - start


def proofs(connection: psycopg.Connection[Any]) -> Iterator[Figure]:
    size = count(connection, "select tree_size from ledger.log_heads where tenant_id = %s")
    order = random.Random(1)
    inclusion, consistency = [], []
    for _ in range(200):
        event = "select event_id from ledger.log_entries where tenant_id = %s and position = %s"
        (event_id,) = connection.execute(event, [TENANT, order.randrange(size)]).fetchone() or ("",)
        prove = "select * from ledger.inclusion_proof(%s, tenant_id => %s)"
        inclusion.append(timed(connection, prove, event_id, TENANT))
        prove = "select ledger.consistency_proof(%s, %s, %s)"
        old = order.randrange(1, size)
        consistency.append(timed(connection, prove, old, size, TENANT))
    for name, times in (("inclusion_proof", inclusion), ("consistency_proof", consistency)):
        yield Figure(f"{name} at {size:,}", 1000 * median(times), "ms", 5, is_cost=True)


def read_rate(connection: psycopg.Connection[Any]) -> Figure:
    start, position, rows = perf_counter(), -1, 0
    page = "select * from ledger.read_log(%s, 10000, tenant_id => %s)"
    while found := connection.execute(page, [position, TENANT], binary=True).fetchall():
        position = found[-1][0]
        rows += len(found)
    return Figure("read_log, pages of 10,000", rows / (perf_counter() - start), "events/s")


def storage(connection: psycopg.Connection[Any]) -> Figure:
    size = "select sum(pg_total_relation_size('ledger.' || t)) from unnest(%s::text[]) as t"
    (total,) = connection.execute(size, [list(LOG_TABLES)]).fetchone() or (0,)
    events = count(connection, "select tree_size from ledger.log_heads where tenant_id = %s")
    return Figure("storage of the log", float(total) / events, "bytes/event", 200, is_cost=True)


def emit_while_sealing(bench: Bench, plan: LogPlan) -> Figure:
    script = TEN + emit_script(stream=AGGREGATE)
    with bench.clone() as database:
        run = partial(
            database.pgbench,
            script,
            clients=2,
            commit="off",
            seconds=plan.seconds,
            variables=variables(database),
        )

        def sealed() -> Rate:
            with sealing(database):
                return run()

        measurements = {"emit, seal_all every second": sealed, "emit, not sealed": run}
        rates = interleave(measurements, plan.rounds)
    result = ratio(rates, *measurements, clients=2, commit="off")
    return Figure("emit, with seal_all every second", result.value, "ratio", 0.95)


@contextmanager
def sealing(bench: Bench) -> Iterator[None]:
    """Seal what there is, then everything new, every second."""
    over = Event()

    def run() -> None:
        while not over.wait(1):
            connection.execute("select count(*) from ledger.seal_all()")

    with psycopg.connect(bench.dsn, autocommit=True) as connection:
        connection.execute("select count(*) from ledger.seal_all()")
        thread = Thread(target=run)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


def timed(connection: psycopg.Connection[Any], query: str, *parameters: Any) -> float:
    start = perf_counter()
    connection.execute(query, parameters).fetchall()
    return perf_counter() - start


def count(connection: psycopg.Connection[Any], query: str) -> int:
    (value,) = connection.execute(query, [TENANT]).fetchone() or (0,)
    return int(value)


def figure_table(figures: list[Figure]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("measured", no_wrap=True)
    table.add_column("value", justify="right", no_wrap=True)
    table.add_column("unit", no_wrap=True)
    table.add_column("goal", justify="right", no_wrap=True)
    for figure in figures:
        style = {None: "", True: "green", False: "red"}[figure.is_reached]
        sign = "≤" if figure.is_cost else "≥"
        table.add_row(
            figure.what,
            f"[bold {style}]{number(figure.value)}[/]",
            figure.unit,
            "" if figure.goal is None else f"{sign} {number(figure.goal)}",
        )
    return table


def number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"
