"""Parquet, typed: UUIDs, times and numbers as such, JSON as text. Needs the extra `cold`."""

from __future__ import annotations

from collections.abc import Iterator

import adbc_driver_manager.dbapi as adbc
import adbc_driver_postgresql.dbapi
import pyarrow as pa
import pyarrow.parquet as pq
from psycopg import sql
from psycopg.conninfo import make_conninfo

from agent_events.cold.columns import as_type
from agent_events.exporting.output import Output
from agent_events.exporting.pages import Pages, Progress, settings

_KINDS = {
    "payload": "json",
    "private": "json",
    "proof": "json",
    "metadata": "json",
    "created_at": "time",
    "occurred_at": "time",
    "schema_version": "int4",
    "sequence": "int8",
    "position": "int8",
    "private_hash": "hash",
    "prev_hash": "hash",
    "hash": "hash",
    "inclusion_proof": "hashes",
}
_TYPES = {
    "json": pa.string(),
    "text": pa.string(),
    "uuid": pa.uuid(),
    "time": pa.timestamp("us", tz="UTC"),
    "int4": pa.int32(),
    "int8": pa.int64(),
    "hash": pa.binary(32),
    "hashes": pa.list_(pa.binary()),
}
_PAGE = """
select {columns} from ledger.export_events({export_id}, {after_id}, {page_size}, {tenant_id}) as e
"""
_BATCH_BYTES = 4 << 20


class ParquetFile:
    """A Parquet file, with the tree of its proofs in its metadata."""

    def __init__(self, page_size: int) -> None:
        self._page_size = page_size

    def write(self, pages: Pages, output: Output, progress: Progress) -> int:
        """Write all events, a row group per batch of some MB; returns how many."""
        schema = pa.schema([pa.field(name, _type(name)) for name in pages.columns()])
        written = 0
        with pq.ParquetWriter(output, schema, compression="zstd") as writer:
            for batch in _batches(pages, schema, self._page_size):
                writer.write_batch(batch)
                written += batch.num_rows
                progress(batch.num_rows)
            writer.add_key_value_metadata(_metadata(pages))
        return written


def _batches(pages: Pages, schema: pa.Schema, page_size: int) -> Iterator[pa.RecordBatch]:
    """Yield what the pages hold as it comes, read from the snapshot of the export."""
    (snapshot,) = pages.connection.execute("select pg_export_snapshot()").fetchone() or ("",)
    dsn = make_conninfo(pages.dsn, application_name="agent-events export")
    after_id = None
    with adbc_driver_postgresql.dbapi.connect(dsn) as connection, connection.cursor() as cursor:
        cursor.execute("set transaction isolation level repeatable read read only")
        cursor.execute(f"set transaction snapshot {sql.Literal(snapshot).as_string()}")
        for setting in settings(pages.connection.info.server_version):
            cursor.execute(setting)
        cursor.adbc_statement.set_options(
            **{"adbc.postgresql.batch_size_hint_bytes": str(_BATCH_BYTES)}
        )
        while True:
            cursor.execute(_statement(pages, schema, after_id, page_size))
            read = 0
            for batch in _read(cursor, schema):
                read += batch.num_rows
                after_id = str(batch.column("id")[-1].as_py())
                yield batch
            if read < page_size:
                return


def _read(cursor: adbc.Cursor, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    for batch in cursor.fetch_record_batch():
        if batch.num_rows:
            yield pa.RecordBatch.from_arrays(
                [as_type(field.type, column) for field, column in zip(schema, batch, strict=True)],
                schema=schema,
            )


def _statement(pages: Pages, schema: pa.Schema, after_id: str | None, page_size: int) -> str:
    columns = ", ".join(
        f"e.{name}::text" if _KINDS.get(name) == "json" else f"e.{name}" for name in schema.names
    )
    statement = sql.SQL(_PAGE).format(
        columns=sql.SQL(columns),
        export_id=sql.Literal(str(pages.export_id)),
        after_id=sql.Literal(after_id),
        page_size=sql.Literal(page_size),
        tenant_id=sql.Literal(pages.tenant_id),
    )
    return statement.as_string()


def _type(name: str) -> pa.DataType:
    kind = _KINDS.get(name, "uuid" if name == "id" or name.endswith("_id") else "text")
    return _TYPES["text" if name in ("tenant_id", "aggregate_id", "actor_id") else kind]


def _metadata(pages: Pages) -> dict[str, str]:
    return {
        "agent_events.export_id": str(pages.export_id),
        "agent_events.tree_size": str(pages.tree_size),
        "agent_events.root": pages.root.hex() if pages.root else "",
    }
