"""The pages of an export, as the database gives them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql

Progress = Callable[[int], object]
"""Is called with how many events more were written."""

SETTINGS = (
    "set local timezone = 'UTC'",
    "set local client_encoding = 'UTF8'",
    "set local statement_timeout = 0",
    "set local idle_in_transaction_session_timeout = 0",
)
_LINES = """
copy (
  select * from ledger.export_lines({export_id}, {after_id}, {page_size}, {tenant_id})
) to stdout (format binary)
"""
_END = "select ledger.export_page_end(%s, %s, %s, %s)"
_COLUMNS = "select c.name from ledger.export_columns(%s, %s) as c order by c.n"
_HEADER = 19  # of a binary COPY
_FIELD = 6  # before the only field of a row: the count of fields, and its length


def settings(server_version: int) -> tuple[str, ...]:
    """Return what an export's transaction needs: it may stand while somebody's disk is slow."""
    since_17 = ("set local transaction_timeout = 0",) if server_version >= 170000 else ()
    return SETTINGS + since_17


def connect(dsn: str) -> psycopg.Connection[Any]:
    """Connect as an export does."""
    return psycopg.connect(dsn, autocommit=True, application_name="agent-events export")


def begin(connection: psycopg.Connection[Any], snapshot: str | None = None) -> None:
    """Read what follows as of one moment, that of a snapshot if it is given."""
    connection.execute("begin isolation level repeatable read read only")
    if snapshot is not None:
        connection.execute(sql.SQL("set transaction snapshot {}").format(sql.Literal(snapshot)))
    for setting in settings(connection.info.server_version):
        connection.execute(setting)


@dataclass(frozen=True)
class Pages:
    """An export that was begun, over a connection that reads it from one snapshot."""

    dsn: str
    connection: psycopg.Connection[Any]
    export_id: UUID
    tenant_id: str | None
    with_proof: bool
    redacted: bool
    tree_size: int
    root: bytes | None

    @contextmanager
    def another(self) -> Iterator[psycopg.Connection[Any]]:
        """Open one more connection that sees the same snapshot."""
        (snapshot,) = self.connection.execute("select pg_export_snapshot()").fetchone() or ("",)
        with connect(self.dsn) as connection:
            begin(connection, snapshot)
            yield connection

    def columns(self) -> list[str]:
        """Return the names of the columns, in order."""
        rows = self.connection.execute(_COLUMNS, [self.with_proof, self.redacted])
        return [name for (name,) in rows.fetchall()]

    def end(self, after_id: UUID | None, page_size: int) -> UUID | None:
        """Return the last event of the page after an event, None for the last page."""
        row = self.connection.execute(
            _END, [self.export_id, after_id, page_size, self.tenant_id]
        ).fetchone()
        end: UUID | None = row[0] if row else None
        return end

    def lines(
        self, connection: psycopg.Connection[Any], after_id: UUID | None, page_size: int
    ) -> Iterator[bytes]:
        """Yield the lines of the page after an event, each with its line feed.

        COPY in its binary form sends text as it is, whatever is in it.

        Args:
            connection: one that sees the same snapshot.
            after_id: None for the first page.
            page_size: events.
        """
        statement = sql.SQL(_LINES).format(
            export_id=sql.Literal(self.export_id),
            after_id=sql.Literal(after_id),
            page_size=sql.Literal(page_size),
            tenant_id=sql.Literal(self.tenant_id),
        )
        skip = _HEADER + _FIELD
        with connection.cursor().copy(statement) as copy:
            for row in copy:
                if len(row) > skip:  # the last is an end mark of two bytes
                    yield bytes(row[skip:])
                skip = _FIELD
