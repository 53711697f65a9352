"""Connection pools that suit the ledger, directly or through PgBouncer.

A connection taken from the pool is one transaction: it commits at the end of the `with` block, or
rolls back if that raises. So what the block emits and what else it writes stand or fall together:

    with open_pool(dsn) as pool, pool.connection() as connection:
        Ledger(connection).emit_event("deal.created", {...})

Through PgBouncer in transaction mode, `pgbouncer=True` switches off prepared statements, which
would stay behind on another server connection. Nothing else is needed: the ledger's context
(`set_context`) is local to the transaction and never leaks to the next client. Do not pass
`options` in the DSN, which PgBouncer refuses. Where PgBouncer is 1.21 or later with
`max_prepared_statements` > 0 and libpq is 17 or later, leave `pgbouncer` False and keep them.
"""

from __future__ import annotations

from typing import Any

from psycopg import AsyncConnection, Connection
from psycopg_pool import AsyncConnectionPool, ConnectionPool


def open_pool(
    dsn: str,
    *,
    min_size: int = 1,
    max_size: int = 10,
    timeout: float = 30.0,
    pgbouncer: bool = False,
) -> ConnectionPool[Connection[Any]]:
    """Return an open pool of `min_size` to `max_size` connections; use it as a context manager.

    `timeout` is in seconds: for the first connections here, and for each `pool.connection()` later.
    Raises `psycopg_pool.PoolTimeout` if the database is not reached in time.
    """
    pool = ConnectionPool(
        dsn,
        min_size=min_size,
        max_size=max_size,
        timeout=timeout,
        kwargs=_connection_arguments(pgbouncer),
        open=True,
    )
    try:
        pool.wait(timeout)
    except BaseException:
        pool.close()
        raise
    return pool


async def open_async_pool(
    dsn: str,
    *,
    min_size: int = 1,
    max_size: int = 10,
    timeout: float = 30.0,
    pgbouncer: bool = False,
) -> AsyncConnectionPool[AsyncConnection[Any]]:
    """Do what `open_pool` does, for asyncio."""
    pool = AsyncConnectionPool(
        dsn,
        min_size=min_size,
        max_size=max_size,
        timeout=timeout,
        kwargs=_connection_arguments(pgbouncer),
        open=False,
    )
    await pool.open()
    try:
        await pool.wait(timeout)
    except BaseException:
        await pool.close()
        raise
    return pool


def _connection_arguments(pgbouncer: bool) -> dict[str, Any]:
    return {"prepare_threshold": None} if pgbouncer else {}
