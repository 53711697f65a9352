"""Alembic's environment for the ledger: one transaction, and a version table in schema ledger."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from alembic import context
from alembic.runtime.migration import MigrationInfo
from sqlalchemy import Connection, NullPool, create_engine, make_url

from agent_events import dsn, migrate

# The version table stands in the schema that the first revision makes, so the schema comes first.
# A second deploy waits for the lock, then finds the first one's version and has nothing left to do.
# An installation blocks nobody and may wait for one in another database that has the roles locked.
OPENING = """\
do $$
begin
  perform pg_advisory_xact_lock(hashtextextended('agent_events.migrate', 0));
  if to_regnamespace('ledger') is null then
    create schema ledger;
  else
    set local lock_timeout = '{lock_timeout}';
  end if;
end
$$;
"""

# Whoever may upgrade the ledger next may also write its version.
INSTALLED = """\
do $$
begin
  if not exists (
    select from pg_class
    where oid = 'ledger.alembic_version'::regclass and relowner = 'ledger_owner'::regrole
  ) then
    perform ledger_guard.open_window('upgrade');
    alter table ledger.alembic_version owner to ledger_owner;
  end if;
end
$$;
"""

# After a downgrade to base the version table is empty and alone in the schema.
REMOVED = """\
drop table ledger.alembic_version;
drop schema ledger;
"""

config = context.config
arguments = context.get_x_argument(as_dictionary=True)
steps: list[str] = config.attributes.setdefault("steps", [])


def run(**connection_or_dialect: Any) -> None:
    """Configure alembic for a connection or for a script, and run what was asked for."""
    closing = ""

    def note(step: MigrationInfo, heads: set[str], **_: Any) -> None:
        nonlocal closing
        if not step.is_stamp:
            closing = INSTALLED if heads else REMOVED
            steps.append(str(step.up_revision_id))

    context.configure(
        version_table_schema="ledger",
        transaction_per_migration=False,
        on_version_apply=note,
        **connection_or_dialect,
    )
    lock_timeout = arguments.get("lock_timeout", config.attributes.get("lock_timeout", "5s"))
    target = context.get_context()
    with context.begin_transaction():
        if not target.opts.get("dont_mutate"):
            migrate.send(target, OPENING.format(lock_timeout=lock_timeout.replace("'", "''")))
        context.run_migrations()
        if closing:
            migrate.send(target, closing)


@contextmanager
def connect() -> Iterator[Connection]:
    """The caller's connection, else the ini file's URL, else what `agent-events` would use."""
    if given := config.attributes.get("connection"):
        yield given
        return
    if url := config.get_main_option("sqlalchemy.url"):
        parsed = make_url(url)
        if parsed.drivername == "postgresql":
            parsed = parsed.set(drivername="postgresql+psycopg")
        engine = create_engine(parsed, poolclass=NullPool)
    else:
        engine = migrate.engine(dsn.resolve(arguments.get("dsn")))
    with engine.connect() as connection:
        yield connection


if context.is_offline_mode():
    run(dialect_name="postgresql+psycopg")
else:
    with connect() as connection:
        run(connection=connection)
