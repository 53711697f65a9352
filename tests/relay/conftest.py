"""A ledger with a type to emit, and a worker that may relay."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from relay.delivering import HAPPENED

AnyConnection = psycopg.Connection[Any]


@pytest.fixture
def ledger(pg: AnyConnection) -> AnyConnection:
    """A superuser's connection; the event types test.happened and test.other are registered."""
    for event_type in (HAPPENED, "test.other"):
        pg.execute("select ledger.register_event_type(%s, '{}')", [event_type])
    return pg


@pytest.fixture
def worker(
    ledger: AnyConnection,  # noqa: ARG001
    connect: Callable[..., AnyConnection],
    login_role: Callable[..., str],
) -> AnyConnection:
    """A connection of a role that may relay for every tenant, and nothing else."""
    return connect(user=login_role("relay", {"*": ["relay"]}))
