"""Tenants that take any event, and who may look at what they emitted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

AnyConnection = psycopg.Connection[Any]


@pytest.fixture
def ledger(pg: AnyConnection) -> AnyConnection:
    """A superuser's connection; the tenants acme and other take events of any type."""
    pg.execute("select ledger.set_tenant_policy(t, 'open') from unnest('{acme,other}'::text[]) t")
    return pg


@pytest.fixture
def login(
    ledger: AnyConnection,  # noqa: ARG001
    connect: Callable[..., AnyConnection],
    login_role: Callable[..., str],
) -> Callable[..., AnyConnection]:
    """`login(acme=["read"])`: a connection of a role with these grants; `every` is every tenant."""

    def open_connection(**grants: list[str]) -> AnyConnection:
        named = {"*" if name == "every" else name: given for name, given in grants.items()}
        return connect(user=login_role("looks", named))

    return open_connection
