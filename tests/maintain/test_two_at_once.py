"""One runner at a time: a second one leaves, and nothing is done twice or said to have failed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from archive.history import check_manifest, findings, moves, tiers
from log.emitting import await_lock, seal_all
from maintain.steps import failures, fill_days, set_retention, steps
from problems import problems

AnyConnection = psycopg.Connection[Any]
Connect = Callable[..., AnyConnection]
Notices = Callable[[AnyConnection, str], list[str]]
Refused = Callable[..., psycopg.Error]

LEAVES = "other maintenance is running, and does what is due"


def check_done_once(connection: AnyConnection, names: list[str]) -> None:
    assert tiers(connection) == dict.fromkeys(names, "archive")
    assert sorted(moves(connection)) == [("ledger.partition_archived", name) for name in names]
    assert failures(connection) == []
    check_manifest(connection)
    seal_all(connection)
    assert findings(connection, "acme", "ledger") == []
    assert problems(connection) == []


def test_many_that_begin_together(
    ledger: AnyConnection, connect: Connect, notices: Notices
) -> None:
    names = fill_days(ledger, range(40, 46))
    set_retention(ledger, hot_for="7 days")
    sessions = [connect() for _ in range(4)]
    start = threading.Barrier(len(sessions))

    def run(session: AnyConnection) -> list[str]:
        start.wait()
        return notices(session, "call ledger.maintain()")

    with ThreadPoolExecutor(len(sessions)) as threads:
        said = list(threads.map(run, sessions))
    assert [] in said, "one of them did everything"
    assert all(each in ([], [LEAVES]) for each in said)
    check_done_once(ledger, names)


@pytest.mark.parametrize("step", ["seal", "archive"])
def test_a_second_one_leaves_at_once(
    ledger: AnyConnection, connect: Connect, notices: Notices, step: str
) -> None:
    """The first one waits inside of a step."""
    names = fill_days(ledger, [41, 40])
    set_retention(ledger, hot_for="7 days")
    first, blocker = connect(), connect(autocommit=False)
    if step == "seal":
        blocker.execute("lock table ledger.log_heads in exclusive mode")
    else:
        for name in names:
            for before in ("seal", "add bounds", "validate bounds", "prepare archive"):
                ledger.execute("select ledger.maintenance_step(%s, %s)", [before, name])
        blocker.execute(
            "select from ledger.partitions where partition_name = %s for update", [names[0]]
        )
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(notices, first, "call ledger.maintain()")
        await_lock(ledger, first)
        assert notices(ledger, "call ledger.maintain()") == [LEAVES]
        blocker.rollback()
        assert running.result() == []
    check_done_once(ledger, names)


def test_nobody_archives_beside_maintain(
    ledger: AnyConnection, connect: Connect, refused: Refused
) -> None:
    names = fill_days(ledger, [41, 40])
    set_retention(ledger, hot_for="7 days")
    first, blocker = connect(), connect(autocommit=False)
    blocker.execute("lock table ledger.log_heads in exclusive mode")
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(first.execute, "call ledger.maintain()")
        await_lock(ledger, first)
        error = refused(ledger, "LG013", "call ledger.archive_partition(%s)", [names[1]])
        assert error.diag.message_primary == "other maintenance is running"
        blocker.rollback()
        running.result()
    check_done_once(ledger, names)


def test_partitions_can_be_made_meanwhile(ledger: AnyConnection, connect: Connect) -> None:
    """An emitter that needs a partition does not wait for all of maintenance."""
    names = fill_days(ledger, range(40, 50))
    set_retention(ledger, hot_for="7 days")
    maker = connect()
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(connect().execute, "call ledger.maintain()")
        days = 100
        while not running.done():
            days += 1
            maker.execute("select ledger.ensure_partition(now() + %s * interval '1 day')", [days])
        running.result()
    check_done_once(ledger, names)
    assert [step["attempts"] for step in steps(ledger)].count(0) == 0


@pytest.mark.parametrize("how", ["pg_cancel_backend", "pg_terminate_backend"])
@pytest.mark.parametrize("where", ["seal", "prepare archive", "archive", "between attempts"])
def test_cancelled_it_leaves_nothing_locked(
    ledger: AnyConnection, connect: Connect, how: str, where: str
) -> None:
    names = fill_days(ledger, [41, 40])
    set_retention(ledger, hot_for="7 days")
    runner, blocker = connect(), connect(autocommit=False)
    match where:
        case "seal":
            blocker.execute("lock table ledger.log_heads in exclusive mode")
        case "prepare archive":
            blocker.execute("select from ledger.partitions for update")
        case "archive":
            ledger.execute("select ledger.maintenance_step('seal')")
            for step in ("add bounds", "validate bounds", "prepare archive"):
                ledger.execute("select ledger.maintenance_step(%s, %s)", [step, names[0]])
            blocker.execute("lock table ledger_guard.maintenance_commands in share mode")
        case _:
            blocker.execute("lock table only ledger.agent_events in access share mode")
    call = "call ledger.maintain()"
    if where == "archive":
        call = f"call ledger.run_steps('{{archive}}', '{names[0]}', '5 minutes')"
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(runner.execute, call)  # type: ignore[arg-type]
        if where == "between attempts":
            await_sleep(ledger, runner)
        else:
            await_lock(ledger, runner)
        ledger.execute(f"select {how}(%s)", [runner.info.backend_pid])  # type: ignore[arg-type]
        error = running.exception()
    assert isinstance(error, psycopg.OperationalError)
    locks = "select * from pg_locks where pid = %s and locktype <> 'virtualxid'"
    while (
        how == "pg_terminate_backend"
        and ledger.execute(
            "select from pg_stat_activity where pid = %s", [runner.info.backend_pid]
        ).fetchone()
    ):
        pass
    assert ledger.execute(locks, [runner.info.backend_pid]).fetchall() == []
    blocker.rollback()
    assert set(tiers(ledger).values()) == {"hot"}
    check_manifest(ledger)
    ledger.execute("call ledger.maintain()")
    check_done_once(ledger, names)


def await_sleep(connection: AnyConnection, waiting: AnyConnection) -> None:
    """Until the other connection sleeps between two attempts."""
    query = "select from pg_stat_activity where pid = %s and wait_event = 'PgSleep'"
    while connection.execute(query, [waiting.info.backend_pid]).fetchone() is None:
        pass
