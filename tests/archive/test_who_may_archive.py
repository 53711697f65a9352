"""Partitions hold the events of all tenants: only who operates all of them moves one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from archive.history import check_manifest, moves, tiers

AnyConnection = psycopg.Connection[Any]
Connect = Callable[..., AnyConnection]
LoginRole = Callable[..., str]
Refused = Callable[..., psycopg.Error]

CALLS = [
    "call ledger.archive_partition('{}')",
    "call ledger.restore_partition('{}')",
    "call ledger.set_partition_interval('day')",
    "select ledger.add_bounds('{}')",
    "select ledger.prepare_archive('{}')",
    "select ledger.validate_bounds('{}')",
    "select ledger.move_partition('{}', 'archive')",
    "select ledger.relocate_partition('{}')",
    "select ledger.set_retention('7 days')",
    "select ledger.change_partition_interval('day', 3)",
    "select ledger.record_step(gen_random_uuid(), 'seal', null, now(), 1, null)",
]


@pytest.fixture
def operator(connect: Connect, login_role: LoginRole) -> AnyConnection:
    return connect(user=login_role("operator", {"*": ["operate"]}))


def test_an_operator_of_all_tenants_may(
    ledger: AnyConnection, operator: AnyConnection, name: str
) -> None:
    operator.execute("call ledger.archive_partition(%s)", [name])
    assert tiers(ledger)[name] == "archive"
    operator.execute("call ledger.restore_partition(%s)", [name])
    assert tiers(ledger)[name] == "hot"
    operator.execute("select ledger.set_retention(hot_for => '7 days')")
    operator.execute("call ledger.maintain()")
    assert set(tiers(ledger).values()) == {"archive"}
    operator.execute("call ledger.set_partition_interval('day', 2)")
    assert len(moves(ledger)) == 5
    check_manifest(ledger)
    names = ledger.execute("select distinct run_by from ledger.maintenance_steps").fetchall()
    assert names == [(operator.info.user,)]
    assert operator.execute("select count(*) from ledger.partition_status").fetchone()
    assert operator.execute("select * from ledger.maintenance_plan()").fetchall()


@pytest.mark.parametrize("statement", CALLS)
def test_an_operator_of_one_tenant_may_not(
    ledger: AnyConnection,
    connect: Connect,
    login_role: LoginRole,
    name: str,
    refused: Refused,
    statement: str,
) -> None:
    operator = connect(user=login_role("acme", {"acme": ["operate", "read", "write"]}))
    before = tiers(ledger)
    refused(operator, "LG005", statement.format(name))
    assert tiers(ledger) == before
    assert moves(ledger) == []


@pytest.mark.parametrize("privilege", ["read", "write", "audit"])
@pytest.mark.parametrize("statement", [*CALLS, "call ledger.maintain()"])
def test_others_may_not(
    connect: Connect,
    login_role: LoginRole,
    name: str,
    refused: Refused,
    privilege: str,
    statement: str,
) -> None:
    other = connect(user=login_role("other", {"*": [privilege]}))
    refused(other, "42501", statement.format(name))


def test_maintain_of_an_operator_of_one_tenant_changes_nothing_of_others(
    ledger: AnyConnection, connect: Connect, login_role: LoginRole, refused: Refused
) -> None:
    ledger.execute("select ledger.set_retention(hot_for => '7 days')")
    operator = connect(user=login_role("acme", {"acme": ["operate"]}))
    before = tiers(ledger)
    refused(operator, "LG005", "call ledger.maintain()")
    assert tiers(ledger) == before
    check_manifest(ledger)


def test_parts_are_not_for_operators(operator: AnyConnection, name: str, refused: Refused) -> None:
    for statement in (
        "select ledger.record_move(p, 'archive', '{{}}') from ledger.partitions as p",
        "select ledger.lock_partition('{0}', 'agent_events', 'agent_events_archive')",
        "select ledger.reattach_partition('{0}', 'agent_events', 'outbox', now(), now())",
        "select ledger.shorten_partition('{0}', 'agent_events', now(), now())",
        "update ledger.partitions set tier = 'dropped'",
        "delete from ledger.maintenance_steps",
        "update ledger.retention_policy set hot_for = '1 day'",
    ):
        refused(operator, "42501", statement.format(name))
