"""A ledger whose tenants take any event, and a role that reads and consumes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

AnyConnection = psycopg.Connection[Any]
Connect = Callable[..., AnyConnection]


@pytest.fixture
def ledger(pg: AnyConnection) -> AnyConnection:
    """A superuser's connection; the tenants acme and other take events of any type."""
    pg.execute("select ledger.set_tenant_policy(t, 'open') from unnest('{acme,other}'::text[]) t")
    return pg


@pytest.fixture
def reader(connect: Connect, login_role: Callable[..., str]) -> AnyConnection:
    """A login that reads and consumes for the tenant acme; autocommit."""
    return connect(user=login_role("reader", {"acme": ["read", "consume"]}))
