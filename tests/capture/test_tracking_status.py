"""doctor() says so when changes of a tracked table go unseen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

AnyConnection = psycopg.Connection[Any]
Connect = Callable[..., AnyConnection]


@pytest.fixture
def tracked(owner: AnyConnection) -> AnyConnection:
    owner.execute(
        "create table item (id int, n int not null, org text, primary key (id, n))"
        " partition by range (n);"
        "create table low partition of item for values from (0) to (10);"
        "select ledger.track_table('item', tenant_column => 'org');"
        "create table plain (id int primary key); select ledger.track_table('plain')"
    )
    return owner


def problems(connection: AnyConnection) -> list[str]:
    findings = "select detail from ledger.doctor() where kind = 'tracking broken'"
    return [detail for (detail,) in connection.execute(findings)]


def test_all_is_well(tracked: AnyConnection, pg: AnyConnection) -> None:
    assert problems(pg) == []
    tracked.execute("alter table plain enable always trigger ledger_capture_insert")
    assert problems(pg) == []


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        (
            "alter table plain disable trigger all",
            "ledger_capture_delete of shop.plain is disabled",
        ),
        (
            "alter table plain enable replica trigger ledger_capture_update",
            "ledger_capture_update of shop.plain is disabled",
        ),
        ("drop trigger ledger_capture_insert on plain", "of shop.plain is missing"),
        (
            "create table high partition of item for values from (10) to (20)",
            "ledger_capture_insert of shop.high is missing",
        ),
        ("alter table item rename n to number", "column n is gone"),
        ("alter table item drop column org", "column org is gone"),
        ("create table child () inherits (plain)", "shop.child inherits from it"),
        ("drop table plain", "the table is gone"),
    ],
)
def test_what_is_wrong(
    tracked: AnyConnection, pg: AnyConnection, statement: str, problem: str
) -> None:
    tracked.execute(statement)  # type: ignore[call-overload]
    (found,) = problems(pg)
    assert problem in found


def test_a_table_that_is_gone_can_be_untracked(tracked: AnyConnection, pg: AnyConnection) -> None:
    (oid,) = tracked.execute("select 'plain'::regclass::oid").fetchone() or ()
    tracked.execute("drop table plain")
    tracked.execute("select ledger.untrack_table(%s::regclass)", [str(oid)])
    assert problems(pg) == []


def test_the_prefix_of_a_table_that_is_gone_is_free(
    tracked: AnyConnection, pg: AnyConnection
) -> None:
    tracked.execute("drop table plain; create table plain (id int primary key)")
    tracked.execute("select ledger.track_table('plain')")
    assert problems(pg) == []


@pytest.mark.parametrize("privilege", ["register", "operate", "audit"])
def test_who_may_look(
    tracked: AnyConnection, connect: Connect, login_role: Callable[..., str], privilege: str
) -> None:
    tracked.execute("drop trigger ledger_capture_insert on plain")
    reader = connect(user=login_role("reader", {"acme": [privilege]}))
    status = "select problem is null from ledger.tracking_status order by event_prefix"
    assert reader.execute(status).fetchall() == [(True,), (False,)]


def test_tracked_again_is_whole_again(tracked: AnyConnection, pg: AnyConnection) -> None:
    tracked.execute("create table high partition of item for values from (10) to (20)")
    tracked.execute("select ledger.track_table('item', tenant_column => 'org')")
    assert problems(pg) == []
