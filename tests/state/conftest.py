"""A database whose tenants take any event type, and an oracle for the states."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from state.streams import AnyConnection

Connect = Callable[..., AnyConnection]


@pytest.fixture
def ledger(pg: psycopg.Connection[Any]) -> AnyConnection:
    """The superuser's connection; tenant acme takes any event type."""
    pg.execute("select ledger.set_tenant_policy('acme', 'open')")
    pg.execute("set ledger.tenant_id = 'acme'")
    return pg


@pytest.fixture
def app(ledger: AnyConnection) -> AnyConnection:
    """The same, with a schema app that ledger_sandbox may use."""
    ledger.execute("create schema app; grant usage on schema app to ledger_sandbox, public")
    return ledger
