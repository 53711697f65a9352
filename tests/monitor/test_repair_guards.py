"""repair_guards() puts back what was taken away, and counts it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

AnyConnection = psycopg.Connection[Any]
Findings = Callable[..., set[tuple[str, str, str]]]
Window = Callable[[str], None]


def repair(connection: AnyConnection) -> int:
    row = connection.execute("select ledger.repair_guards()").fetchone()
    assert row is not None
    return int(row[0])


def test_nothing_to_repair(pg: AnyConnection) -> None:
    assert repair(pg) == 0


@pytest.mark.parametrize(
    "statement",
    [
        "alter table ledger.outbox disable trigger ledger_guard_statement",
        "drop trigger ledger_guard_statement on ledger.outbox",
        "drop trigger ledger_guard_row on ledger.outbox",
        "alter table ledger.outbox disable trigger all",
        "alter table {partition} disable trigger all",
        "alter table {partition} enable trigger all",
        "drop trigger ledger_guard_partition on {partition}",
        "drop trigger ledger_guard_partition_row on {partition}",
        "alter table ledger.streams no force row level security",
        "alter table ledger.streams disable row level security",
        (
            "create or replace trigger ledger_guard_insert before insert on ledger.agent_events"
            " for each statement when (current_user = 'ledger_append')"
            " execute function ledger_guard.refuse_change()"
        ),
    ],
)
def test_guards_are_mended(
    pg: AnyConnection, findings: Findings, window: Window, partition: str, statement: str
) -> None:
    window(statement.format(partition=partition))
    assert findings() != set()
    assert repair(pg) > 0
    assert findings() == set()
    assert repair(pg) == 0


def test_event_triggers_are_mended_by_a_superuser(pg: AnyConnection, findings: Findings) -> None:
    pg.execute("alter event trigger ledger_guard_drop disable")
    pg.execute("drop event trigger ledger_guard_ddl")
    assert repair(pg) == 2
    assert findings() == set()


def test_member_of_ledger_owner_may_repair(
    pg: AnyConnection,
    findings: Findings,
    window: Window,
    connect: Callable[..., AnyConnection],
    login_role: Callable[..., str],
) -> None:
    role = login_role("admin")
    pg.execute(f"grant ledger_owner to {role}")
    window("alter table ledger.agent_events disable trigger all")
    assert repair(connect(user=role)) > 0
    assert findings() == set()


def test_foreign_triggers_are_left_to_a_person(
    pg: AnyConnection, findings: Findings, window: Window
) -> None:
    window(
        "create trigger mine after insert on ledger.agent_runs for each row"
        " execute function suppress_redundant_updates_trigger()"
    )
    assert repair(pg) == 0
    assert {kind for _, kind, _ in findings()} == {"guard foreign trigger"}
