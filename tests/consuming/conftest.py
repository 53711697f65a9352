"""Consumers of acme's events, and messages as brokers deliver them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg_pool import ConnectionPool

from agent_events import open_pool

AnyConnection = psycopg.Connection[Any]
Message = tuple[dict[str, str], bytes]


@pytest.fixture
def ledger(pg: AnyConnection) -> AnyConnection:
    """A superuser's connection; acme takes any event; a table for what handlers do."""
    pg.execute("select ledger.set_tenant_policy('acme', 'open')")
    pg.execute("create table handled (event_id uuid not null, worker text)")
    pg.execute("grant select, insert on handled to public")
    return pg


@pytest.fixture
def consumer_dsn(ledger: AnyConnection, dsn: str, login_role: Callable[..., str]) -> str:  # noqa: ARG001
    """A login that consumes, and emits, for acme."""
    role = login_role("consumer", {"acme": ["consume", "write", "read"]})
    return psycopg.conninfo.make_conninfo(dsn, user=role)


@pytest.fixture
def pool(consumer_dsn: str) -> Iterator[ConnectionPool[Any]]:
    with open_pool(consumer_dsn, min_size=1, max_size=4) as opened:
        yield opened


@pytest.fixture
def message() -> Callable[..., Message]:
    """`message(event_id, data, **attributes)`: headers and body, as over HTTP."""

    def make(event_id: UUID | str | None = None, data: Any = None, **attributes: str) -> Message:
        headers = {
            "ce-specversion": "1.0",
            "ce-id": str(event_id or uuid4()),
            "ce-source": "/app/acme",
            "ce-type": "deal.created",
            "content-type": "application/json",
        }
        headers |= {f"ce-{name}": value for name, value in attributes.items()}
        return headers, json.dumps(data or {"amount": 3}).encode()

    return make
