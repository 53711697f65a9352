"""A ledger that nobody maintained, and calls of maintain() that tell what they said."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from archive.history import HAPPENED, forget_partitions

AnyConnection = psycopg.Connection[Any]
Notices = Callable[[AnyConnection, str], list[str]]


@pytest.fixture
def ledger(pg: AnyConnection) -> AnyConnection:
    """A superuser's connection; tenants take test.happened; there are no partitions yet."""
    forget_partitions(pg)
    pg.execute("select ledger.register_event_type(%s, '{}')", [HAPPENED])
    return pg


@pytest.fixture
def notices() -> Notices:
    """`notices(connection, statement)`: run it; what the server said meanwhile."""

    def run(connection: AnyConnection, statement: str) -> list[str]:
        said: list[str] = []

        def hear(diagnostic: psycopg.errors.Diagnostic) -> None:
            said.append(str(diagnostic.message_primary))

        connection.add_notice_handler(hear)
        try:
            connection.execute(statement)  # type: ignore[arg-type]
        finally:
            connection.remove_notice_handler(hear)
        return said

    return run
