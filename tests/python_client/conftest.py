"""Two event types of the tests' own, and a ledger on a connection that is in a transaction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from agent_events import Ledger

Connect = Callable[..., psycopg.Connection[Any]]

NOTED = {
    "type": "object",
    "properties": {"text": {"type": "string"}, "by": {"type": "string"}, "at": {"type": "string"}},
    "required": ["text"],
}


@pytest.fixture
def noted(pg: psycopg.Connection[Any]) -> str:
    """The event type test.noted, whose payload needs a text."""
    Ledger(pg).register_event_type("test.noted", NOTED, description="A note of the tests.")
    return "test.noted"


@pytest.fixture
def connection(connect: Connect, noted: str) -> psycopg.Connection[Any]:  # noqa: ARG001
    """A connection that commits when it is told to."""
    return connect(autocommit=False)


@pytest.fixture
def ledger(connection: psycopg.Connection[Any]) -> Ledger:
    return Ledger(connection)
