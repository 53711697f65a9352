"""A migrated database per test: the template is built once per run and cloned for each test.

AGENT_EVENTS_TEST_PG     major version of the embedded server (default 18)
AGENT_EVENTS_PG_BINDIR   the folder of its programs, where they are not the bundled ones
AGENT_EVENTS_TEST_DSN    a superuser's connection string to a server somebody else runs, instead;
                         "none" where no test needs a server
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from archive.history import today
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from pytest_postgresql import factories
from pytest_postgresql.executors.noop import NoopExecutor

from agent_events import embedded
from agent_events._resources import sql_dir

SERVER_DSN = "AGENT_EVENTS_TEST_DSN"
TEMPLATE = "AGENT_EVENTS_TEST_TEMPLATE"
VERSION = int(os.environ.get("AGENT_EVENTS_TEST_PG", embedded.DEFAULT_VERSION))
DATABASE = f"ledger_test_{os.getpid()}"

Connect = Callable[..., psycopg.Connection[Any]]
LoginRole = Callable[..., str]
Preparation = tuple[Any, ...]
Refused = Callable[..., psycopg.Error]
cluster_key = pytest.StashKey["Cluster"]()


class Cluster:
    """The server and the template database of this run; the workers of xdist share them."""

    def __init__(self) -> None:
        self.folder: Path | None = None
        self.template = f"ledger_template_{os.getpid()}"
        if SERVER_DSN not in os.environ:
            self.folder = new_folder()
            os.environ[SERVER_DSN] = start_server(self.folder / "pg")
        os.environ[TEMPLATE] = self.template

    def build_template(self) -> None:
        administer(f"create database {self.template}")
        install(make_conninfo(os.environ[SERVER_DSN], dbname=self.template))

    def close(self) -> None:
        if self.folder is None:
            administer(f"drop database if exists {self.template} with (force)")
            return
        embedded.stop_server(self.folder / "pg", VERSION)
        shutil.rmtree(self.folder)
        del os.environ[SERVER_DSN]


def administer(statement: str) -> None:
    with psycopg.connect(os.environ[SERVER_DSN], autocommit=True) as connection:
        connection.execute(statement)


def new_folder() -> Path:
    """A folder in memory, where there is such a place, that the server's own user can enter."""
    memory = Path("/dev/shm")
    parent = memory if os.access(memory, os.W_OK) else None
    folder = Path(tempfile.mkdtemp(prefix="agent-events-test-", dir=parent))
    folder.chmod(0o755)
    return folder


def start_server(data: Path) -> str:
    settings = {"max_connections": 200, "max_locks_per_transaction": 256}
    return make_conninfo(**embedded.ensure_server(data, VERSION, fast=True, settings=settings))


