"""Events as PostgreSQL sends them in COPY BINARY: the bytes that are hashed, untouched."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from psycopg import Connection, sql

from agent_events.evidence.offline.entry import FIELDS, BundledEvent, Value

PAGE = 1000  # events

_AS_TEXT = ("payload", "proof", "metadata")
COLUMNS = sql.SQL(", ".join(f"l.{name}{'::text' * (name in _AS_TEXT)}" for name, _ in FIELDS))
"""The 23 fields of ledger.log (alias l), as they are hashed."""


def read_events(
    connection: Connection[Any], source: str, parameters: Sequence[Any]
) -> Iterator[BundledEvent]:
    """Stream sealed events.

    Args:
        connection: its client_encoding is UTF8: texts are hashed so, and come as they are sent.
        source: what stands after `from`, ledger.log or a function that returns it, named `l`.
        parameters: of `source`.
    """
    query = sql.SQL("copy (select l.position, l.hash, {} from {}) to stdout (format binary)")
    statement = query.format(COLUMNS, sql.SQL(source))
    with connection.cursor() as cursor, cursor.copy(statement, parameters) as copy:
        for position, hash_, *fields in copy.rows():
            yield BundledEvent(int.from_bytes(position, "big"), hash_, _decode(fields))


def read_positions(
    connection: Connection[Any], tenant_id: str, first: int, end: int
) -> Iterator[BundledEvent]:
    """Stream the events of the positions from `first` to `end` - 1, a page at a time.

    Each page is a statement of its own, so that an autocommit connection holds no snapshot back.
    """
    while first < end:
        size = min(PAGE, end - first)
        yield from read_events(
            connection,
            "ledger.read_log(%s, %s, tenant_id => %s) as l where l.position < %s "
            "order by l.position",
            (first - 1, size, tenant_id, end),
        )
        first += size


def use_utf8(connection: Connection[Any]) -> None:
    """Have texts sent in UTF-8, as they are hashed."""
    connection.execute("set client_encoding to 'UTF8'")


def _decode(fields: Sequence[bytes | None]) -> dict[str, Value]:
    return {
        name: None if data is None else _value(kind, data)
        for (name, kind), data in zip(FIELDS, fields, strict=True)
    }


def _value(kind: str, data: bytes) -> Value:
    if kind == "text":
        return data.decode()
    if kind == "uuid":
        return str(UUID(bytes=data))
    if kind == "hash":
        return data.hex()
    return int.from_bytes(data, "big", signed=True)
