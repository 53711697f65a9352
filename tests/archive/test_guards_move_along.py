"""An archived partition is as guarded as it was, and what the guards allow a mover is only that."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from archive.history import check_manifest, start_of_day, tiers
from problems import problems

AnyConnection = psycopg.Connection[Any]
Connect = Callable[..., AnyConnection]
Refused = Callable[..., psycopg.Error]

STATEMENTS = [
    "update ledger.{} set payload = '{{}}'",
    "update ledger.{} set payload = '{{}}' where false",
    "delete from ledger.{}",
    "delete from ledger.{} where false",
    "truncate ledger.{}",
    "insert into ledger.{} select * from ledger.{} limit 1",
]


@pytest.fixture
def archived(ledger: AnyConnection, name: str) -> str:
    ledger.execute("call ledger.archive_partition(%s)", [name])
    return name


@pytest.mark.parametrize("state", ["archived", "restored"])
def test_guards_are_whole(ledger: AnyConnection, archived: str, state: str) -> None:
    if state == "restored":
        ledger.execute("call ledger.restore_partition(%s)", [archived])
    assert ledger.execute("select * from ledger_guard.broken_guards()").fetchall() == []
    assert problems(ledger) == []
    guards = ledger.execute(
        """
        select t.tgname, t.tgenabled from pg_trigger as t
        where t.tgrelid = to_regclass('ledger.' || %s) order by 1
        """,
        [archived],
    ).fetchall()
    assert guards == [
        ("ledger_guard_partition", "A"),
        ("ledger_guard_partition_row", "A"),
        ("ledger_guard_row", "A"),
    ]


@pytest.mark.parametrize("role", [None, "ledger_owner", "ledger_append"])
@pytest.mark.parametrize("mode", ["origin", "replica"])
def test_rows_of_the_archive_stay_as_they_are(
    ledger: AnyConnection, archived: str, refused: Refused, role: str | None, mode: str
) -> None:
    """Nor through the parent; a role without the privilege does not get as far as the guards."""
    before = ledger.execute("select * from ledger.events order by id").fetchall()
    ledger.execute("select set_config('session_replication_role', %s, false)", [mode])
    if role:
        ledger.execute(f"grant all on ledger.{archived}, ledger.agent_events_archive to {role}")  # type: ignore[arg-type]
        ledger.execute(f"set role {role}")  # type: ignore[arg-type]
    for table in (archived, "agent_events_archive"):
        for statement in STATEMENTS:
            refused(ledger, "LG001", statement.format(table, table))
    ledger.execute("reset role")
    assert ledger.execute("select * from ledger.events order by id").fetchall() == before


@pytest.mark.parametrize(
    "statement",
    [
        "alter table ledger.{} disable trigger all",
        "alter table ledger.agent_events_archive detach partition ledger.{}",
        "alter table ledger.agent_events_archive add column x int",
        "alter table ledger.{} drop constraint ledger_bounds",
        "drop table ledger.{}",
        "alter table ledger.{} rename to x",
        "alter table ledger.{} set schema public",
    ],
)
def test_the_table_stays_as_it_is(
    ledger: AnyConnection, archived: str, refused: Refused, statement: str
) -> None:
    refused(ledger, "LG001", statement.format(archived))
    check_manifest(ledger)


@pytest.mark.parametrize(
    "statement",
    [
        "update ledger.{} set payload = '{{}}'",
        "delete from ledger.{}",
        "alter table ledger.{} disable trigger all",
        "drop table ledger.{}",
        "alter table ledger.agent_events detach partition ledger.{}",
    ],
)
def test_the_window_of_a_move_is_no_way_in(
    ledger: AnyConnection,
    archived: str,
    connect: Connect,
    login_role: Callable[..., str],
    refused: Refused,
    statement: str,
) -> None:
    """A member of ledger_owner who moves a partition in the same transaction gains nothing."""
    role = login_role("mover", {"*": ["operate"]})
    ledger.execute(f"grant ledger_owner to {role}")  # type: ignore[arg-type]
    before = ledger.execute("select * from ledger.events order by id").fetchall()
    mover = connect(user=role, autocommit=False)
    mover.execute("select ledger.move_partition(%s, 'hot')", [archived])
    mover.execute("set role ledger_owner")
    refused(mover, "LG001", f"{statement.format(archived)}; commit")
    assert tiers(ledger)[archived] == "archive"
    assert ledger.execute("select * from ledger.events order by id").fetchall() == before
    assert ledger.execute("select * from ledger_guard.broken_guards()").fetchall() == []
    check_manifest(ledger)


def test_events_of_the_archived_time_are_refused(
    ledger: AnyConnection,
    archived: str,  # noqa: ARG001
    refused: Refused,
) -> None:
    refused(ledger, "LG007", "select ledger.ensure_partition(%s)", [start_of_day(40)])