def install(dsn: str) -> None:
    """Install sql/ as it stands; that upgrading gives the same has tests of its own."""
    psql = embedded.client_program("psql")
    contents = sql_dir() / "install.sql"
    command = [psql, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", dsn, "-f", contents]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise pytest.UsageError(f"sql/install.sql does not install:\n{done.stderr}")


def pytest_sessionstart(session: pytest.Session) -> None:
    config = session.config
    if hasattr(config, "workerinput") or config.option.collectonly:
        return
    if os.environ.get(SERVER_DSN) == "none":
        return
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that the server is stopped then
    config.stash[cluster_key] = Cluster()
    config.stash[cluster_key].build_template()


def pytest_unconfigure(config: pytest.Config) -> None:
    if cluster := config.stash.get(cluster_key, None):
        cluster.close()


@pytest.fixture(scope="session")
def template() -> SimpleNamespace:
    """The migrated database, as pytest-postgresql wants it described."""
    server = conninfo_to_dict(os.environ[SERVER_DSN])
    return SimpleNamespace(
        host=server.get("host"),
        port=server.get("port", 5432),
        user=server.get("user"),
        password=server.get("password"),
        options="",
        maintenance_dbname=server.get("dbname", "postgres"),
        template_dbname=os.environ[TEMPLATE],
    )


postgresql_noproc = factories.postgresql_noproc(depends_on="template", dbname=DATABASE)


@pytest.fixture(scope="session")
def clone(postgresql_noproc: NoopExecutor) -> Iterator[Callable[..., str]]:
    """Clone the migrated database: the name of the new one, which lives until the next is made.

    With a preparation (see below), clone one that was prepared so: once, by the first who asks.

    By then its connections are over: a drop that meets one waits a tenth of a second for it.
    pytest-postgresql's own client connects anew to clone and to drop, twice the price.
    """
    names: list[str] = []
    templates: dict[Preparation, str] = {(): postgresql_noproc.template_dbname}

    def make(*preparation: Any) -> str:
        if preparation not in templates:
            name = f"{DATABASE}_prepared_{len(templates)}"
            copy(templates[()], name)
            prepare, *arguments = preparation
            with psycopg.connect(os.environ[SERVER_DSN], dbname=name, autocommit=True) as new:
                prepare(new, *arguments)
            templates[preparation] = name
        names.append(f"{DATABASE}_{len(names)}")
        copy(templates[preparation], names[-1])
        drop(names[-2:-1])
        return names[-1]

    def copy(template: str, name: str) -> None:
        server.execute(f"create database {name} template {template} strategy file_copy")

    def drop(old: Sequence[str]) -> None:
        for name in old:
            server.execute(f"drop database {name} with (force)")

    with psycopg.connect(os.environ[SERVER_DSN], autocommit=True) as server:
        yield make
        drop([*names[-1:], *list(templates.values())[1:]])


@pytest.fixture(autouse=True)
def one_day() -> None:
    """Each test has its own today, from its first moment to its last."""
    today.cache_clear()
    today()


@pytest.fixture
def preparation() -> Preparation:
    """What was done to the database that `pg` is a clone of, for a folder to say.

    A function of a superuser's connection, and its further arguments.
    """
    return ()


@pytest.fixture
def pg(clone: Callable[..., str], preparation: Preparation) -> Iterator[psycopg.Connection[Any]]:
    """A superuser's autocommit connection to a fresh clone of the migrated database."""
    name = clone(*preparation)
    with closing(psycopg.connect(os.environ[SERVER_DSN], dbname=name, autocommit=True)) as new:
        yield new


@pytest.fixture
def dsn(pg: psycopg.Connection[Any]) -> str:
    """The connection string of `pg`'s database, for a superuser."""
    return make_conninfo(os.environ[SERVER_DSN], dbname=pg.info.dbname)


@pytest.fixture
def connect(dsn: str, login_role: LoginRole) -> Iterator[Connect]:  # noqa: ARG001
    """More connections to the test's database: `connect(user="app")`; autocommit unless told.

    Depends on `login_role` so that the connections are closed before the roles are dropped.
    """
    connections: list[psycopg.Connection[Any]] = []

    def open_connection(**parameters: Any) -> psycopg.Connection[Any]:
        connection = psycopg.connect(dsn, **({"autocommit": True} | parameters))
        connections.append(connection)
        return connection

    yield open_connection
    for connection in connections:
        connection.close()


@pytest.fixture
def login_role(dsn: str) -> Iterator[LoginRole]:
    """Login roles of the test's own, with access: `login_role("app", {"acme": ["write"]})`.

    Roles belong to the cluster, so the name gets a random suffix; the full name is returned.
    """
    roles: list[str] = []

    def create_role(
        name: str, grants: Mapping[str, Sequence[str]] | None = None, options: str = ""
    ) -> str:
        role = f"{name}_{secrets.token_hex(4)}"
        with psycopg.connect(dsn) as admin:
            statement = sql.SQL("create role {} login " + options)
            admin.execute(statement.format(sql.Identifier(role)))
            for tenant_id, privileges in (grants or {}).items():
                grant = "select ledger.grant_access(%s, %s, %s)"
                admin.execute(grant, [role, tenant_id, list(privileges)])
        roles.append(role)
        return role

    yield create_role
    drop = sql.SQL("drop owned by {0} cascade; drop role {0}")
    with psycopg.connect(dsn) as admin:
        for role in reversed(roles):
            admin.execute(drop.format(sql.Identifier(role)))


@pytest.fixture
def refused() -> Refused:
    """`refused(connection, "LG001", statement, …)`, or a function instead of the statement.

    It fails with that SQLSTATE; the connection is usable afterwards.
    """

    def attempt(
        connection: psycopg.Connection[Any], sqlstate: str, statement: Any, *args: Any
    ) -> psycopg.Error:
        run = statement if callable(statement) else psycopg.Connection.execute
        arguments = args if callable(statement) else (statement, *args)
        with pytest.raises(psycopg.Error) as caught:
            run(connection, *arguments)
        if not connection.autocommit:
            connection.rollback()
        assert caught.value.sqlstate == sqlstate, caught.value
        return caught.value

    return attempt


@pytest.fixture
def server_folder() -> Iterator[Path]:
    """Where a test may start servers of its own; they are stopped afterwards."""
    folder = new_folder()
    yield folder
    for running in list(folder.rglob("postmaster.pid")):
        embedded.stop_server(running.parent, VERSION)
    shutil.rmtree(folder)


@pytest.fixture
def other_server(server_folder: Path) -> Callable[[], str]:
    """Start another, empty server of the same version: a superuser's connection string."""
    return lambda: start_server(server_folder / secrets.token_hex(4))


@pytest.fixture(scope="session")
def server_version() -> int:
    """Major version of the embedded server's programs."""
    return VERSION
