"""A ledger whose tenants take any event, and the verifier on it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from agent_events.verifying import Report, verify

AnyConnection = psycopg.Connection[Any]
Verify = Callable[..., Report]
Kinds = Callable[..., list[str]]


@pytest.fixture
def ledger(pg: AnyConnection) -> AnyConnection:
    """A superuser's connection; the tenants acme and other take events of any type."""
    pg.execute("select ledger.set_tenant_policy(t, 'open') from unnest('{acme,other}'::text[]) t")
    return pg


@pytest.fixture
def check(dsn: str, ledger: AnyConnection) -> Verify:  # noqa: ARG001
    """Run the verifier with these arguments as a superuser."""

    def run(**options: Any) -> Report:
        return verify(options.pop("dsn", dsn), **options)

    return run


@pytest.fixture
def kinds(check: Verify) -> Kinds:
    """Return the kinds of what the verifier finds, each once, in alphabetical order."""

    def run(**options: Any) -> list[str]:
        return sorted({finding.kind for finding in check(**options).findings})

    return run
