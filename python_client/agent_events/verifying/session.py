"""A connection that only reads, from one snapshot, and looks nothing up by an unqualified name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import pq, sql

SETTINGS = (
    # Nothing is found by its bare name but what PostgreSQL brings along.
    "set local search_path = pg_catalog, pg_temp",
    "set local client_encoding = 'UTF8'",
    "set local timezone = 'UTC'",
    "set local datestyle = 'ISO'",
    "set local statement_timeout = 0",
    "set local idle_in_transaction_session_timeout = 0",
    # Hash joins, whatever the statistics say: a nested loop over a stretch would take minutes.
    "set local enable_nestloop = off",
    "set local enable_mergejoin = off",
    "set local work_mem = '128MB'",
    "set local jit = off",
)

Rows = list[tuple[Any, ...]]


class ProtocolError(psycopg.OperationalError):
    """What came over the connection is not what PostgreSQL sends."""


class Session:
    """One REPEATABLE READ READ ONLY transaction.

    Args:
        connection: in autocommit mode; used by nobody else meanwhile.
    """

    def __init__(self, connection: psycopg.Connection[Any], snapshot: str | None = None) -> None:
        self.connection = connection
        connection.prepare_threshold = None
        connection.execute("begin isolation level repeatable read read only")
        if snapshot is not None:
            statement = sql.SQL("set transaction snapshot {}").format(sql.Literal(snapshot))
            connection.execute(statement)
        for setting in SETTINGS:
            connection.execute(setting)
        if connection.info.server_version >= 170000:
            connection.execute("set local transaction_timeout = 0")

    def export(self) -> str:
        """Return the name under which other sessions can take this session's snapshot."""
        ((name,),) = self.rows("select pg_catalog.pg_export_snapshot()")
        return str(name)

    def rows(self, query: str, *parameters: Any) -> Rows:
        """Run a query with `%s` in it; all rows."""
        return self.connection.execute(query, parameters).fetchall()

    def one(self, query: str, *parameters: Any) -> tuple[Any, ...] | None:
        """Run a query; its first row."""
        return self.connection.execute(query, parameters).fetchone()

    def compose(self, template: str, values: Sequence[Any]) -> bytes:
        """Put values into a statement that takes no parameters, as COPY does not."""
        composed = sql.SQL(template).format(*map(sql.Literal, values))
        return composed.as_bytes(self.connection)


@contextmanager
def open_session(dsn: str, snapshot: str | None = None) -> Iterator[Session]:
    """Connect; the transaction is rolled back at the end.

    Args:
        dsn: connection string.
        snapshot: what `Session.export` of another session returned; it must still be open.
    """
    with connect(dsn) as connection:
        yield Session(connection, snapshot)


def connect(dsn: str) -> psycopg.Connection[Any]:
    """Connect as a session needs it."""
    return psycopg.connect(
        dsn, autocommit=True, application_name="agent-events verify", client_encoding="utf8"
    )


def start_copy(session: Session, statement: bytes) -> pq.abc.PGconn:
    """Send a COPY … TO STDOUT; its rows come from `get_copy_data` of what is returned.

    Raises:
        psycopg.Error: the server refuses, or the connection is gone.
    """
    pgconn = session.connection.pgconn
    result = pgconn.exec_(statement)
    if result.status != pq.ExecStatus.COPY_OUT:
        raise _error(session, result)
    return pgconn


def end_copy(session: Session) -> None:
    """Take the end of a COPY off the connection.

    Raises:
        psycopg.Error: the server ended it with an error.
    """
    failed = None
    while (result := session.connection.pgconn.get_result()) is not None:
        if result.status != pq.ExecStatus.COMMAND_OK:
            failed = failed or _error(session, result)
    if failed:
        raise failed


def _error(session: Session, result: pq.abc.PGresult) -> psycopg.Error:
    if session.connection.pgconn.status != pq.ConnStatus.OK:
        reason = result.error_message.decode(errors="replace").strip()
        return psycopg.OperationalError(f"the connection is lost: {reason}")
    return psycopg.errors.error_from_result(result)
