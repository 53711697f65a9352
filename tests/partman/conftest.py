"""Tests of sql/partman/, where pg_partman is installed: Debian's postgresql-15-partman.

    AGENT_EVENTS_PG_BINDIR=/usr/lib/postgresql/15/bin scripts/test --pg 15 tests/partman

Nothing else collects this folder (norecursedirs in pyproject.toml), and .ci/run always runs it;
where the extension is missing, its tests fail.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from archive.history import forget_partitions

from agent_events import embedded
from agent_events._resources import sql_dir

AnyConnection = psycopg.Connection[Any]
RunScript = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run_script(dsn: str) -> RunScript:
    """`run_script("adopt.sql")`: a file of sql/partman, as a DBA runs it."""

    def run(name: str, *, check: bool = True) -> subprocess.CompletedProcess[str]:
        script: Path = sql_dir() / "partman" / name
        psql = embedded.client_program("psql")
        command = [psql, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", dsn, "-f", script]
        return subprocess.run(command, check=check, capture_output=True, text=True)

    return run


@pytest.fixture
def extension(pg: AnyConnection) -> str:
    """pg_partman in a schema of its own; its version."""
    pg.execute("create schema partman; create extension pg_partman schema partman")
    row = pg.execute("select extversion from pg_extension where extname = 'pg_partman'").fetchone()
    assert row is not None
    return str(row[0])


@pytest.fixture
def partman(pg: AnyConnection, extension: str, run_script: RunScript) -> AnyConnection:
    """A superuser's connection to a ledger that pg_partman has adopted."""
    assert extension
    run_script("adopt.sql")
    return pg


@pytest.fixture
def no_partitions(partman: AnyConnection) -> AnyConnection:
    """The same, after everything was dropped: a new ledger, for any interval."""
    forget_partitions(partman)
    return partman


@pytest.fixture
def operator(
    partman: AnyConnection,  # noqa: ARG001
    connect: Callable[..., AnyConnection],
    login_role: Callable[..., str],
) -> AnyConnection:
    """A login that may operate the ledger, with no privilege on anything of pg_partman's."""
    return connect(user=login_role("operator", {"*": ["operate"]}))
