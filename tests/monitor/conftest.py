"""Reports of doctor()."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from problems import OF_ROLES

AnyConnection = psycopg.Connection[Any]
Findings = Callable[..., set[tuple[str, str, str]]]


@pytest.fixture
def findings(pg: AnyConnection) -> Findings:
    """`findings()`: (severity, kind, object) of what is not just for information.

    Roles belong to the cluster, so those that other tests make are left out: name the one you mean.
    """

    def look(deep: bool = False, role: str | None = None) -> set[tuple[str, str, str]]:
        report = """
            select severity, kind, object from ledger.doctor(%s)
            where severity <> 'info'
              and (kind !~ %s or object = %s)
        """
        return set(pg.execute(report, [deep, OF_ROLES, role]).fetchall())

    return look


@pytest.fixture
def window(pg: AnyConnection) -> Callable[[str], None]:
    """Run DDL on the ledger as a superuser with the event triggers out of the way."""

    def execute(statement: str) -> None:
        names = ["ddl", "detach", "drop", "rewrite"]
        for name in names:
            pg.execute(f"alter event trigger ledger_guard_{name} disable")
        pg.execute(statement)
        for name in names:
            pg.execute(f"alter event trigger ledger_guard_{name} enable always")

    return execute


@pytest.fixture
def partition(pg: AnyConnection) -> str:
    """The partition that holds what happens now."""
    row = pg.execute(
        "select 'ledger.' || partition_name from ledger.partitions"
        " where parent_name = 'agent_events' and from_time <= now() and now() < to_time"
    ).fetchone()
    assert row is not None
    return str(row[0])
