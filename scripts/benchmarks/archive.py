"""The measurements of `scripts/bench archive`: against moving rows, and who waits meanwhile."""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from threading import Event, Thread
from time import perf_counter, sleep, time
from typing import Any

import psycopg
from emit import PAYLOAD, emit_script, variables
from rich.table import Table
from server import TENANT, Bench

from agent_events import embedded

AnyConnection = psycopg.Connection[Any]

BATCH = 10_000
EMITTERS = 8
READ_SECONDS = 3
OLD = "date_trunc('month', now()) - interval '40 days'"
READ = "select count(*), pg_sleep(%s) from (select e.id from ledger.events as e limit 1000) as e"
# How long emitters waited for a lock on a table, as the server's log says.
WAITED = re.compile(r"acquired RowExclusiveLock on relation .* after ([0-9.]+) ms")
# The tables of the ledger without guards: same columns, bounds and indexes.
COPIES = """
create schema rows;
create table rows.hot (like ledger.agent_events including all) partition by range (created_at);
create table rows.hot_1 partition of rows.hot default;
create table rows.archive (like ledger.agent_events_archive including all)
  partition by range (created_at);
create table rows.archive_1 partition of rows.archive default
"""


@dataclass(frozen=True)
class ArchivePlan:
    events: int
    rounds: int


@dataclass(frozen=True)
class Spread:
    """Something measured once in every round. `goal`: the least, or the most if `is_cost`."""

    what: str
    values: tuple[float, ...]
    unit: str
    goal: float | None = None
    is_cost: bool = False

    @property
    def value(self) -> float:
        return median(self.values)

    @property
    def quartiles(self) -> tuple[float, float]:
        if len(self.values) < 2:
            return self.value, self.value
        low, _, high = quantiles(self.values, n=4)
        return low, high

    @property
    def is_reached(self) -> bool | None:
        """The worst round decides."""
        if self.goal is None:
            return None
        return max(self.values) <= self.goal if self.is_cost else min(self.values) >= self.goal

    def as_dict(self) -> dict[str, Any]:
        return {
            "what": self.what,
            "values": self.values,
            "value": self.value,
            "quartiles": self.quartiles,
            "unit": self.unit,
            "goal": self.goal,
            "is_reached": self.is_reached,
        }


@dataclass(frozen=True)
class Cost:
    seconds: float
    wal: int


@dataclass(frozen=True)
class Latencies:
    """Of the emits that ended in one stretch of time; milliseconds, in order."""

    values: list[float]

    def quantile(self, share: float) -> float:
        return self.values[min(int(len(self.values) * share), len(self.values) - 1)]


def measure_archive(bench: Bench, plan: ArchivePlan, say: Callable[[str], None]) -> list[Spread]:
    with psycopg.connect(bench.dsn, autocommit=True) as connection:
        say(f"emitting and sealing {plan.events:,} events of a month gone by")
        name = fill(connection, plan.events)
        say("copying them")
        for statement in COPIES.split(";"):
            connection.execute(statement)  # type: ignore[arg-type]
        connection.execute(f"insert into rows.hot select * from ledger.{name}")  # type: ignore[arg-type]
        connection.execute("vacuum analyze")
        spreads = compare_moves(connection, name, plan, say)
        say("dropping the copies")
        connection.execute("drop schema rows cascade")
        return spreads + watch_emitters(bench, connection, name, plan, say)


