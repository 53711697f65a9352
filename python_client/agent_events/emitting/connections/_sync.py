"""Connections. Generated from `_async.py` by scripts/unasync."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import psycopg
from psycopg import Connection
from psycopg.pq import TransactionStatus

from agent_events.emitting._threads import Semaphore


class Source(Protocol):
    """Lends connections; `psycopg_pool.ConnectionPool` is one."""

    def connection(self) -> Any:
        """Lend one for a `with` block, whose end commits."""


class Connections:
    """Up to `size` connections in autocommit, the last used first.

    Unlike psycopg_pool it fails at once when nobody listens, has no threads, and survives a fork
    by forgetting what belongs to the parent.
    """

    def __init__(self, dsn: str, *, size: int, pgbouncer: bool = False) -> None:
        self._dsn = dsn
        self._free = Semaphore(size)
        self._idle: list[Connection[Any]] = []
        self._arguments: dict[str, Any] = {"prepare_threshold": None} if pgbouncer else {}

    @contextmanager
    def connection(self) -> Iterator[Connection[Any]]:
        """Lend a connection; raises `psycopg.OperationalError` where there is no server."""
        with self._free:
            connection = self._take()
            try:
                yield connection
            finally:
                if connection.info.transaction_status == TransactionStatus.IDLE:
                    self._idle.append(connection)
                else:
                    connection.close()

    def close(self) -> None:
        """Close what is not lent."""
        while self._idle:
            self._idle.pop().close()

    def _take(self) -> Connection[Any]:
        while self._idle:
            connection = self._idle.pop()
            if is_alive(connection):
                return connection
            connection.close()
        return Connection.connect(self._dsn, autocommit=True, **self._arguments)


def is_alive(connection: Connection[Any]) -> bool:
    """Whether an idle connection still has its server, as far as the socket knows.

    A server that stops says so before it closes the socket, hence two looks.
    """
    try:
        connection.pgconn.consume_input()
        connection.pgconn.consume_input()
    except psycopg.OperationalError:
        return False
    return not connection.closed
