"""Connections. Generated from `_async.py` by scripts/unasync."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import psycopg
from psycopg import Connection
from psycopg.pq import TransactionStatus

from agent_events import errors
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
        self.conninfo = dsn
        self._size = size
        self._arguments: dict[str, Any] = {"prepare_threshold": None} if pgbouncer else {}
        self._inherited: list[list[Connection[Any]]] = []
        self._idle: list[Connection[Any]] = []
        self.forget()

    def forget(self) -> None:
        """Begin anew: after a fork the connections are the parent's, and closing would end them."""
        self._inherited.append(self._idle)
        self._idle = []
        self._free = Semaphore(self._size)
        self._is_closed = False

    @contextmanager
    def connection(self) -> Iterator[Connection[Any]]:
        """Lend a connection; raises `psycopg.OperationalError` where there is no server."""
        with self._free:
            connection = self._take()
            try:
                yield connection
            finally:
                is_idle = connection.info.transaction_status == TransactionStatus.IDLE
                if is_idle and not self._is_closed:
                    self._idle.append(connection)
                else:
                    connection.close()

    def close(self) -> None:
        """Close what is not lent now, and the rest when it comes back."""
        self._is_closed = True
        while self._idle:
            self._idle.pop().close()

    def _take(self) -> Connection[Any]:
        if self._is_closed:
            raise errors.InvalidArgument("the emitter is closed")
        while self._idle:
            connection = self._idle.pop()
            if is_alive(connection):
                return connection
            connection.close()
        return Connection.connect(self.conninfo, autocommit=True, **self._arguments)


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
