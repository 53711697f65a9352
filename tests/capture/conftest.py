"""A schema of its own, whose owner may register event types, and an application that writes it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from psycopg import sql

AnyConnection = psycopg.Connection[Any]
Connect = Callable[..., AnyConnection]


@pytest.fixture
def owner(pg: AnyConnection, connect: Connect, login_role: Callable[..., str]) -> AnyConnection:
    """A login that owns the schema shop and may register event types; it may emit for acme."""
    role = login_role("owner", {"acme": ["register", "write"]})
    pg.execute(sql.SQL("create schema shop authorization {}").format(sql.Identifier(role)))
    return connect(user=role, options="-c search_path=shop -c ledger.tenant_id=acme")


@pytest.fixture
def app(
    owner: AnyConnection,
    connect: Connect,
    login_role: Callable[..., str],
) -> Connect:
    """More connections of a login that writes the tables of shop and emits for acme, no more."""
    role = login_role("app", {"acme": ["write"]})
    name = sql.Identifier(role)
    for statement in (
        "grant usage on schema shop to {}",
        "alter default privileges in schema shop grant all on tables to {}",
        "alter default privileges in schema shop grant all on sequences to {}",
    ):
        owner.execute(sql.SQL(statement).format(name))
    options = "-c search_path=shop -c ledger.tenant_id=acme"
    return lambda **parameters: connect(user=role, options=options, **parameters)
