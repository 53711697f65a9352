"""Two tenants that take any event, for what is sealed from them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

AnyConnection = psycopg.Connection[Any]
Refused = Callable[..., psycopg.Error]


@pytest.fixture
def ledger(pg: AnyConnection) -> AnyConnection:
    """A superuser's connection; the tenants acme and other take events of any type."""
    pg.execute("select ledger.set_tenant_policy(t, 'open') from unnest('{acme,other}'::text[]) t")
    return pg


@pytest.fixture
def refused() -> Refused:
    """`refused(connection, "LG001", statement)`: it fails so; the connection is usable after."""

    def attempt(
        connection: AnyConnection, sqlstate: str, statement: str, *args: Any
    ) -> psycopg.Error:
        with pytest.raises(psycopg.Error) as caught:
            connection.execute(statement, *args)
        if not connection.autocommit:
            connection.rollback()
        assert caught.value.sqlstate == sqlstate, caught.value
        return caught.value

    return attempt
