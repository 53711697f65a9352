"""Installs, upgrades and removes the ledger's schema. Alembic decides what to run.

The SQL itself is frozen in `migrations/versions/` and reaches the server byte for byte, in one
transaction. A host project that has its own alembic can mount the revisions instead; see
docs/deploying.md.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import psycopg
from alembic import command, op
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, NullPool, create_engine
from sqlalchemy.exc import DBAPIError

from agent_events._resources import migrations_dir
from agent_events.errors import UnversionedLedger, translated

PREFIX = "agent_events_"

_one_at_a_time = Lock()  # alembic's context belongs to the process, not to the thread

# The parts of a frozen file. Each is sent on its own, so that errors, logs and current_query() show
# one part and not the whole schema.
_PART = re.compile(
    r"^(?=-- (?:from|by hand, for|no longer in|call of|reset of) sql/)", re.MULTILINE
)


@dataclass(frozen=True)
class Revision:
    """One step of the schema's history."""

    revision: str
    title: str
    is_current: bool


def upgrade(dsn: str, revision: str = "head", *, lock_timeout: str = "5s") -> list[str]:
    """Install the ledger, or bring it to a revision.

    Args:
        dsn: connection string or URI, as libpq takes it.
        revision: `head`, a revision ("0002" will do), or `+1`.
        lock_timeout: how long a statement may wait for a lock on a table of the ledger.

    Returns:
        The revisions that were run, oldest first; empty when there was nothing to do.

    Raises:
        UnversionedLedger: the ledger there was not installed by this command.
        psycopg.Error: the database refused; nothing has changed.
        alembic.util.CommandError: there is no such revision.
    """
    return _run(command.upgrade, dsn, revision, lock_timeout)


def downgrade(dsn: str, revision: str, *, lock_timeout: str = "5s") -> list[str]:
    """Go back to a revision, or with `base` remove the ledger.

    Args:
        dsn: connection string or URI, as libpq takes it.
        revision: `base`, a revision ("0001" will do), or `-1`.
        lock_timeout: how long a statement may wait for a lock on a table of the ledger.

    Returns:
        The revisions that were undone, newest first.

    Raises:
        AppendOnlyViolation: events would be lost; nothing has changed.
        UnversionedLedger: the ledger there was not installed by this command.
        psycopg.Error: the database refused; nothing has changed.
        alembic.util.CommandError: there is no such revision.
    """
    return _run(command.downgrade, dsn, revision, lock_timeout)


def current(dsn: str) -> str | None:
    """Return the revision that the database is at, or None when it holds no ledger.

    Raises:
        UnversionedLedger: the ledger there was not installed by this command.
    """
    with engine(dsn).connect() as connection:
        _require_version(connection)
        target = MigrationContext.configure(connection, opts={"version_table_schema": "ledger"})
        return target.get_current_revision()


def head() -> str:
    """Return the newest revision of this installation of agent-events."""
    return str(ScriptDirectory.from_config(_config()).get_current_head())


def history(dsn: str) -> list[Revision]:
    """Return every revision, oldest first, and which one the database is at."""
    at = current(dsn)
    scripts = reversed(list(ScriptDirectory.from_config(_config()).walk_revisions()))
    return [Revision(s.revision, s.doc.rstrip("."), s.revision == at) for s in scripts]


def offline_sql(revision: str = "head", *, lock_timeout: str = "5s") -> str:
    """Return the upgrade as one SQL script, in one transaction, for psql.

    Args:
        revision: up to where, from an empty database; or `from:to` ("0001:head").
        lock_timeout: how long a statement may wait for a lock on a table of the ledger.
    """
    script = io.StringIO()
    config = _config(output_buffer=script)
    config.attributes["lock_timeout"] = lock_timeout
    with _one_at_a_time:
        command.upgrade(config, ":".join(map(_full, revision.split(":"))), sql=True)
    return script.getvalue()


