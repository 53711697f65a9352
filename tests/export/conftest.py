"""A ledger of the tenant acme, and logins of those who export, look after it and audit it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner, Result
from psycopg.conninfo import make_conninfo

from agent_events import Ledger
from agent_events.cli import main

AnyConnection = psycopg.Connection[Any]
Connect = Callable[..., AnyConnection]
Run = Callable[..., Result]
Forge = Callable[..., Any]


@pytest.fixture
def ledger(pg: AnyConnection) -> Ledger:
    """A superuser's client to five events of acme: of two deals, and one of a run."""
    pg.execute("set ledger.tenant_id = 'acme'")
    client = Ledger(pg)
    deal = {"aggregate_type": "deal", "aggregate_id": "7", "actor_type": "user", "actor_id": "ada"}
    client.emit_event("deal.created", {"name": "Fleet"}, **deal)
    moved = {"old_stage": "new", "new_stage": "won"}
    client.emit_event("deal.stage_changed", moved, outcome="success", **deal)
    client.emit_event("deal.created", {"name": "Dock"}, **(deal | {"aggregate_id": "8"}))
    client.emit_event("run.paused", {"reason": "lunch"})
    client.emit_event("deal.archived", {}, **deal)
    return client


def login(connect: Connect, role: str) -> Connect:
    def open_connection(**parameters: Any) -> AnyConnection:
        connection = connect(user=role, **parameters)
        connection.execute("set ledger.tenant_id = 'acme'")
        return connection

    return open_connection


@pytest.fixture
def reader(ledger: Ledger, connect: Connect, login_role: Callable[..., str]) -> AnyConnection:  # noqa: ARG001
    """A login that may read acme and nothing else."""
    return login(connect, login_role("reader", {"acme": ["read"]}))()


@pytest.fixture
def officer(ledger: Ledger, connect: Connect, login_role: Callable[..., str]) -> AnyConnection:  # noqa: ARG001
    """A login that may read acme, and its private data."""
    return login(connect, login_role("officer", {"acme": ["read", "privacy"]}))()


@pytest.fixture
def auditor(ledger: Ledger, connect: Connect, login_role: Callable[..., str]) -> AnyConnection:  # noqa: ARG001
    return login(connect, login_role("auditor", {"acme": ["audit"]}))()


@pytest.fixture
def operator(ledger: Ledger, connect: Connect, login_role: Callable[..., str]) -> AnyConnection:  # noqa: ARG001
    return login(connect, login_role("operator", {"acme": ["operate"]}))()


@pytest.fixture
def run(dsn: str) -> Run:
    """Call `agent-events` as the user of a connection: `run(reader, "export", …)`."""

    def invoke(connection: AnyConnection, *arguments: str) -> Result:
        user_dsn = make_conninfo(dsn, user=connection.info.user)
        return CliRunner().invoke(main, [*arguments, "--dsn", user_dsn], catch_exceptions=False)

    return invoke


@pytest.fixture
def forge(pg: AnyConnection) -> Forge:
    """Run a statement as a superuser whom no guard of the events stops; returns its first value."""

    def run(statement: str, *parameters: Any) -> Any:
        with pg.transaction():
            for name in ("ddl", "detach", "drop", "rewrite"):
                pg.execute(f"alter event trigger ledger_guard_{name} disable")
            tables = pg.execute("select relid::text from pg_partition_tree('ledger.agent_events')")
            for (table,) in tables.fetchall():
                pg.execute(f"alter table {table} disable trigger all")
            (value,) = pg.execute(statement, parameters).fetchone() or (None,)
            return value

    return run
