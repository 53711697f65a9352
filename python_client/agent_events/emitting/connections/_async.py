"""Connections over asyncio. `_sync.py` is generated from this file."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Protocol

import psycopg
from psycopg import AsyncConnection
from psycopg.pq import TransactionStatus

from agent_events import errors
from agent_events.emitting._tasks import Semaphore


class AsyncSource(Protocol):
    """Lends connections; `psycopg_pool.AsyncConnectionPool` is one."""

    def connection(self) -> Any:
        """Lend one for a `with` block, whose end commits."""


class AsyncConnections:
    """Up to `size` connections in autocommit, the last used first.

    Unlike psycopg_pool it fails at once when nobody listens, has no threads, and survives a fork
    by forgetting what belongs to the parent.
    """

    def __init__(self, dsn: str, *, size: int, pgbouncer: bool = False) -> None:
        self.conninfo = dsn
        self._size = size
        self._arguments: dict[str, Any] = {"prepare_threshold": None} if pgbouncer else {}
        self._inherited: list[list[AsyncConnection[Any]]] = []
        self._idle: list[AsyncConnection[Any]] = []
        self.forget()

    def forget(self) -> None:
        """Begin anew: after a fork the connections are the parent's, and closing would end them."""
        self._inherited.append(self._idle)
        self._idle = []
        self._free = Semaphore(self._size)
        self._is_closed = False

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[AsyncConnection[Any]]:
        """Lend a connection; raises `psycopg.OperationalError` where there is no server."""
        async with self._free:
            connection = await self._take()
            try:
                yield connection
            finally:
                is_idle = connection.info.transaction_status == TransactionStatus.IDLE
                if is_idle and not self._is_closed:
                    self._idle.append(connection)
                else:
                    await connection.close()

    async def close(self) -> None:
        """Close what is not lent now, and the rest when it comes back."""
        self._is_closed = True
        while self._idle:
            await self._idle.pop().close()

    async def _take(self) -> AsyncConnection[Any]:
        if self._is_closed:
            raise errors.InvalidArgument("the emitter is closed")
        while self._idle:
            connection = self._idle.pop()
            if is_alive(connection):
                return connection
            await connection.close()
        return await AsyncConnection.connect(self.conninfo, autocommit=True, **self._arguments)


def is_alive(connection: AsyncConnection[Any]) -> bool:
    """Whether an idle connection still has its server, as far as the socket knows.

    A server that stops says so before it closes the socket, hence two looks.
    """
    try:
        connection.pgconn.consume_input()
        connection.pgconn.consume_input()
    except psycopg.OperationalError:
        return False
    return not connection.closed
