"""Connections. Generated from `_async.py` by scripts/unasync."""

from __future__ import annotations

from typing import Any, Protocol

import psycopg
from psycopg import Connection
from psycopg.pq import ConnStatus, TransactionStatus

from agent_events import errors
from agent_events.emitting._threads import Condition


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
        if size < 1:
            raise errors.InvalidArgument(
                f"max_connections is {size}", hint="At least one: an emitter has its own."
            )
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
        self._changed = Condition()
        self._open = self._waiting = 0
        self._is_closed = False

    def connection(self) -> Loan:
        """Lend a connection; raises `psycopg.OperationalError` where there is no server."""
        return Loan(self)

    def take(self) -> Connection[Any]:
        """Take an idle connection, or make one; waits while `size` are lent."""
        while connection := self._next():
            if is_alive(connection):
                return connection
            self._leave(connection)
        try:
            return Connection.connect(self.conninfo, autocommit=True, **self._arguments)
        except BaseException:
            self._forget_one()
            raise

    def give_back(self, connection: Connection[Any]) -> None:
        """Keep it for the next, unless something was left undone on it."""
        if self._is_closed or connection.pgconn.transaction_status != TransactionStatus.IDLE:
            self._leave(connection)
            return
        self._idle.append(connection)
        if self._waiting:
            with self._changed:
                self._changed.notify()

    def close(self) -> None:
        """Close what is not lent now, and the rest when it comes back."""
        self._is_closed = True
        while self._idle:
            self._leave(self._idle.pop())

    def _next(self) -> Connection[Any] | None:
        """Return an idle connection, or None where another may be made.

        A lock is taken only to wait: `_waiting` is counted before `_idle` is looked at, and looked
        at after `_idle` has grown.
        """
        if connection := self._pop():
            return connection
        with self._changed:
            self._waiting += 1
            try:
                while not (connection := self._pop()) and self._open >= self._size:
                    self._changed.wait()
                self._open += connection is None
                return connection
            except BaseException:  # it may have been told of one: that is for the next
                self._changed.notify()
                raise
            finally:
                self._waiting -= 1

    def _pop(self) -> Connection[Any] | None:
        if self._is_closed:
            raise errors.InvalidArgument("the emitter is closed")
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def _leave(self, connection: Connection[Any]) -> None:
        try:
            connection.close()
        finally:
            self._forget_one()

    def _forget_one(self) -> None:
        with self._changed:
            self._open -= 1
            self._changed.notify()


class Loan:
    """A connection, for a `with` block."""

    __slots__ = ("_connection", "_connections")

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def __enter__(self) -> Connection[Any]:
        self._connection = self._connections.take()
        return self._connection

    def __exit__(self, *_: object) -> None:
        self._connections.give_back(self._connection)


def is_alive(connection: Connection[Any]) -> bool:
    """Whether an idle connection still has its server, as far as the socket knows.

    A server that stops says so before it closes the socket, hence two looks.
    """
    try:
        connection.pgconn.consume_input()
        connection.pgconn.consume_input()
    except psycopg.OperationalError:
        return False
    return connection.pgconn.status == ConnStatus.OK
