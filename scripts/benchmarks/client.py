"""The comparisons of `scripts/bench client`: the client against psycopg alone, and its import."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any
from uuid import uuid4

import psycopg
from emit import PAYLOAD
from log import Figure
from psycopg.conninfo import make_conninfo
from psycopg.types.json import Jsonb
from server import TENANT, Bench
from stats import Rate, Ratio, interleave, ratio

from agent_events import AuditEmitter, Ledger
from agent_events.emitting.keys import keyed
from agent_events.spooling import DiskJournal

RECEIPT = "id, created_at, sequence, hash, duplicate"
EMIT_EVENT = f"""
    select {RECEIPT} from ledger.emit_event(
      event_type => %(event_type)s, payload => %(payload)s, tenant_id => %(tenant_id)s,
      run_id => %(run_id)s, actor_type => %(actor_type)s, actor_id => %(actor_id)s,
      outcome => %(outcome)s
    )
"""
EMIT_EVENTS = f"select {RECEIPT} from ledger.emit_events(events => %s, tenant_id => %s)"

IMPORTS = {
    "psycopg": "import psycopg",
    "agent_events": "import agent_events",
    "AuditEmitter": "from agent_events import AuditEmitter",
}
CLOCK = "from time import process_time as t; a = t(); {}; print(t() - a)"


@dataclass(frozen=True)
class ClientPlan:
    """How much is measured."""

    events: int
    rounds: int
    spool: str
    batch_size: int = 100


def measure_client(
    bench: Bench, plan: ClientPlan, say: Callable[[str], None]
) -> tuple[list[Ratio], list[Figure]]:
    ratios = []
    for commit in ("off", "on"):
        say(f"emitting, synchronous_commit {commit}")
        with (
            bench.clone() as clone,
            tempfile.TemporaryDirectory(dir=plan.spool) as spool,
            Clients(clone, plan, commit, Path(spool)) as clients,
        ):
            rates = interleave(clients.measurements(), plan.rounds)
        ratios += [
            ratio(rates, what, against, clients=1, commit=commit, goal=0.8)
            for what, against in (
                ("Ledger.emit_event, commit", "psycopg, commit"),
                ("AuditEmitter.emit", "psycopg, autocommit"),
                ("AuditEmitter.emit", "psycopg, commit"),
                ("AuditEmitter.buffer", "psycopg, batches"),
                ("AuditEmitter.emit, spool", "AuditEmitter.emit, key"),
            )
        ]
        ratios.append(
            ratio(
                rates,
                "DiskJournal.append",
                "AuditEmitter.emit",
                clients=1,
                commit=commit,
                goal=None,
            )
        )
    say("importing")
    return ratios, measure_imports(plan.rounds)


class Clients:
    """The same events, sent in each way."""

    def __init__(self, bench: Bench, plan: ClientPlan, commit: str, spool: Path) -> None:
        self.plan = plan
        self.spool = spool
        self.dsn = make_conninfo(bench.app_dsn, options=f"-c synchronous_commit={commit}")
        self.payload = json.loads(PAYLOAD)
        self.options: Any = {
            "run_id": bench.run_id,
            "actor_type": "agent",
            "actor_id": "bench",
            "outcome": "success",
        }

    def __enter__(self) -> Clients:
        self.connection = psycopg.connect(self.dsn)
        self.own = psycopg.connect(self.dsn, autocommit=True)
        self.emitter = AuditEmitter(self.dsn, buffer_size=self.plan.batch_size)
        self.spooling = AuditEmitter(
            self.dsn, on_unavailable="spool", spool_dir=self.spool / "unused"
        )
        return self

    def __exit__(self, *_: object) -> None:
        self.spooling.close()
        self.emitter.close()
        self.own.close()
        self.connection.close()

    def measurements(self) -> dict[str, Callable[[], Rate]]:
        ways: dict[str, Callable[[], None]] = {
            "psycopg, commit": self.execute_and_commit,
            "Ledger.emit_event, commit": self.emit_event_and_commit,
            "psycopg, autocommit": self.execute,
            "AuditEmitter.emit": self.emit,
            "psycopg, batches": self.execute_batches,
            "AuditEmitter.buffer": self.buffer,
            "AuditEmitter.emit, key": self.emit_keyed,
            "AuditEmitter.emit, spool": self.emit_spooling,
            "DiskJournal.append": self.append,
        }
        return {name: lambda way=way: self.rate(way) for name, way in ways.items()}  # type: ignore[misc]

    def rate(self, way: Callable[[], None]) -> Rate:
        start = perf_counter()
        way()
        return Rate(self.plan.events / (perf_counter() - start), None)

    def arguments(self) -> dict[str, Any]:
        return {
            "event_type": "bench.order_placed",
            "payload": Jsonb(self.payload),
            "tenant_id": TENANT,
            **self.options,
        }

    def execute_and_commit(self) -> None:
        for _ in range(self.plan.events):
            self.connection.execute(EMIT_EVENT, self.arguments()).fetchone()
            self.connection.commit()

    def emit_event_and_commit(self) -> None:
        ledger = Ledger(self.connection)
        for _ in range(self.plan.events):
            ledger.emit_event("bench.order_placed", self.payload, tenant_id=TENANT, **self.options)
            self.connection.commit()

    def execute(self) -> None:
        for _ in range(self.plan.events):
            self.own.execute(EMIT_EVENT, self.arguments()).fetchone()

    def emit(self) -> None:
        for _ in range(self.plan.events):
            self.emitter.emit("bench.order_placed", self.payload, tenant_id=TENANT, **self.options)

    def emit_keyed(self) -> None:
        for _ in range(self.plan.events):
            self.emitter.emit(
                "bench.order_placed",
                self.payload,
                tenant_id=TENANT,
                idempotency_key=uuid4().hex,
                occurred_at=datetime.now(UTC),
                **self.options,
            )

    def emit_spooling(self) -> None:
        for _ in range(self.plan.events):
            self.spooling.emit("bench.order_placed", self.payload, tenant_id=TENANT, **self.options)

    def append(self) -> None:
        journal = DiskJournal(self.spool / "full")
        for _ in range(self.plan.events):
            event: Any = {"event_type": "bench.order_placed", "payload": self.payload}
            journal.append([keyed({**event, "tenant_id": TENANT, **self.options})])
        journal.drain(lambda _: None)
        journal.close()

    def execute_batches(self) -> None:
        size = self.plan.batch_size
        for _ in range(self.plan.events // size):
            batch = [
                {
                    "event_type": "bench.order_placed",
                    "payload": self.payload,
                    "occurred_at": datetime.now(UTC).isoformat(),
                    **self.options,
                }
                for _ in range(size)
            ]
            self.own.execute(EMIT_EVENTS, [Jsonb(batch), TENANT]).fetchall()

    def buffer(self) -> None:
        for _ in range(self.plan.events):
            self.emitter.buffer(
                "bench.order_placed", self.payload, tenant_id=TENANT, **self.options
            )
        self.emitter.flush()


def measure_imports(rounds: int) -> list[Figure]:
    """Import in fresh interpreters, in turn, by CPU time; the first round writes the byte code."""
    with compiled() as environment:
        times: dict[str, list[float]] = {name: [] for name in IMPORTS}
        for number in range(rounds + 1):
            for name, statement in IMPORTS.items():
                command = [sys.executable, "-c", CLOCK.format(statement)]
                printed = subprocess.check_output(command, env=environment, text=True)
                if number:
                    times[name].append(float(printed))
    return [
        Figure(
            f"importing {name}",
            median(a / b for a, b in zip(times[name], times["psycopg"], strict=True)),
            "× psycopg",
            goal=2,
            is_cost=True,
        )
        for name in ("agent_events", "AuditEmitter")
    ]


@contextmanager
def compiled() -> Iterator[dict[str, str]]:
    """The environment of an interpreter that keeps byte code, as an installed package has it."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": folder}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        yield environment
