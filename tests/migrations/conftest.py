"""Empty databases to install into, and a server where nobody installs as a superuser."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from agent_events import embedded

VERSION = int(os.environ.get("AGENT_EVENTS_TEST_PG", embedded.DEFAULT_VERSION))


@dataclass
class Server:
    """A server; `dsn` is a superuser's."""

    dsn: str

    def create_database(self) -> str:
        """An empty database."""
        name = f"ledger_migrate_{secrets.token_hex(4)}"
        self.run(sql.SQL("create database {}").format(sql.Identifier(name)))
        return make_conninfo(self.dsn, dbname=name)

    def drop_database(self, dsn: str) -> None:
        name = psycopg.conninfo.conninfo_to_dict(dsn)["dbname"]
        self.run(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))

    def run(self, statement: sql.Composable) -> None:
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            connection.execute(statement)


@pytest.fixture
def server(template: object) -> Server:  # noqa: ARG001
    """The server of all tests, where a superuser has installed a ledger already."""
    return Server(os.environ["AGENT_EVENTS_TEST_DSN"])


@pytest.fixture
def empty_database(server: Server) -> Iterator[Callable[[], str]]:
    """Makes databases without a ledger: `empty_database()` -> a superuser's connection string."""
    made: list[str] = []

    def create() -> str:
        made.append(server.create_database())
        return made[-1]

    yield create
    for dsn in made:
        server.drop_database(dsn)


@pytest.fixture(scope="session")
def managed_server() -> Iterator[Server]:
    """A server like a managed service: the first ledger is installed by a mere CREATEROLE role."""
    memory = Path("/dev/shm")
    parent = memory if os.access(memory, os.W_OK) else None
    folder = Path(tempfile.mkdtemp(prefix="agent-events-managed-", dir=parent))
    folder.chmod(0o755)
    info = embedded.ensure_server(folder / "pg", VERSION, fast=True)
    yield Server(make_conninfo(**info))
    embedded.stop_server(folder / "pg", VERSION)
    shutil.rmtree(folder)


@pytest.fixture
def managed_database(managed_server: Server) -> Iterator[Callable[[str], str]]:
    """Makes databases in which a CREATEROLE role may install: `managed_database("installer")`."""
    made: list[str] = []

    def create(installer: str) -> str:
        dsn = managed_server.create_database()
        made.append(dsn)
        role = sql.Identifier(installer)
        with psycopg.connect(dsn, autocommit=True) as admin:
            known = admin.execute("select to_regrole(%s)", [installer]).fetchone()
            if known == (None,):
                admin.execute(sql.SQL("create role {} login createrole").format(role))
            database = sql.Identifier(admin.info.dbname)
            admin.execute(sql.SQL("grant create on database {} to {}").format(database, role))
        return make_conninfo(dsn, user=installer)

    yield create
    for dsn in made:
        managed_server.drop_database(make_conninfo(dsn, user="postgres"))


@pytest.fixture(scope="session")
def psql() -> Callable[[str, Path], None]:
    """Run a script with psql, up to its first error."""

    def run(dsn: str, script: Path) -> None:
        program = embedded.client_program("psql")
        command = [program, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-o", os.devnull, "-d", dsn]
        done = subprocess.run([*command, "-f", script], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    return run


@pytest.fixture(scope="session")
def schema_dump() -> Callable[[str], str]:
    """The whole database's schema as a superuser dumps it, without alembic's table."""

    def dump(dsn: str) -> str:
        program = embedded.client_program("pg_dump")
        command = [program, "--schema-only", "--exclude-table", "ledger.alembic_version", "-d"]
        text = subprocess.run(
            [*command, make_conninfo(dsn, user="postgres")],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        # \restrict carries a random key, the comments name the version of the server.
        return "".join(
            line for line in text.splitlines(keepends=True) if not line.startswith(("\\", "--"))
        )

    return dump
