"""Where the connections of a pool lead, for one that is made without the pool."""

from __future__ import annotations

import asyncio
from typing import Any

from psycopg.conninfo import make_conninfo
from psycopg.pq import Conninfo

from agent_events.dsn import lasting


def arguments_of(pool: Any) -> tuple[str, bool]:
    """Return a connection string with those of the pool's `kwargs` that are libpq's.

    And whether it is for PgBouncer: without prepared statements.
    """
    arguments = _resolved(pool.kwargs) or {}
    known = {option.keyword.decode() for option in Conninfo.get_defaults()}
    of_libpq = {name: value for name, value in arguments.items() if name in known}
    conninfo = make_conninfo(_resolved(pool.conninfo) or "", **of_libpq)
    return lasting(conninfo), arguments.get("prepare_threshold", 0) is None


def _resolved(given: Any) -> Any:
    """Return what a pool was given, itself or by a function."""
    value = given() if callable(given) else given
    return asyncio.run(value) if asyncio.iscoroutine(value) else value
