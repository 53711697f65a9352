"""get_event: one event by its id, from one partition."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.rows import dict_row

AnyConnection = psycopg.Connection[Any]


def test_every_event_is_found(history: AnyConnection) -> None:
    row = history.execute(
        """
        select count(*), count(*) filter (where found = e), count(distinct (found).tier)
        from ledger.events as e, ledger.get_event(e.id, tenant_id => e.tenant_id) as found
        """
    ).fetchone()
    assert row == (600, 600, 2)


@pytest.mark.parametrize("is_archived", [False, True])
def test_one_partition_is_scanned(
    history: AnyConnection, scanned: Callable[..., list[str]], is_archived: bool
) -> None:
    order = "" if is_archived else "desc"
    event = history.execute(
        f"""
        select e.id, e.tenant_id, p.partition_name::text
        from ledger.events as e
        join ledger.partitions as p on p.parent_name = 'agent_events'
          and p.from_time <= e.created_at and e.created_at < p.to_time
        order by e.created_at {order} limit 1
        """
    ).fetchone()
    assert event is not None
    for _ in range(8):  # by then a generic plan is used, if it seems better
        assert scanned("select ledger.get_event(%s, tenant_id => %s)", event[:2]) == [event[2]]


@pytest.mark.parametrize("id", [uuid4(), UUID(int=0), UUID(int=2**128 - 1), None])
def test_no_event(pg: AnyConnection, id: UUID | None) -> None:
    assert pg.execute("select * from ledger.get_event(%s)", [id]).fetchall() == []


def test_id_of_another_tenant_is_not_found(history: AnyConnection) -> None:
    rows = history.execute(
        """
        select f.* from ledger.events as e, ledger.get_event(e.id, tenant_id => 'other') as f
        where e.tenant_id = 'acme'
        """
    ).fetchall()
    assert rows == []


def test_receipt_leads_to_the_event(
    connect: Callable[..., AnyConnection], login_role: Callable[..., str]
) -> None:
    app = connect(user=login_role("app", {"acme": ["write", "read"]}), row_factory=dict_row)
    receipt: Any = app.execute(
        "select * from ledger.emit_event('run.paused', tenant_id => 'acme')"
    ).fetchone()
    event: Any = app.execute(
        "select * from ledger.get_event(%s, tenant_id => 'acme')", [receipt["id"]]
    ).fetchone()
    assert {name: event[name] for name in ("id", "created_at", "sequence", "hash")} == {
        name: receipt[name] for name in ("id", "created_at", "sequence", "hash")
    }
    assert event["tier"] == "hot"
    with pytest.raises(psycopg.Error) as caught:
        app.execute("select * from ledger.get_event(%s, tenant_id => 'other')", [receipt["id"]])
    assert caught.value.sqlstate == "LG005"
