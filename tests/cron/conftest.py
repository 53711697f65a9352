"""Tests of sql/cron/, where pg_cron is installed: Debian's postgresql-15-cron.

    AGENT_EVENTS_PG_BINDIR=/usr/lib/postgresql/15/bin scripts/test --pg 15 tests/cron

Nothing else collects this folder (norecursedirs in pyproject.toml), and .ci/run always runs it;
where the extension is missing, its tests fail. pg_cron is loaded when a server starts, so they
start servers of their own.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from agent_events import embedded
from agent_events._resources import sql_dir

ROLE = "ledger_cron"


@dataclass(frozen=True)
class Server:
    """A server with pg_cron in its database postgres."""

    dsn: str

    def connect(self, dbname: str = "postgres", **parameters: Any) -> psycopg.Connection[Any]:
        return psycopg.connect(
            make_conninfo(self.dsn, dbname=dbname), autocommit=True, **parameters
        )

    def psql(self, dbname: str, script: str, **variables: str) -> str:
        """What a file of sql/ prints."""
        psql = embedded.client_program("psql")
        command = [psql, "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"]
        command += ["-d", make_conninfo(self.dsn, dbname=dbname), "-f", sql_dir() / script]
        command += [word for key in variables for word in ("-v", f"{key}={variables[key]}")]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def install(self, dbname: str) -> None:
        """A ledger in a database of its own, that the jobs' role may operate."""
        with self.connect() as admin:
            admin.execute(f"create database {dbname}")
        self.psql(dbname, "install.sql")
        with self.connect(dbname) as admin:
            admin.execute("select ledger.grant_access(%s, '*', '{operate}')", [ROLE])

    def schedule(self, dbname: str) -> str:
        return self.psql("postgres", "cron/schedule.sql", ledger=dbname, role=ROLE)


@pytest.fixture(scope="module", params=["background workers", "connections"])
def server(request: pytest.FixtureRequest, server_version: int) -> Iterator[Server]:
    """A server whose pg_cron runs its jobs in this way."""
    folder = Path(tempfile.mkdtemp(prefix="agent-events-cron-"))
    folder.chmod(0o755)
    data = folder / "pg"
    settings = {
        "shared_preload_libraries": "pg_cron",
        "cron.database_name": "postgres",
        "cron.use_background_workers": "on" if request.param == "background workers" else "off",
        "cron.host": str(data),
        "max_worker_processes": 20,
        "max_locks_per_transaction": 256,
    }
    try:
        info = embedded.ensure_server(data, server_version, fast=True, settings=settings)
        started = Server(make_conninfo(**info))
        with started.connect() as admin:
            admin.execute(f"create extension pg_cron; create role {ROLE} login")
        yield started
    finally:
        embedded.stop_server(data, server_version)
        shutil.rmtree(folder)
