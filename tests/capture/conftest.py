"""A schema of its own, whose owner may register event types, and an application that writes it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from psycopg import sql

AnyConnection = psycopg.Connection[Any]
Connect = Callable[..., AnyConnection]
Track = Callable[..., None]


@pytest.fixture
def owner(pg: AnyConnection, connect: Connect, login_role: Callable[..., str]) -> AnyConnection:
    """A login that owns the schema shop and may register event types; it may emit for acme."""
    role = login_role("owner", {"acme": ["register", "write"]})
    pg.execute(sql.SQL("create schema shop authorization {}").format(sql.Identifier(role)))
    return connect(user=role, options="-c search_path=shop -c ledger.tenant_id=acme")


@pytest.fixture(params=[False, True], ids=["at_once", "deferred"])
def track(owner: AnyConnection, request: pytest.FixtureRequest) -> Track:
    """Tracks a table with arguments of track_table(); the test runs once for each kind."""

    def call(table: str, **arguments: object) -> None:
        arguments["deferred"] = request.param
        owner.execute(
            sql.SQL("select ledger.track_table(%(table)s::regclass, {})").format(
                sql.SQL(", ").join(
                    sql.SQL("{} => {}").format(sql.Identifier(name), sql.Placeholder(name))
                    for name in arguments
                )
            ),
            {"table": table, **arguments},
        )

    return call


@pytest.fixture
def stock(owner: AnyConnection) -> AnyConnection:
    """Its owner, with a table of that name that is tracked as deferred."""
    owner.execute("create table stock (id int primary key, n int not null default 0, note text)")
    owner.execute("select ledger.track_table('stock', deferred => true)")
    return owner


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
