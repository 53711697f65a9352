"""The measurements of `scripts/bench cold`: partitions to files and back.

Each is made in a process of its own, so that its peak memory is its own too.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import psycopg
from emit import PAYLOAD, STREAMS
from log import Figure
from server import TENANT, Bench

from agent_events.anchors import open_store
from agent_events.proofs import Checkpoint, SigningKey

BATCH = 10_000
PARTITION = "agent_events_p20210501"
TENANTS = (TENANT, "globex", "initech")
FIRST_DAY = "2021-05-01T00:00:00Z"
SECONDS = 30 * 86_400
CHILD = Path(__file__).with_name("cold_child.py")


@dataclass(frozen=True)
class ColdPlan:
    events: int
    rounds: int


@dataclass(frozen=True)
class Run:
    """What a process took: seconds from connecting to the end, and megabytes at its peak."""

    seconds: float
    peak: float
    result: Any


def measure_cold(bench: Bench, plan: ColdPlan, say: Callable[[str], None]) -> list[Figure]:
    folder = Path(tempfile.mkdtemp(prefix="agent-events-bench-cold-", dir="/var/tmp"))
    try:
        with psycopg.connect(bench.dsn, autocommit=True) as connection:
            say(f"emitting and archiving {plan.events:,} events")
            fill(connection, plan.events)
            keys = sign(connection, folder)
        return [*figures(bench, plan, folder, keys, say)]
    finally:
        for path in folder.rglob("*"):
            path.unlink()
        folder.rmdir()


def figures(
    bench: Bench, plan: ColdPlan, folder: Path, keys: list[str], say: Callable[[str], None]
) -> Iterator[Figure]:
    def child(mode: str, *arguments: str) -> Run:
        return run_child(CHILD, mode, bench.dsn, PARTITION, folder, *arguments)

    bare, export = [], []
    for number in range(plan.rounds + 1):
        say(f"exporting, round {number} of {plan.rounds}; the first does not count")
        for name, runs in (("bare", bare), ("export", export)):
            runs.append(child(name))
    bare, export = bare[1:], export[1:]
    ratios = [run.seconds / base.seconds for run, base in zip(export, bare, strict=True)]
    spread = f"export against bare adbc-to-Parquet ({min(ratios):.2f} to {max(ratios):.2f})"
    yield Figure(spread, median(ratios), "ratio", 1.5, is_cost=True)
    yield Figure("export, peak memory", max(run.peak for run in export), "MB", 400, is_cost=True)
    yield Figure("bare, peak memory", max(run.peak for run in bare), "MB")
    yield rate("export", export, plan.events)
    yield rate("bare adbc-to-Parquet of the same query", bare, plan.events)
    size = export[-1].result
    yield Figure("file", size / plan.events, "bytes/event")

    say("verifying")
    verify = [child("verify") for _ in range(plan.rounds)]
    yield rate("cold verify, with the log", verify, plan.events)
    yield Figure("cold verify, peak memory", max(run.peak for run in verify), "MB")
    say("finding")
    find = child("find")
    yield Figure("cold find, one stream", find.result, "ms")
    yield Figure("cold find, peak memory", find.peak, "MB")
    say("dropping and restoring")
    dropped = child("drop", anchor(folder), *keys)
    yield rate("cold drop, with verifying", [dropped], plan.events)
    restored = child("restore")
    yield rate("cold restore, with verifying", [restored], plan.events)
    yield Figure("cold restore, peak memory", restored.peak, "MB")


def run_child(child: Path, mode: str, *arguments: str | Path) -> Run:
    """Have a measurement made in a process of its own."""
    command = [sys.executable, child, mode, *arguments]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{mode} failed:\n{done.stderr}")
    return Run(**json.loads(done.stdout))


def rate(what: str, runs: list[Run], events: int) -> Figure:
    return Figure(what, events / median(run.seconds for run in runs), "events/s")


def fill(connection: psycopg.Connection[Any], events: int) -> None:
    """A month of 2021, every second event in one of 10,000 streams, and archive it."""
    connection.execute("set synchronous_commit = off")
    order = random.Random(1)
    batches = events // BATCH
    for number in range(batches):
        tenant_id = TENANTS[0] if number % 10 < 8 else TENANTS[1 + number % 2]
        emit(connection, tenant_id, batch(order), number * SECONDS // batches)
    connection.execute("select * from ledger.seal_all()")
    connection.execute("call ledger.archive_partition(%s)", [PARTITION])
    connection.execute("vacuum analyze")


def batch(order: random.Random) -> str:
    common = {
        "event_type": "bench.order_placed",
        "payload": json.loads(PAYLOAD),
        "actor_type": "agent",
        "actor_id": "bench",
        "outcome": "success",
        "publish": False,
    }
    stream = {"aggregate_type": "order"}
    return json.dumps(
        [
            common | stream | {"aggregate_id": str(order.randrange(STREAMS))} if n % 2 else common
            for n in range(BATCH)
        ]
    )


def emit(connection: psycopg.Connection[Any], tenant_id: str, events: str, second: int) -> None:
    """Emit as it would have been emitted then, with the parts of emit_events()."""
    time = f"{FIRST_DAY}"
    connection.execute("select ledger.ensure_tenant(%s)", [tenant_id])
    with connection.transaction():
        connection.execute("select ledger.lock_streams(%s, %s)", [tenant_id, events])
        connection.execute(
            "select count(*) from ledger.emit_plain_events(%s, %s, %s::timestamptz + %s)",
            [tenant_id, events, time, f"{second} s"],
        )


def sign(connection: psycopg.Connection[Any], folder: Path) -> list[str]:
    """Sign the logs as they stand; the public keys."""
    (name,) = connection.execute("select current_database()").fetchone() or ("",)
    heads = connection.execute(
        "select tenant_id, tree_size, root from ledger.log_heads where tenant_id = any(%s)",
        [list(TENANTS)],
    ).fetchall()
    keys = []
    for tenant_id, tree_size, root in heads:
        key = SigningKey.generate(f"{name}/{tenant_id}")
        open_store(anchor(folder)).append(key.sign(Checkpoint(key.name, tree_size, root)))
        keys.append(key.vkey().text())
    return keys


def anchor(folder: Path) -> str:
    return f"file:{folder / 'anchor.jsonl'}"
