"""1,000 events in one call of emit_events, against COPY into the two bare tables."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from datetime import UTC, datetime
from time import perf_counter
from typing import Any
from uuid import uuid4

import cpu
import psycopg
from server import TENANT, Bench
from stats import Measurement, Rate, Ratio, interleave, ratio

SIZE = 1000
BATCHES = 10
HASH = "\\\\x" + "01" * 32

EVENT_COLUMNS = (
    "tenant_id, id, created_at, run_id, trace_id, correlation_id, event_type, schema_version, "
    "payload, aggregate_type, aggregate_id, sequence, actor_type, actor_id, outcome, prev_hash, "
    "hash"
)
OUTBOX_COLUMNS = (
    "tenant_id, id, aggregate_type, aggregate_id, event_type, schema_version, payload, trace_id, "
    "correlation_id, created_at"
)


def measure_batch(bench: Bench, payload: str, rounds: int, commit: str) -> list[Ratio]:
    with psycopg.connect(bench.app_dsn, autocommit=True) as connection:
        connection.execute(f"set synchronous_commit = {commit}")
        connection.prepare_threshold = 0
        batches = Batches(connection, bench, payload)
        measurements: dict[str, Measurement] = {
            "COPY, no stream": lambda: batches.rate(batches.copy, with_streams=False),
            "batch, no stream": lambda: batches.rate(batches.emit, with_streams=False),
            "COPY, 10,000 streams": lambda: batches.rate(batches.copy, with_streams=True),
            "batch, 10,000 streams": lambda: batches.rate(batches.emit, with_streams=True),
        }
        rates = interleave(measurements, rounds)
    return [
        ratio(rates, "batch, no stream", "COPY, no stream", clients=1, commit=commit),
        ratio(
            rates,
            "batch, 10,000 streams",
            "COPY, 10,000 streams",
            clients=1,
            commit=commit,
            goal=0.5 if commit == "off" else None,
        ),
    ]


class Batches:
    """Sends batches over one connection; what is sent is built before the clock runs."""

    def __init__(self, connection: psycopg.Connection[Any], bench: Bench, payload: str) -> None:
        self.connection = connection
        self.postmaster = bench.postmaster
        self.run_id = bench.run_id
        self.payload = payload
        self.random = random.Random(1)

    def rate(self, send: Callable[[list[str | None]], float], *, with_streams: bool) -> Rate:
        elapsed = 0.0
        before = self.cpu_seconds()
        for _ in range(BATCHES):
            streams = (str(self.random.randint(1, 10_000)) for _ in range(SIZE))
            elapsed += send(list(streams) if with_streams else [None] * SIZE)
        after = self.cpu_seconds()
        events = BATCHES * SIZE
        return Rate(
            per_second=events / elapsed,
            per_cpu_second=None if before is None or after is None else events / (after - before),
        )

    def cpu_seconds(self) -> float | None:
        return cpu.running_backend(self.postmaster, self.connection.info.backend_pid)

    def emit(self, streams: list[str | None]) -> float:
        common = {
            "event_type": "bench.order_placed",
            "payload": json.loads(self.payload),
            "run_id": self.run_id,
            "actor_type": "agent",
            "actor_id": "bench",
            "outcome": "success",
        }
        events = [
            common
            if stream is None
            else {**common, "aggregate_type": "order", "aggregate_id": stream}
            for stream in streams
        ]
        document = json.dumps(events)
        start = perf_counter()
        self.connection.execute(
            "select id, created_at, sequence, hash, duplicate"
            " from ledger.emit_events(events => %s::jsonb, tenant_id => %s)",
            [document, TENANT],
        )
        return perf_counter() - start

    def copy(self, streams: list[str | None]) -> float:
        events, messages = [], []
        for number, stream in enumerate(streams):
            now = datetime.now(UTC).isoformat()
            id_, aggregate_type = str(uuid4()), "order" if stream else "\\N"
            kind = ("bench.order_placed", "1", self.payload)
            aggregate = (aggregate_type, stream or "\\N")
            ids = (self.run_id, self.run_id)
            chain = (str(number), HASH) if stream else ("\\N", "\\N")
            events.append(
                (TENANT, id_, now, self.run_id, *ids, *kind, *aggregate, chain[0])
                + ("agent", "bench", "success", chain[1], HASH)
            )
            messages.append((TENANT, id_, *aggregate, *kind, *ids, now))
        texts = ["".join("\t".join(row) + "\n" for row in rows) for rows in (events, messages)]
        tables = [("agent_events", EVENT_COLUMNS), ("outbox", OUTBOX_COLUMNS)]
        start = perf_counter()
        with self.connection.transaction(), self.connection.cursor() as cursor:
            for (table, columns), text in zip(tables, texts, strict=True):
                with cursor.copy(f"copy bare.{table} ({columns}) from stdin") as copy:
                    copy.write(text)
        return perf_counter() - start
