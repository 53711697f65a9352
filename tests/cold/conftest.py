"""A ledger with two months of 2021 in partitions of their own, sealed, the first one archived."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from cold.partitions import MAY, File, archive, batch, checkpoints, emit_at, export
from psycopg import sql

AnyConnection = psycopg.Connection[Any]


def fill(pg: AnyConnection) -> None:
    """Acme and globex emitted in May, June and now, all in turn."""
    for time, first in (("2021-05-10Z", 0), ("2021-05-20Z", 300), ("2021-06-10Z", 600)):
        emit_at(pg, time, batch(300, first=first), "acme")
        emit_at(pg, time, batch(7, first=first), "globex")
    pg.execute("select * from ledger.seal_all()")
    pg.execute("select * from ledger.emit_event('run.paused', tenant_id => 'acme')")
    pg.execute("select * from ledger.seal_all()")
    archive(pg, MAY)


@pytest.fixture
def preparation() -> tuple[Any, ...]:
    return (fill,)


@pytest.fixture
def ledger(pg: AnyConnection) -> AnyConnection:
    """A superuser's connection to what is described above."""
    return pg


@pytest.fixture
def operator(
    ledger: AnyConnection,  # noqa: ARG001
    connect: Callable[..., AnyConnection],
    login_role: Callable[..., str],
) -> AnyConnection:
    """A login that reads and operates every tenant, and nothing else."""
    return connect(user=login_role("operator", {"*": ["read", "operate"]}))


@pytest.fixture
def owner(
    ledger: AnyConnection, connect: Callable[..., AnyConnection], login_role: Callable[..., str]
) -> AnyConnection:
    """A session that acts as ledger_owner itself."""
    role = login_role("owner")
    ledger.execute(sql.SQL("grant ledger_owner to {}").format(sql.Identifier(role)))
    connection = connect(user=role)
    connection.execute("set role ledger_owner")
    return connection


@pytest.fixture
def file(operator: AnyConnection) -> File:
    """The exported partition of May, on record."""
    exported = export(operator, MAY)
    exported.record(operator)
    return exported


@pytest.fixture
def cold(ledger: AnyConnection, operator: AnyConnection, file: File) -> File:
    """The file of May, whose partition is dropped."""
    file.drop(operator, checkpoints(ledger))
    return file
