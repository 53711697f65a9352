"""One measurement of `scripts/bench export`: what it took, as JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from time import perf_counter

import psycopg
from cold_child import peak
from server import TENANT

from agent_events.exporting import export_events

COPY = f"""
copy (
  select
    id, created_at, tenant_id, event_type, schema_version, aggregate_type, aggregate_id, sequence,
    actor_type, actor_id, outcome, payload, deal_id, action_id, run_id, trace_id, correlation_id,
    causation_id, proof, metadata, occurred_at
  from ledger.events
  where tenant_id = '{TENANT}'
  order by created_at, id
) to stdout (format csv)
"""


def copy(dsn: str, path: Path) -> tuple[int, int]:
    """Nothing but the rows, as psycopg hands them out: how many, and the size of the file."""
    with (
        psycopg.connect(dsn) as connection,
        connection.cursor() as cursor,
        path.open("wb") as file,
        cursor.copy(COPY) as rows,
    ):
        for row in rows:
            file.write(row)
        return cursor.rowcount, file.tell()


def export(dsn: str, path: Path, mode: str) -> tuple[int, int]:
    done = export_events(dsn, path, mode, tenant_id=TENANT)
    return done.event_count, done.file_bytes


if __name__ == "__main__":
    mode, dsn, folder, events = sys.argv[1:]
    path = Path(folder, "events")
    start = perf_counter()
    count, size = copy(dsn, path) if mode == "copy" else export(dsn, path, mode)
    seconds = perf_counter() - start
    path.unlink()
    if mode != "copy" and count < int(events):
        raise SystemExit(f"{count:,} events of {int(events):,}")
    print(json.dumps({"seconds": seconds, "peak": peak(), "result": size}))
