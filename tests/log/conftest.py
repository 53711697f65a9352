"""Two tenants that take any event, for what is sealed from them."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

AnyConnection = psycopg.Connection[Any]


@pytest.fixture
def ledger(pg: AnyConnection) -> AnyConnection:
    """A superuser's connection; the tenants acme and other take events of any type."""
    pg.execute("select ledger.set_tenant_policy(t, 'open') from unnest('{acme,other}'::text[]) t")
    return pg
