"""Connections over asyncio. `_sync.py` is generated from this file."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Protocol

import psycopg
from psycopg import AsyncConnection
from psycopg.pq import TransactionStatus

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
        self._dsn = dsn
        self._free = Semaphore(size)
        self._idle: list[AsyncConnection[Any]] = []
        self._arguments: dict[str, Any] = {"prepare_threshold": None} if pgbouncer else {}

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[AsyncConnection[Any]]:
        """Lend a connection; raises `psycopg.OperationalError` where there is no server."""
        async with self._free:
            connection = await self._take()
            try:
                yield connection
            finally:
                if connection.info.transaction_status == TransactionStatus.IDLE:
                    self._idle.append(connection)
                else:
                    await connection.close()

    async def close(self) -> None:
        """Close what is not lent."""
        while self._idle:
            await self._idle.pop().close()

    async def _take(self) -> AsyncConnection[Any]:
        while self._idle:
            connection = self._idle.pop()
            if is_alive(connection):
                return connection
            await connection.close()
        return await AsyncConnection.connect(self._dsn, autocommit=True, **self._arguments)


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
