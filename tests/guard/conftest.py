"""Attackers and what they meet: every test here runs real statements as real roles."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from psycopg import sql

AnyConnection = psycopg.Connection[Any]


@pytest.fixture
def event(pg: AnyConnection) -> dict[str, Any]:
    """An event of tenant acme with private data and an idempotency key, as the table holds it."""
    pg.execute("select ledger.set_tenant_policy('acme', 'open')")
    pg.execute(
        """
        select ledger.emit_event(
          'test.happened', '{"amount": 1}', tenant_id => 'acme', aggregate_type => 'deal',
          aggregate_id => '1', private => '{"name": "Ada"}', idempotency_key => 'first'
        )
        """
    )
    row = pg.execute(
        "select to_jsonb(e) || jsonb_build_object('partition', e.tableoid::regclass)"
        " from ledger.agent_events as e where tenant_id = 'acme'"
    ).fetchone()
    assert row is not None
    return dict(row[0])


@pytest.fixture
def unchanged(pg: AnyConnection, event: dict[str, Any]) -> Callable[[], bool]:
    """Whether the tables still hold exactly the one event, its message and its private data."""

    def look() -> bool:
        rows = pg.execute(
            """
            select to_jsonb(e), exists (select from ledger.outbox as o where o.id = e.id),
              exists (select from ledger.event_private as p where p.event_id = e.id)
            from ledger.agent_events as e
            where e.tenant_id = 'acme'
            """
        ).fetchall()
        fields = {key: value for key, value in event.items() if key != "partition"}
        return rows == [(fields, True, True)]

    return look


@pytest.fixture
def writer(
    event: dict[str, Any],  # noqa: ARG001
    connect: Callable[..., AnyConnection],
    login_role: Callable[..., str],
) -> AnyConnection:
    """A login that may write for the tenant acme and nothing else."""
    return connect(user=login_role("writer", {"acme": ["write"]}))


@pytest.fixture
def owner(
    pg: AnyConnection, connect: Callable[..., AnyConnection], login_role: Callable[..., str]
) -> AnyConnection:
    """A login that is a member of ledger_owner."""
    role = login_role("owner")
    pg.execute(sql.SQL("grant ledger_owner to {}").format(sql.Identifier(role)))
    return connect(user=role)


@pytest.fixture
def no_event_triggers(pg: AnyConnection) -> None:
    """What an installation without a superuser looks like."""
    drop_event_triggers(pg)


def drop_event_triggers(pg: AnyConnection) -> None:
    names = pg.execute("select evtname from pg_event_trigger where evtname like 'ledger%'")
    for (name,) in names.fetchall():
        pg.execute(sql.SQL("drop event trigger {}").format(sql.Identifier(name)))