def engine(dsn: str) -> Engine:
    """Return a SQLAlchemy engine for a libpq connection string, which SQLAlchemy cannot parse."""

    def connect() -> psycopg.Connection:
        return psycopg.connect(dsn, application_name="agent-events migrate")

    return create_engine("postgresql+psycopg://", creator=connect, poolclass=NullPool)


def run_frozen(revision_file: str, direction: str) -> None:
    """Send the SQL that stands beside a revision. The revisions call this.

    Args:
        revision_file: the revision's `__file__`.
        direction: `up` or `down`.
    """
    path = Path(revision_file).with_suffix(f".{direction}.sql")
    frozen = path.read_text(encoding="utf-8")
    target = op.get_context()
    _title, *parts = _PART.split(frozen)
    for part in [frozen] if target.as_sql else parts:
        try:
            send(target, part)
        except Exception as error:
            error.add_note(f"in {path.name}, the part that begins with: {part.splitlines()[0]}")
            raise


def send(target: MigrationContext, sql: str) -> None:
    """Send statements verbatim, in alembic's transaction or into its script.

    Neither `op.execute` nor a cursor with parameters would do: they read `:name` and `%` as
    placeholders. Without parameters psycopg and psycopg2 use the simple protocol, which takes
    several statements at once; asyncpg does so in its own `execute` only.
    """
    if target.as_sql:
        target.impl.static_output(sql)
        return
    connection = target.connection
    if connection is None:
        raise RuntimeError("alembic has no connection")
    driver = connection.dialect.driver
    if driver in ("psycopg", "psycopg2", "psycopg_async"):
        with closing(connection.connection.cursor()) as cursor:
            cursor.execute(sql)
    elif driver == "asyncpg":
        _send_asyncpg(connection, sql)
    else:
        raise NotImplementedError(
            f"the ledger cannot be migrated through {driver}: use psycopg, psycopg2 or asyncpg"
        )


def _send_asyncpg(connection: Connection, sql: str) -> None:
    # SQLAlchemy opens the transaction with the first statement that it sends itself.
    connection.exec_driver_sql("select")
    adapted: Any = connection.connection.dbapi_connection
    adapted.run_async(lambda driver_connection: driver_connection.execute(sql))


def _run(
    run: Callable[[Config, str], None], dsn: str, revision: str, lock_timeout: str
) -> list[str]:
    config = _config()
    config.attributes["lock_timeout"] = lock_timeout
    with _one_at_a_time, _plain_errors(), engine(dsn).connect() as connection:
        _require_version(connection)
        config.attributes["connection"] = connection
        run(config, _full(revision))
    steps: list[str] = config.attributes["steps"]
    return steps


def _require_version(connection: Connection) -> None:
    """Refuse a ledger that stands without the version table of the command."""
    found = connection.exec_driver_sql(
        "select current_database(), c.relname from pg_catalog.pg_class as c "
        "join pg_catalog.pg_namespace as n on n.oid = c.relnamespace "
        "where n.nspname = 'ledger' and c.relname in ('agent_events', 'alembic_version')"
    ).all()
    connection.rollback()
    if [relation for _, relation in found] == ["agent_events"]:
        raise UnversionedLedger(found[0][0])


def _config(**options: Any) -> Config:
    config = Config(stdout=io.StringIO(), **options)
    config.set_main_option("script_location", str(migrations_dir()).replace("%", "%%"))
    return config


def _full(revision: str) -> str:
    """'0001' -> 'agent_events_0001': a mounted revision must not meet the host's own '0001'."""
    return f"{PREFIX}{revision}" if len(revision) == 4 and revision.isdigit() else revision


@contextmanager
def _plain_errors() -> Iterator[None]:
    """Raise what the database said, not what SQLAlchemy wrapped around it."""
    try:
        yield
    except DBAPIError as error:
        raise error.orig or error from error
    except psycopg.Error as error:
        if refusal := translated(error):
            raise refusal from error
        raise
