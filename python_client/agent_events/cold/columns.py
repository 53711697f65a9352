"""The columns of a cold file: the 23 hashed fields of an event, its position and its hash.

They are what PostgreSQL has, value for value: payload, proof and metadata are the text that is
hashed. `xact_id` is missing, since it means nothing outside its cluster.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from agent_events.evidence.offline.entry import FIELDS

JSON = ("payload", "proof", "metadata")
NULLABLE = (
    "causation_id",
    "deal_id",
    "action_id",
    "aggregate_type",
    "aggregate_id",
    "sequence",
    "actor_type",
    "actor_id",
    "outcome",
    "proof",
    "metadata",
    "occurred_at",
    "private_hash",
    "prev_hash",
)
COLUMNS: tuple[tuple[str, str], ...] = (
    FIELDS[0],
    ("position", "int8"),
    *FIELDS[1:],
    ("hash", "hash"),
)
"""Name and kind, in the file's order; the kinds are those of `evidence.offline.entry`."""

_WRITTEN = {
    "text": pa.string(),
    "uuid": pa.uuid(),
    "time": pa.timestamp("us", tz="UTC"),
    "int4": pa.int32(),
    "int8": pa.int64(),
    "hash": pa.binary(32),
}


def _schema(**other: pa.DataType) -> pa.Schema:
    types = {**_WRITTEN, **other}
    return pa.schema([pa.field(name, types[kind], name in NULLABLE) for name, kind in COLUMNS])


WRITTEN = _schema()
"""How columns are written; other programs see UUIDs as UUIDs."""

READ = _schema(uuid=pa.binary(16))
"""How they are read: Arrow cannot compare its UUIDs."""

ROW_GROUP_ROWS = 65_536
ROW_GROUP_BYTES = 32 << 20

# Values that seldom repeat gain nothing from a dictionary, and cost time and memory.
_REPEATING = (
    "tenant_id",
    "run_id",
    "event_type",
    "schema_version",
    "deal_id",
    "aggregate_type",
    "aggregate_id",
    "actor_type",
    "actor_id",
    "outcome",
)
_RISING = ("position", "created_at", "sequence")
_SEARCHED = tuple(name for name, kind in COLUMNS if kind != "hash" and name not in JSON)

PARQUET: dict[str, Any] = {
    "compression": "zstd",
    "use_dictionary": list(_REPEATING),
    "column_encoding": dict.fromkeys(_RISING, "DELTA_BINARY_PACKED"),
    "write_statistics": list(_SEARCHED),
    "write_page_checksum": True,
    "store_schema": False,
}
"""How files are written: statistics for what is searched, a checksum for every page."""


def conform(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Give a batch that the database sent the types of `WRITTEN`.

    Raises:
        pyarrow.ArrowInvalid: a hash does not have 32 bytes.
    """
    columns = [
        as_type(field.type, column) for field, column in zip(WRITTEN, batch.columns, strict=True)
    ]
    return pa.RecordBatch.from_arrays(columns, schema=WRITTEN)


def as_type(kind: pa.DataType, column: pa.Array) -> pa.Array:
    """Give a column its type.

    Older drivers send UUIDs as bytes, and all send hashes as bytes of any length.
    """
    if column.type == kind:
        return column
    plain = column.storage if isinstance(column, pa.ExtensionArray) else column
    if isinstance(kind, pa.BaseExtensionType):
        return pa.ExtensionArray.from_storage(kind, plain.cast(kind.storage_type))
    return plain.cast(kind)
