"""The view ledger.events: what a reader may see, hot and archived."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from psycopg import sql

AnyConnection = psycopg.Connection[Any]


@pytest.fixture
def reader(connect: Callable[..., AnyConnection], login_role: Callable[..., str]) -> AnyConnection:
    return connect(user=login_role("reader", {"acme": ["read"]}))


def test_columns_are_those_of_the_table(pg: AnyConnection) -> None:
    table = pg.execute("select * from ledger.agent_events limit 0").description or []
    view = pg.execute("select * from ledger.events limit 0").description or []
    assert [c.name for c in view] == [c.name for c in table] + ["tier"]


@pytest.mark.usefixtures("history")
def test_reader_sees_its_tenants_in_both_tiers(reader: AnyConnection) -> None:
    rows = reader.execute(
        "select tenant_id, tier, count(*) > 0 from ledger.events group by 1, 2 order by tier"
    ).fetchall()
    assert rows == [("acme", "archive", True), ("acme", "hot", True)]


def test_leaky_function_sees_nothing_of_other_tenants(
    history: AnyConnection, reader: AnyConnection
) -> None:
    role = sql.Identifier(reader.info.user)
    history.execute(sql.SQL("create schema spy authorization {}").format(role))
    reader.execute(
        """
        create function spy.look(tenant_id text) returns boolean language plpgsql cost 0.0001
        as $$ begin
          if tenant_id <> 'acme' then raise exception 'saw %', tenant_id; end if;
          return true;
        end $$
        """
    )
    row = reader.execute("select count(*) from ledger.events where spy.look(tenant_id)").fetchone()
    assert row == (480,)


def test_order_and_limit_come_from_indexes(history: AnyConnection, reader: AnyConnection) -> None:
    history.execute("analyze ledger.agent_events, ledger.agent_events_archive")
    rows = reader.execute(
        """
        explain (costs off)
        select * from ledger.events where tenant_id = 'acme'
        order by created_at desc, id desc limit 10
        """
    ).fetchall()
    plan = "\n".join(row[0] for row in rows)
    assert "Merge Append" in plan
    assert "Sort Method" not in plan
    assert "->  Sort" not in plan


def test_view_cannot_be_written(history: AnyConnection) -> None:
    with pytest.raises(psycopg.Error):
        history.execute("delete from ledger.events")
