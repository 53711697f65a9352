"""The measurements of `scripts/bench export`: events into files, against COPY.

Each is made in a process of its own, so that its peak memory is its own too.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import psycopg
from cold import BATCH, Run, batch, rate, run_child
from log import Figure
from server import TENANT, Bench

CHILD = Path(__file__).with_name("export_child.py")
MEMORY = 200  # megabytes
GOAL = 0.5  # of the speed of COPY


@dataclass(frozen=True)
class ExportPlan:
    events: int
    rounds: int


def measure_export(bench: Bench, plan: ExportPlan, say: Callable[[str], None]) -> list[Figure]:
    with (
        TemporaryDirectory(prefix="agent-events-bench-export-", dir="/var/tmp") as folder,
        psycopg.connect(bench.dsn, autocommit=True) as connection,
    ):
        say(f"emitting {plan.events:,} events")
        fill(connection, plan.events)
        return [*figures(bench, plan, Path(folder), say)]


def figures(
    bench: Bench, plan: ExportPlan, folder: Path, say: Callable[[str], None]
) -> Iterator[Figure]:
    modes = ("copy", "jsonl", "csv")
    runs: dict[str, list[Run]] = {mode: [] for mode in modes}
    for number in range(plan.rounds + 1):
        say(f"exporting, round {number} of {plan.rounds}; the first does not count")
        for mode in modes:
            runs[mode].append(run_child(CHILD, mode, bench.dsn, folder, str(plan.events)))
    copies = runs["copy"][1:]
    for mode in modes[1:]:
        exports = runs[mode][1:]
        ratios = [base.seconds / run.seconds for run, base in zip(exports, copies, strict=True)]
        spread = f"{mode} against COPY, speed ({min(ratios):.2f} to {max(ratios):.2f})"
        yield Figure(spread, median(ratios), "ratio", GOAL)
        peak = max(run.peak for run in exports)
        yield Figure(f"{mode}, peak memory", peak, "MB", MEMORY, is_cost=True)
    for mode in modes:
        yield rate(mode, runs[mode][1:], plan.events)
        size = runs[mode][-1].result
        yield Figure(f"{mode}, file", size / plan.events, "bytes/event")
    say("exporting to Parquet")
    parquet = run_child(CHILD, "parquet", bench.dsn, folder, str(plan.events))
    yield rate("parquet", [parquet], plan.events)
    yield Figure("parquet, peak memory", parquet.peak, "MB")
    yield Figure("parquet, file", parquet.result / plan.events, "bytes/event")


def fill(connection: psycopg.Connection[Any], events: int) -> None:
    """Every second event in one of 10,000 streams."""
    connection.execute("set synchronous_commit = off")
    order = random.Random(1)
    for _ in range(events // BATCH):
        connection.execute(
            "select count(*) from ledger.emit_events(%s, %s)", [batch(order), TENANT]
        )
    connection.execute("select * from ledger.seal_all()")
    connection.execute("vacuum analyze")
