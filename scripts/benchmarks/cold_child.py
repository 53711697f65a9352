"""One measurement of `scripts/bench cold`: what it took, as JSON."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

import adbc_driver_postgresql.dbapi as adbc
import pyarrow.parquet as pq

from agent_events.anchors import open_store
from agent_events.cold.check import check_file
from agent_events.cold.drop import drop_partition
from agent_events.cold.export import _BATCH_BYTES, _SETTINGS, export_partition, query
from agent_events.cold.log import LogWitness
from agent_events.cold.manifest import data_path, manifest_path
from agent_events.cold.partitions import find_partition, read_stretches
from agent_events.cold.restore import restore_partition
from agent_events.cold.search import find_events
from agent_events.proofs.note import VerifierKey
from agent_events.verifying import load
from agent_events.verifying.session import open_session


def bare(dsn: str, name: str, folder: Path) -> tuple[float, None]:
    """Nothing but the query's batches into a Parquet file, as pyarrow writes it by default."""
    with open_session(dsn) as session:
        partition = find_partition(session, name)
        statement = query(partition, read_stretches(session, partition))
    path = folder / "bare.parquet"
    start = perf_counter()
    with adbc.connect(dsn) as connection, connection.cursor() as cursor:
        for setting in _SETTINGS:
            cursor.execute(setting)
        size = {"adbc.postgresql.batch_size_hint_bytes": str(_BATCH_BYTES)}
        cursor.adbc_statement.set_options(**size)
        cursor.execute(statement)
        reader = cursor.fetch_record_batch()
        with pq.ParquetWriter(path, reader.schema, compression="zstd") as writer:
            for batch in reader:
                writer.write_batch(batch)
    seconds = perf_counter() - start
    path.unlink()
    return seconds, None


def export(dsn: str, name: str, folder: Path) -> tuple[float, int]:
    for path in (data_path, manifest_path):
        path(folder, name).unlink(missing_ok=True)
    start = perf_counter()
    done = export_partition(dsn, name, folder)
    return perf_counter() - start, done.manifest.file_bytes


def verify(dsn: str, name: str, folder: Path) -> tuple[float, int]:
    start = perf_counter()
    with open_session(dsn) as session:
        checked = check_file(folder, name, [LogWitness(session)])
    return well(start, checked)


def find(_dsn: str, _name: str, folder: Path) -> tuple[float, float]:
    start = perf_counter()
    filters = {"aggregate_type": "order", "aggregate_id": "77"}
    if not list(find_events(folder, tenant_id="acme", **filters)):
        raise SystemExit("nothing was found")
    seconds = perf_counter() - start
    return seconds, 1000 * seconds


def drop(dsn: str, name: str, folder: Path, anchor: str, *keys: str) -> tuple[float, int]:
    start = perf_counter()
    anchored = load([open_store(anchor)], list(map(VerifierKey.parse, keys)))
    return well(start, drop_partition(dsn, name, folder, anchored))


def restore(dsn: str, name: str, folder: Path) -> tuple[float, int]:
    start = perf_counter()
    return well(start, restore_partition(dsn, name, folder))


def well(start: float, checked: Any) -> tuple[float, int]:
    if checked.findings:
        raise SystemExit(f"findings: {checked.findings[:3]}")
    return perf_counter() - start, checked.row_count


def peak() -> float:
    """Megabytes that this process had at most; getrusage would count its parent's."""
    status = Path("/proc/self/status").read_text()
    found = re.search(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE)
    return int(found[1]) / 1024 if found else 0.0


if __name__ == "__main__":
    mode, dsn, name, folder, *rest = sys.argv[1:]
    measure = {f.__name__: f for f in (bare, export, verify, find, drop, restore)}[mode]
    seconds, result = measure(dsn, name, Path(folder), *rest)
    print(json.dumps({"seconds": seconds, "peak": peak(), "result": result}))
