"""A tenant and its ambient run come with its first event, once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import psycopg
import pytest

AnyConnection = psycopg.Connection[Any]


def test_first_event_makes_tenant_and_ambient_run(pg: AnyConnection) -> None:
    pg.execute("select ledger.emit_event('run.paused', tenant_id => 'acme')")
    pg.execute("select ledger.emit_event('run.paused', tenant_id => 'acme')")
    rows = pg.execute(
        """
        select t.tenant_id, t.unknown_types, r.agent_name, r.id::text
        from ledger.tenants as t join ledger.agent_runs as r on r.tenant_id = t.tenant_id
        where t.tenant_id = 'acme'
        """
    ).fetchall()
    assert rows == [("acme", "refuse", "ambient", "00000000-0000-0000-0000-000000000000")]


def test_again_changes_nothing(pg: AnyConnection) -> None:
    pg.execute("select ledger.ensure_tenant('acme')")
    before = pg.execute("select * from ledger.tenants order by tenant_id").fetchall()
    pg.execute("select ledger.ensure_tenant('acme')")
    assert pg.execute("select * from ledger.tenants order by tenant_id").fetchall() == before


def test_sessions_that_race_all_succeed(
    pg: AnyConnection, connect: Callable[..., AnyConnection]
) -> None:
    sessions = 6
    connections = [connect() for _ in range(sessions)]
    barrier = Barrier(sessions)

    def emit(connection: AnyConnection) -> None:
        barrier.wait()
        connection.execute("select ledger.emit_event('run.paused', tenant_id => 'acme')")

    with ThreadPoolExecutor(sessions) as pool:
        for _ in pool.map(emit, connections):
            pass
    row = pg.execute(
        """
        select (select count(*) from ledger.tenants where tenant_id = 'acme'),
          (select count(*) from ledger.agent_runs where tenant_id = 'acme'),
          (select count(*) from ledger.agent_events where tenant_id = 'acme')
        """
    ).fetchone()
    assert row == (1, 1, sessions)


@pytest.mark.parametrize("tenant_id", ["a", "A.b_c-9", "0", "x" * 63])
def test_tenant_ids(pg: AnyConnection, tenant_id: str) -> None:
    pg.execute("select ledger.ensure_tenant(%s)", [tenant_id])


@pytest.mark.parametrize(
    "tenant_id", ["", " ", "*", "-a", ".a", "a b", "a/b", "ä", "x" * 64, "a\n", "a'; --", None]
)
def test_no_tenant_ids(pg: AnyConnection, tenant_id: str | None) -> None:
    with pytest.raises(psycopg.Error, match="is no tenant id") as caught:
        pg.execute("select ledger.ensure_tenant(%s)", [tenant_id])
    assert caught.value.sqlstate == "LG009"


def test_writer_cannot_make_tenants_of_its_own(
    connect: Callable[..., AnyConnection], login_role: Callable[..., str]
) -> None:
    writer = connect(user=login_role("writer", {"acme": ["write"]}))
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        writer.execute("select ledger.ensure_tenant('other')")
