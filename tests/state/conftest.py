"""A database that knows deal.changed, and one with a schema for reducers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from state.streams import AnyConnection

Connect = Callable[..., AnyConnection]


@pytest.fixture
def ledger(pg: psycopg.Connection[Any]) -> AnyConnection:
    """The superuser's connection, for tenant acme."""
    pg.execute("select ledger.register_event_type('deal.changed', '{}')")
    pg.execute("set ledger.tenant_id = 'acme'")
    return pg


@pytest.fixture
def app(ledger: AnyConnection) -> AnyConnection:
    """The same, with a schema app that ledger_sandbox may use."""
    ledger.execute("create schema app; grant usage on schema app to ledger_sandbox")
    return ledger
