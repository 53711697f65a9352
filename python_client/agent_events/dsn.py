"""Which database: `--dsn`, else `AGENT_EVENTS_DSN`, else libpq's variables, else the dev server."""

from __future__ import annotations

import os

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from agent_events import embedded

_LIBPQ = ("PGSERVICE", "PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE", "PGUSER")

# A server that vanished without a word is noticed within a minute.
CONNECTION = {
    "application_name": "agent-events",
    "connect_timeout": "10",
    "keepalives_idle": "20",
    "keepalives_interval": "5",
    "keepalives_count": "4",
    "tcp_user_timeout": "40000",
}


class NoDatabaseError(psycopg.OperationalError):
    """Nothing says which database to use; the message says how to."""


def resolve(dsn: str | None = None) -> str:
    """The connection string or URI to use, as libpq takes it.

    Args:
        dsn: what the user gave, if anything; it wins.

    Returns:
        A libpq connection string; the empty one, to which libpq's own rules apply, when only
        libpq's variables (PGHOST, PGSERVICE, …) are set.

    Raises:
        NoDatabaseError: nothing is set and the dev server does not run.
    """
    if chosen := dsn or os.environ.get("AGENT_EVENTS_DSN"):
        return chosen
    if any(os.environ.get(name) for name in _LIBPQ):
        return ""
    if info := embedded.connection_info(embedded.default_dir()):
        return make_conninfo(**info)
    raise NoDatabaseError(
        "which database? Give --dsn, set AGENT_EVENTS_DSN or PGHOST, PGDATABASE, …, "
        "or start one with: agent-events dev up"
    )


def with_defaults(dsn: str) -> str:
    """Add what a connection needs that is to last, where the connection string does not say."""
    given = conninfo_to_dict(dsn)
    return make_conninfo(dsn, **{k: v for k, v in CONNECTION.items() if k not in given})
