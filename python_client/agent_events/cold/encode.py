"""Many events at once as the bytes that are hashed, or that COPY takes, column by column.

Both are int32be lengths with the bytes after them (docs/leaf-format.md); Arrow puts the pieces of
all rows together without a step of Python for each.
"""

from __future__ import annotations

import sys
from array import array
from hashlib import sha256

import pyarrow as pa
import pyarrow.compute as pc

from agent_events.cold.columns import JSON
from agent_events.evidence.offline.entry import FIELDS, MAGIC

COPY_COLUMNS = tuple(name for name, _ in FIELDS) + ("hash",)
"""The columns that `copy_rows` gives, in its order."""

_NULL = b"\xff\xff\xff\xff"
_SIZES = {"uuid": 16, "hash": 32, "time": 8, "int8": 8, "int4": 4}
_LEAF = b"\x00" + MAGIC + len(FIELDS).to_bytes(2, "big")
_ROW = len(COPY_COLUMNS).to_bytes(2, "big")
_EPOCH = 946_684_800_000_000  # PostgreSQL's, in microseconds since 1970: 2000-01-01T00:00:00Z
_JSONB_VERSION = b"\x01"


def leaf_hashes(batch: pa.RecordBatch) -> list[bytes]:
    """Return the hash of each event's fields, 32 bytes: what its column `hash` should be."""
    parts = _Parts(batch.num_rows, _LEAF)
    for name, kind in FIELDS:
        parts.add(batch.column(name), kind)
    return [sha256(entry).digest() for entry in parts.joined().to_pylist()]


def copy_rows(batch: pa.RecordBatch) -> memoryview:
    """Return the rows of a COPY … FROM STDIN (FORMAT binary) of `COPY_COLUMNS`."""
    parts = _Parts(batch.num_rows, _ROW)
    for name, kind in FIELDS:
        parts.add(batch.column(name), kind, _JSONB_VERSION if name in JSON else b"")
    parts.add(batch.column("hash"), "hash")
    data = parts.joined().buffers()[2]
    return memoryview(data) if data is not None else memoryview(b"")


class _Parts:
    """Pieces of each row, from left to right; what all rows have in common is kept once."""

    def __init__(self, rows: int, start: bytes) -> None:
        self._rows = rows
        self._constant = start
        self._parts: list[pa.Array | pa.Scalar] = []

    def add(self, column: pa.Array, kind: str, before: bytes = b"") -> None:
        """Append a field: its length, and `before` and its value where there is one."""
        if column.null_count == len(column):
            self._constant += _NULL
            return
        if kind == "text":
            size = pc.add(pc.binary_length(column), pa.scalar(len(before), pa.int32()))
            length = _big_endian(pc.fill_null(size, -1), "i")
            value = column.cast(pa.binary())
        else:
            length = pa.scalar(_SIZES[kind].to_bytes(4, "big"), pa.binary())
            value = _fixed(column, kind)
        if not column.null_count:
            if kind == "text":
                self._append(length)
            else:
                self._constant += length.as_py()
            self._constant += before
            self._append(value)
            return
        if kind != "text":
            length = pc.if_else(column.is_valid(), length, pa.scalar(_NULL, pa.binary()))
        self._append(length)
        if before:
            empty = pa.scalar(b"", pa.binary())
            self._append(pc.if_else(column.is_valid(), pa.scalar(before, pa.binary()), empty))
        self._append(pc.fill_null(value, b""))

    def joined(self) -> pa.BinaryArray:
        """Return the rows, put together."""
        if not self._rows:
            return pa.array([], pa.binary())
        self._flush()
        row = pc.binary_join_element_wise(*self._parts, pa.scalar(b"", pa.binary()))
        return row if isinstance(row, pa.Array) else pa.array([row.as_py()] * self._rows)

    def _append(self, part: pa.Array) -> None:
        self._flush()
        self._parts.append(part)

    def _flush(self) -> None:
        if self._constant:
            self._parts.append(pa.scalar(self._constant, pa.binary()))
            self._constant = b""


def _fixed(column: pa.Array, kind: str) -> pa.Array:
    if kind in ("uuid", "hash"):
        return column.cast(pa.binary())
    if kind == "time":  # what overflowed in the driver, beyond the year 294246, comes back so
        column = pc.subtract(column.cast(pa.int64()), pa.scalar(_EPOCH, pa.int64()))
    values = _big_endian(pc.fill_null(column, 0), "i" if kind == "int4" else "q")
    if column.null_count:
        return pc.if_else(column.is_valid(), values, pa.scalar(None, pa.binary()))
    return values


def _big_endian(numbers: pa.Array, typecode: str) -> pa.Array:
    """Return numbers without a NULL as bytes: `i` of 4, `q` of 8."""
    size = 4 if typecode == "i" else 8
    data = array(typecode)
    start = numbers.offset * size
    data.frombytes(memoryview(numbers.buffers()[1])[start : start + len(numbers) * size])
    if sys.byteorder == "little":
        data.byteswap()
    fixed = pa.Array.from_buffers(pa.binary(size), len(data), [None, pa.py_buffer(data)])
    return fixed.cast(pa.binary())