def fill(connection: AnyConnection, events: int) -> str:
    """Events that were emitted in a month gone by; the name of its partition."""
    connection.execute(f"select ledger.ensure_partition({OLD})")  # type: ignore[arg-type]
    element = {"event_type": "bench.order_placed", "payload": json.loads(PAYLOAD)}
    batch = json.dumps([element] * BATCH)
    for number in range(events // BATCH):
        emit = f"""
            select count(*)
            from ledger.emit_plain_events(%s, %s, {OLD} + %s * interval '1 second')
        """
        connection.execute(emit, [TENANT, batch, number])  # type: ignore[arg-type]
        connection.execute("select count(*) from ledger.seal_all()")
    name = f"""
        select p.partition_name::text from ledger.partitions as p
        where p.parent_name = 'agent_events' and p.from_time <= {OLD} and {OLD} < p.to_time
    """
    row = connection.execute(name).fetchone()  # type: ignore[arg-type]
    assert row is not None  # noqa: S101
    return str(row[0])


def compare_moves(
    connection: AnyConnection, name: str, plan: ArchivePlan, say: Callable[[str], None]
) -> list[Spread]:
    """In turn: the partition is archived (and comes back), its copy is moved row by row."""
    moved: list[Cost] = []
    whole: list[Cost] = []
    copied: list[Cost] = []
    tables = ["rows.hot", "rows.archive"]
    for number in range(plan.rounds):
        say(f"moving {plan.events:,} events, round {number + 1} of {plan.rounds}")
        connection.execute("checkpoint")
        whole.append(cost(connection, f"call ledger.archive_partition('{name}')"))
        back = f"call ledger.restore_partition('{name}')"
        connection.execute(back)  # type: ignore[arg-type]
        for step in ("seal", "add bounds", "validate bounds", "prepare archive"):
            connection.execute("select ledger.maintenance_step(%s, %s)", [step, name])
        step = f"select ledger.maintenance_step('archive', '{name}')"
        moved.append(cost(connection, step))
        connection.execute(back)  # type: ignore[arg-type]
        forget_bounds(connection, name)
        connection.execute("checkpoint")
        copied.append(
            cost(
                connection,
                f"begin; insert into {tables[1]} select * from {tables[0]};"
                f" delete from {tables[0]}; commit",
            )
        )
        tables.reverse()
        connection.execute("vacuum rows.hot, rows.archive")
    return [
        Spread("time: rows / archive_partition()", ratios(copied, whole, "seconds"), "ratio"),
        Spread("time: rows / the move in it", ratios(copied, moved, "seconds"), "ratio"),
        Spread("WAL: rows / archive_partition()", ratios(copied, whole, "wal"), "ratio"),
        Spread("rows: insert … select, delete", tuple(c.seconds for c in copied), "s"),
        Spread("archive_partition()", tuple(c.seconds for c in whole), "s"),
        Spread("the move in it", tuple(1000 * c.seconds for c in moved), "ms"),
        Spread("WAL of rows", tuple(c.wal / 2**20 for c in copied), "MB"),
        Spread("WAL of archive_partition()", tuple(c.wal / 2**20 for c in whole), "MB"),
    ]


def forget_bounds(connection: AnyConnection, name: str) -> None:
    """So that the next round has to prove the bounds again."""
    with connection.transaction():
        connection.execute("select ledger_guard.open_window('upgrade')")
        drop = f"alter table ledger.{name} drop constraint if exists ledger_bounds"
        connection.execute(drop)  # type: ignore[arg-type]


def ratios(costs: list[Cost], bases: list[Cost], what: str) -> tuple[float, ...]:
    pairs = zip(costs, bases, strict=True)
    return tuple(getattr(cost, what) / getattr(base, what) for cost, base in pairs)


def cost(connection: AnyConnection, statement: str) -> Cost:
    before, start = wal_position(connection), perf_counter()
    connection.execute(statement)  # type: ignore[arg-type]
    seconds = perf_counter() - start
    return Cost(seconds, wal_position(connection) - before)


def wal_position(connection: AnyConnection) -> int:
    row = connection.execute("select pg_current_wal_lsn() - '0/0'::pg_lsn").fetchone()
    return int(row[0]) if row else 0


def watch_emitters(
    bench: Bench,
    connection: AnyConnection,
    name: str,
    plan: ArchivePlan,
    say: Callable[[str], None],
) -> list[Spread]:
    """Emitters beside a reader: while a partition is archived, and then for as long without."""
    database = connection.info.dbname
    for setting in ("log_lock_waits = on", "deadlock_timeout = '1ms'"):
        connection.execute(f"alter database {database} set {setting}")  # type: ignore[arg-type]
    beside: list[Latencies] = []
    alone: list[Latencies] = []
    waits: list[float] = []
    attempts: list[float] = []
    for number in range(plan.rounds):
        say(f"emitting while a partition is archived, round {number + 1} of {plan.rounds}")
        log_size = server_log_size(connection)
        with pgbench(bench, connection) as ended, reading(bench):
            sleep(3)
            start = time()
            connection.execute("call ledger.archive_partition(%s)", [name])
            took = time() - start
            sleep(took + 1)
        beside.append(between(ended, start, start + took))
        alone.append(between(ended, start + took + 1, start + 2 * took + 1))
        waits.append(longest_wait(connection, log_size))
        attempts.append(float(count_attempts(connection)))
        connection.execute("call ledger.restore_partition(%s)", [name])
        forget_bounds(connection, name)
    added = [one.values[-1] - other.values[-1] for one, other in zip(beside, alone, strict=True)]
    return [
        Spread("longest wait of an emit for a lock", tuple(waits), "ms", 150, is_cost=True),
        Spread("longest emit, archiving", tuple(each.values[-1] for each in beside), "ms"),
        Spread("longest emit, not archiving", tuple(each.values[-1] for each in alone), "ms"),
        Spread("added to the longest emit", tuple(added), "ms", 150, is_cost=True),
        Spread("p99.9, archiving", tuple(each.quantile(0.999) for each in beside), "ms"),
        Spread("p99.9, not archiving", tuple(each.quantile(0.999) for each in alone), "ms"),
        Spread("median, archiving", tuple(each.quantile(0.5) for each in beside), "ms"),
        Spread("median, not archiving", tuple(each.quantile(0.5) for each in alone), "ms"),
        Spread("attempts at locks", tuple(attempts), ""),
    ]


@contextmanager
def pgbench(bench: Bench, admin: AnyConnection) -> Iterator[list[tuple[float, float]]]:
    """Emitters without a pause; after the block: when each emit ended, and its milliseconds."""
    ended: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        program = [str(embedded.client_program("pgbench")), "--no-vacuum", "--protocol=prepared"]
        program += [f"--client={EMITTERS}", "--jobs=2", "--time=3600", "--file=/dev/stdin"]
        program += ["--log", f"--log-prefix={folder}/log"]
        program += [f"--define={key}={value}" for key, value in variables(bench).items()]
        process = subprocess.Popen(
            [*program, bench.app_dsn],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stdin is not None  # noqa: S101
        process.stdin.write(emit_script())
        process.stdin.close()
        process.stdin = None
        try:
            yield ended
        finally:
            is_running = process.poll() is None
            # pgbench writes its log out when its sessions are ended, not when it is killed.
            end = (
                "select pg_terminate_backend(pid) from pg_stat_activity where application_name = %s"
            )
            admin.execute(end, ["pgbench"])
            _, errors = process.communicate(timeout=60)
        if not is_running or re.search("ERROR", errors):
            raise SystemExit(f"an emit failed:\n{errors}")
        for file in Path(folder).iterdir():
            for line in file.read_text().splitlines():
                fields = line.split()
                at_time = int(fields[4]) + int(fields[5]) / 1e6
                ended.append((at_time, int(fields[2]) / 1000))


@contextmanager
def reading(bench: Bench) -> Iterator[None]:
    """Long queries over all events, one after the other."""
    over = Event()

    def run() -> None:
        with psycopg.connect(bench.dsn, autocommit=True) as connection:
            while not over.is_set():
                connection.execute(READ, [READ_SECONDS])

    thread = Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def between(ended: list[tuple[float, float]], start: float, end: float) -> Latencies:
    return Latencies(sorted(took for at_time, took in ended if start <= at_time <= end))


def server_log_size(connection: AnyConnection) -> int | None:
    """None where the server is not ours."""
    row = connection.execute("select size from pg_stat_file('server.log', true)").fetchone()
    return None if row is None else row[0]


def longest_wait(connection: AnyConnection, since: int | None) -> float:
    if since is None:
        return float("nan")
    read = "select pg_read_file('server.log', %s, 1000000000)"
    (text,) = connection.execute(read, [since]).fetchone() or ("",)
    return max((float(wait) for wait in WAITED.findall(text)), default=0.0)


def count_attempts(connection: AnyConnection) -> int:
    last = """
        select sum(attempts) from ledger.maintenance_steps
        where run_id = (
          select run_id from ledger.maintenance_steps order by finished_at desc limit 1
        )
    """
    row = connection.execute(last).fetchone()
    return int(row[0]) if row else 0


def spread_table(spreads: list[Spread]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("measured", no_wrap=True)
    for name in ("median", "quartiles", "worst", "unit", "goal"):
        table.add_column(name, justify="right", no_wrap=True)
    for spread in spreads:
        style = {None: "", True: "green", False: "red"}[spread.is_reached]
        sign, worst = ("≤", max) if spread.is_cost or spread.goal is None else ("≥", min)
        table.add_row(
            spread.what,
            f"[bold {style}]{number(spread.value)}[/]",
            " ".join(number(each) for each in spread.quartiles),
            number(worst(spread.values)),
            spread.unit,
            "" if spread.goal is None else f"{sign} {number(spread.goal)}",
        )
    return table


def number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2f}"
