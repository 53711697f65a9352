"""Write a cold file anew as a forger would: with other rows, and a manifest that fits them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from cold_files.ledgers import MAY, Ledger

from agent_events.cold.columns import READ, WRITTEN
from agent_events.cold.encode import leaf_hashes
from agent_events.cold.manifest import Manifest, data_path, manifest_path
from agent_events.cold.tally import Tallies, runs
from agent_events.cold.writer import write_rows

Rows = list[dict[str, Any]]


def read_rows(ledger: Ledger) -> Rows:
    """The rows as they are; times as microseconds since 1970, since some are none to Python."""
    table = pq.read_table(ledger.data, arrow_extensions_enabled=False)
    columns = {
        name: (
            column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column
        ).to_pylist()
        for name, column in zip(table.column_names, table.columns, strict=True)
    }
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def batch_of(rows: Rows) -> pa.RecordBatch:
    columns = []
    for field in READ:
        values = [row[field.name] for row in rows]
        if pa.types.is_timestamp(field.type):
            columns.append(pa.array(values, pa.int64()).cast(field.type))
        else:
            columns.append(pa.array(values, field.type))
    return pa.RecordBatch.from_arrays(columns, schema=READ)


def rehash(rows: Rows) -> Rows:
    """Give rows the hashes of their fields."""
    hashes = leaf_hashes(batch_of(rows))
    return [{**row, "hash": hash_} for row, hash_ in zip(rows, hashes, strict=True)]


def rewrite(ledger: Ledger, change: Callable[[Rows], Rows], *, forge: bool = True) -> None:
    """Write the file with other rows; `forge`: and the manifest that goes with it."""
    manifest = ledger.manifest
    batch = batch_of(change(read_rows(ledger)))
    columns = [
        pa.ExtensionArray.from_storage(field.type, column)
        if isinstance(field.type, pa.UuidType)
        else column
        for field, column in zip(WRITTEN, batch.columns, strict=True)
    ]
    written = pa.RecordBatch.from_arrays(columns, schema=WRITTEN)
    sha256, size = write_rows(ledger.data, [written], manifest.identity())
    if forge:
        tallies = Tallies()
        for tenant_id, run in runs(batch):
            tallies.of(tenant_id).add(run.column("position"), run.column("hash").to_pylist())
        tenants = {
            tenant_id: tally.part(manifest.tenants[tenant_id].first_block)
            for tenant_id, tally in tallies.by_tenant.items()
        }
        rest = {"file_sha256": sha256, "file_bytes": size, "row_count": tallies.row_count}
        write_manifest(ledger, replace(manifest, tenants=tenants, **rest))


def write_manifest(ledger: Ledger, manifest: Manifest) -> None:
    ledger.manifest_file.write_bytes(manifest.to_json())


def edit_manifest(ledger: Ledger, change: Callable[[dict[str, Any]], object]) -> None:
    members = json.loads(ledger.manifest_file.read_text())
    change(members)
    ledger.manifest_file.write_text(json.dumps(members))


def take_over(ledger: Ledger, other: Ledger) -> None:
    """Put another ledger's file where this one's is."""
    for path in (data_path, manifest_path):
        path(ledger.folder, MAY).write_bytes(path(other.folder, MAY).read_bytes())
