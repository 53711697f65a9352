"""A host project with its own alembic: beside ours, and with our revisions mounted in it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from agent_events import migrate
from agent_events._resources import migrations_dir

NewDatabase = Callable[..., str]

ENV = """
from alembic import context
from sqlalchemy import create_engine

url = context.config.get_main_option("sqlalchemy.url")
if context.is_offline_mode():
    context.configure(url=url)
    with context.begin_transaction():
        context.run_migrations()
else:
    with create_engine(url).connect() as connection:
        context.configure(connection=connection)
        with context.begin_transaction():
            context.run_migrations()
"""

ASYNC_ENV = """
import asyncio

from alembic import context
from sqlalchemy.ext.asyncio import create_async_engine


def run(connection):
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()


async def main():
    engine = create_async_engine(context.config.get_main_option("sqlalchemy.url"))
    async with engine.connect() as connection:
        await connection.run_sync(run)
    await engine.dispose()


asyncio.run(main())
"""

ORDERS = """
from alembic import op
import sqlalchemy as sa

revision = "0001"
down_revision = None


def upgrade():
    op.create_table("orders", sa.Column("id", sa.Integer, primary_key=True))


def downgrade():
    op.drop_table("orders")
"""


class Host:
    """An application with a table and a migration of its own."""

    def __init__(self, folder: Path, dsn: str, driver: str = "psycopg") -> None:
        self.folder = folder
        self.dsn = dsn
        (folder / "versions").mkdir()
        (folder / "versions" / "0001_orders.py").write_text(ORDERS)
        (folder / "env.py").write_text(ASYNC_ENV if driver == "asyncpg" else ENV)
        parts = conninfo_to_dict(dsn)
        self.url = "postgresql+{}://{user}@/{dbname}?host={host}&port={port}".format(
            driver, **parts
        )
        self.mount(f"{folder}/versions")

    def mount(self, *locations: str | Path) -> None:
        """Write alembic.ini, as docs/deploying.md says."""
        lines = "\n  ".join(str(location) for location in locations)
        url = self.url.replace("%", "%%")
        ini = f"""
            [alembic]
            script_location = %(here)s
            path_separator = newline
            version_locations =
              LOCATIONS
            sqlalchemy.url = {url}
        """
        (self.folder / "alembic.ini").write_text(dedent(ini).replace("LOCATIONS", lines))

    def alembic(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "alembic", *arguments],
            cwd=self.folder,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def versions(self, schema: str = "public") -> list[str]:
        query = f"select version_num from {schema}.alembic_version order by 1"
        with psycopg.connect(self.dsn) as connection:
            return [version for (version,) in connection.execute(query)]

    def has(self, relation: str) -> bool:
        with psycopg.connect(self.dsn) as connection:
            found = connection.execute("select to_regclass(%s) is not null", [relation]).fetchone()
            return found == (True,)


def test_side_by_side(tmp_path: Path, empty_database: NewDatabase) -> None:
    host = Host(tmp_path, empty_database())
    host.alembic("upgrade", "head")
    migrate.upgrade(host.dsn)
    assert host.versions() == ["0001"]
    assert host.versions("ledger") == [migrate.head()]

    host.alembic("downgrade", "base")
    assert host.versions() == []
    assert not host.has("orders")
    assert migrate.current(host.dsn) == migrate.head()

    host.alembic("upgrade", "head")
    migrate.downgrade(host.dsn, "base")
    assert host.versions() == ["0001"]
    assert host.has("orders")


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2", "asyncpg"])
def test_mounted_as_a_branch(tmp_path: Path, empty_database: NewDatabase, driver: str) -> None:
    host = Host(tmp_path, empty_database(), driver)
    host.alembic("upgrade", "head")
    host.mount(tmp_path / "versions", migrations_dir() / "versions")
    host.alembic("upgrade", "heads")
    assert host.versions() == ["0001", migrate.head()]
    assert host.has("ledger.agent_events")
    assert not host.has("ledger.alembic_version")

    host.alembic("downgrade", "agent_events@base")
    assert host.versions() == ["0001"]
    assert not host.has("ledger.agent_events")
    assert host.has("orders")

    host.alembic("upgrade", "agent_events@head")
    assert host.versions() == ["0001", migrate.head()]


def test_mounted_makes_the_same_ledger(
    tmp_path: Path, empty_database: NewDatabase, schema_dump: Callable[[str], str]
) -> None:
    host = Host(tmp_path, empty_database())
    host.mount(tmp_path / "versions", migrations_dir() / "versions")
    host.alembic("upgrade", "agent_events@head")
    with psycopg.connect(host.dsn) as connection:
        connection.execute("drop table public.alembic_version")
    own = empty_database()
    migrate.upgrade(own)
    assert schema_dump(host.dsn) == schema_dump(own)


def test_mounted_script_holds_the_frozen_sql(tmp_path: Path, empty_database: NewDatabase) -> None:
    host = Host(tmp_path, empty_database())
    host.mount(tmp_path / "versions", migrations_dir() / "versions")
    script = host.alembic("upgrade", "heads", "--sql")
    for frozen in (migrations_dir() / "versions").glob("*.up.sql"):
        assert frozen.read_text() in script
    assert "CREATE TABLE orders" in script
