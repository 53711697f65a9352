"""The pages of an export, as the database gives them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql

Progress = Callable[[int], object]
"""Is called with how many events more were written."""

_LINES = """
copy (
  select * from ledger.export_lines({export_id}, {after_id}, {page_size}, {tenant_id})
) to stdout (format binary)
"""
_COLUMNS = "select c.name from ledger.export_columns(%s, %s) as c order by c.n"
_HEADER = 19  # of a binary COPY
_FIELD = 6  # before the only field of a row: the count of fields, and its length


@dataclass(frozen=True)
class Pages:
    """An export that was begun, over a connection that reads it from one snapshot."""

    connection: psycopg.Connection[Any]
    export_id: UUID
    tenant_id: str | None
    with_proof: bool
    redacted: bool
    tree_size: int
    root: bytes | None

    def columns(self) -> list[str]:
        """Return the names of the columns, in order."""
        rows = self.connection.execute(_COLUMNS, [self.with_proof, self.redacted])
        return [name for (name,) in rows.fetchall()]

    def lines(self, after_id: str | None, page_size: int) -> Iterator[bytes]:
        """Yield the lines of the page after an event, each with its line feed.

        COPY in its binary form sends text as it is, whatever is in it.
        """
        statement = sql.SQL(_LINES).format(
            export_id=sql.Literal(self.export_id),
            after_id=sql.Literal(after_id),
            page_size=sql.Literal(page_size),
            tenant_id=sql.Literal(self.tenant_id),
        )
        skip = _HEADER + _FIELD
        with self.connection.cursor().copy(statement) as copy:
            for row in copy:
                if len(row) > skip:  # the last is an end mark of two bytes
                    yield bytes(row[skip:])
                skip = _FIELD
