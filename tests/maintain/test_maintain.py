"""One call does all that is due, however long nobody called; a dry run says what that is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from archive.history import check_manifest, findings, moves, since_noon, start_of_day, tiers
from log.consistency import check_log, rows
from log.emitting import emit, seal_all
from maintain.steps import ARCHIVING, failures, fill_days, plan, set_retention, steps
from problems import problems

AnyConnection = psycopg.Connection[Any]
Connect = Callable[..., AnyConnection]
Notices = Callable[[AnyConnection, str], list[str]]
Refused = Callable[..., psycopg.Error]


def check_whole(connection: AnyConnection) -> None:
    seal_all(connection)
    for tenant_id in ("acme", "ledger"):
        check_log(connection, tenant_id)
    assert findings(connection, "acme", "ledger") == []
    check_manifest(connection)
    assert problems(connection) == []


@pytest.mark.parametrize("partition_interval", ["day", "week", "month"])
def test_off_for_six_months(ledger: AnyConnection, partition_interval: str) -> None:
    """Partitions that nobody made ahead were made by emitters; none was sealed or archived."""
    names = fill_days(ledger, range(1, 184), partition_interval)
    assert len(names) >= {"day": 183, "week": 26, "month": 6}[partition_interval]
    set_retention(ledger, hot_for=since_noon(7), warm_for="3 years")
    due = [
        name
        for (name,) in ledger.execute(
            """
            select partition_name::text from ledger.partitions
            where parent_name = 'agent_events' and to_time <= %s
            order by from_time
            """,
            [start_of_day(7)],
        ).fetchall()
    ]
    assert len(due) >= {"day": 170, "week": 24, "month": 5}[partition_interval]

    ledger.execute("call ledger.maintain()")

    assert [name for name, tier in tiers(ledger).items() if tier == "archive"] == due
    assert failures(ledger) == []
    assert [kind for kind, _ in moves(ledger)] == ["ledger.partition_archived"] * len(due)
    assert plan(ledger) == [
        ("make partitions", None),
        ("seal", None),
        ("count events", None),
        ("snapshot", None),
    ]
    premade = "select count(*) from ledger.partitions where from_time > %s"
    settings = "select 2 * premake from ledger.partition_settings"
    ahead = ledger.execute(premade, [start_of_day(0)]).fetchone()
    assert ahead >= ledger.execute(settings).fetchone()
    check_whole(ledger)


def test_policy_of_7_30_365_days(ledger: AnyConnection) -> None:
    ages = [1, 7, 8, 9, 29, 30, 31, 32, 364, 365, 366, 367, 400]
    names = dict(zip(sorted(ages, reverse=True), fill_days(ledger, ages), strict=True))
    hot, warm, cold = (since_noon(days) for days in (7, 30, 365))
    set_retention(ledger, hot_for=hot, warm_for=warm, cold_for=cold)
    ledger.execute("call ledger.maintain()")
    # The partition of n days ago ended n - 1 days ago, and some hours.
    archived = {names[age] for age in ages if age - 1 >= 7}
    assert {name for name, tier in tiers(ledger).items() if tier == "archive"} == archived
    due = "select partition_name::text from ledger.partition_status where due = 'cold'"
    assert {name for (name,) in ledger.execute(due).fetchall()} == {
        names[age] for age in ages if age - 1 >= 30
    }
    check_whole(ledger)


def test_without_a_policy_nothing_is_archived(ledger: AnyConnection) -> None:
    fill_days(ledger, [400, 40])
    ledger.execute("call ledger.maintain()")
    assert set(tiers(ledger).values()) == {"hot"}
    assert [step["step"] for step in steps(ledger)] == ["make partitions", "seal", "count events"]
    check_whole(ledger)


def test_what_goes_from_hot_to_cold_is_archived_on_the_way(ledger: AnyConnection) -> None:
    """warm_for alone: a partition is exported from the archive."""
    (name,) = fill_days(ledger, [40])
    set_retention(ledger, warm_for="30 days")
    ledger.execute("call ledger.maintain()")
    assert tiers(ledger) == {name: "archive"}


def test_each_step_is_recorded(ledger: AnyConnection) -> None:
    names = fill_days(ledger, [40, 39])
    set_retention(ledger, hot_for="7 days")
    planned = plan(ledger)
    assert planned == [
        ("make partitions", None),
        ("seal", None),
        ("count events", None),
        *((step, name) for name in names for step in ARCHIVING),
    ]
    ledger.execute("call ledger.maintain()")
    done = steps(ledger)
    assert [(step["step"], step["object"]) for step in done] == planned
    assert [step["ordinal"] for step in done] == list(range(1, len(planned) + 1))
    assert len({step["run_id"] for step in done}) == 1
    assert {step["run_by"] for step in done} == {ledger.info.user}
    assert all(step["attempts"] == 1 for step in done)
    assert all(step["started_at"] <= step["finished_at"] for step in done)


def test_records_are_kept_for_a_year(ledger: AnyConnection) -> None:
    ledger.execute("call ledger.maintain()")
    ledger.execute(
        "update ledger.maintenance_steps set finished_at = finished_at - interval '366 days'"
    )
    ledger.execute("call ledger.maintain()")
    assert [step["step"] for step in steps(ledger)] == ["make partitions", "seal", "count events"]


def test_again_does_nothing_new(ledger: AnyConnection) -> None:
    fill_days(ledger, [40])
    set_retention(ledger, hot_for="7 days")
    for _ in range(3):
        ledger.execute("call ledger.maintain()")
    assert len(moves(ledger)) == 1
    check_whole(ledger)


def test_what_was_restored_is_due_again(ledger: AnyConnection) -> None:
    (name,) = fill_days(ledger, [40])
    set_retention(ledger, hot_for="7 days")
    ledger.execute("call ledger.maintain()")
    ledger.execute("call ledger.restore_partition(%s)", [name])
    assert ("archive", name) in plan(ledger)
    ledger.execute("call ledger.maintain()")
    assert tiers(ledger) == {name: "archive"}
    check_whole(ledger)


def everything(connection: AnyConnection) -> list[Any]:
    """What a dry run might have changed."""
    return [
        rows(connection, f"select * from ledger.{table} as t order by t::text")
        for table in (
            "partitions",
            "partition_settings",
            "log_heads",
            "log_sweep",
            "events",
            "maintenance_steps",
        )
    ] + [connection.execute("select count(*) from ledger_guard.maintenance_windows").fetchone()]


@pytest.mark.parametrize("autocommit", [True, False])
def test_dry_run_says_what_is_due_and_changes_nothing(
    ledger: AnyConnection, connect: Connect, notices: Notices, autocommit: bool
) -> None:
    one, other = fill_days(ledger, [40, 39])
    set_retention(ledger, hot_for="7 days")
    before = everything(ledger)
    session = connect(autocommit=autocommit)
    assert notices(session, "call ledger.maintain(dry_run => true)") == [
        "make partitions",
        "seal",
        "count events",
        f"add bounds {one}",
        f"validate bounds {one}",
        f"prepare archive {one}",
        f"archive {one}",
        f"add bounds {other}",
        f"validate bounds {other}",
        f"prepare archive {other}",
        f"archive {other}",
    ]
    session.close()
    assert everything(ledger) == before


def test_inside_a_transaction_it_is_refused(
    ledger: AnyConnection, connect: Connect, refused: Refused
) -> None:
    fill_days(ledger, [40])
    set_retention(ledger, hot_for="7 days")
    before = everything(ledger)
    refused(connect(autocommit=False), "2D000", "call ledger.maintain()")
    assert everything(ledger) == before


def test_emitters_go_on_while_much_is_archived(
    ledger: AnyConnection, connect: Connect, login_role: Callable[..., str]
) -> None:
    names = fill_days(ledger, range(20, 40))
    set_retention(ledger, hot_for="7 days")
    emitter = connect(user=login_role("app", {"acme": ["write"]}))
    emitter.execute("set lock_timeout = '5s'")
    for name in names:
        ledger.execute("select ledger.maintenance_step('seal')")
        for step in ARCHIVING:
            ledger.execute("select ledger.maintenance_step(%s, %s)", [step, name])
            emit(emitter, stream="1", event_type="test.happened")
    assert set(tiers(ledger).values()) == {"archive"}
    check_whole(ledger)
