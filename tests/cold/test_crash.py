"""Whoever is cut off in the middle leaves the partition as it was, or can begin again."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from cold.partitions import COLUMNS, MAY, File, checkpoints, complaints, findings
from psycopg import sql

AnyConnection = psycopg.Connection[Any]
Connect = Callable[..., AnyConnection]
Refused = Callable[..., psycopg.Error]

COPY = sql.SQL("copy {} ({}) from stdin (format csv)").format(
    sql.Identifier("ledger", MAY), sql.SQL(COLUMNS)
)


def kill(observer: AnyConnection, victim: AnyConnection) -> None:
    """End a session, and wait until it is gone."""
    pid = victim.info.backend_pid
    observer.execute("select pg_terminate_backend(%s, 10000)", [pid])
    gone = "select count(*) from pg_stat_activity where pid = %s"
    assert observer.execute(gone, [pid]).fetchone() == (0,)


def tier(ledger: AnyConnection) -> str:
    row = ledger.execute(
        "select tier from ledger.partitions where partition_name = %s", [MAY]
    ).fetchone()
    assert row is not None
    return str(row[0])


def test_a_drop_that_was_not_committed(
    ledger: AnyConnection, operator: AnyConnection, file: File, connect: Connect
) -> None:
    victim = connect(user=operator.info.user, autocommit=False)
    file.drop(victim, checkpoints(ledger))
    kill(ledger, victim)
    assert tier(ledger) == "archive"
    assert ledger.execute("select count(*) from ledger.cold_drops").fetchone() == (0,)
    assert findings(ledger) == []
    assert complaints(ledger) == set()
    file.drop(operator, checkpoints(ledger))
    assert findings(ledger) == []


def test_a_drop_that_was_still_waiting(
    ledger: AnyConnection, operator: AnyConnection, file: File, connect: Connect
) -> None:
    """Its 100 ms are made longer, so that it can be killed at the lock."""
    with ledger.transaction():
        ledger.execute("select ledger_guard.open_window('upgrade')")
        ledger.execute("alter function ledger.lock_partition set lock_timeout = 0")
    reader = connect(autocommit=False)
    reader.execute("select count(*) from ledger.agent_events_archive")
    victim = connect(user=operator.info.user)
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(file.drop, victim, checkpoints(ledger))
        query = "select cardinality(pg_blocking_pids(%s))"
        while ledger.execute(query, [victim.info.backend_pid]).fetchone() == (0,):
            assert not waiting.done()
        kill(ledger, victim)
        with pytest.raises(psycopg.OperationalError):
            waiting.result()
    reader.rollback()
    assert tier(ledger) == "archive"
    assert findings(ledger) == []


def test_a_copy_that_was_cut_off(
    ledger: AnyConnection, operator: AnyConnection, cold: File, connect: Connect
) -> None:
    victim = connect(user=operator.info.user)
    victim.execute("select ledger.begin_restore(%s)", [MAY])

    def copy_and_die() -> None:
        with victim.cursor().copy(COPY) as copy:
            copy.write(cold.rows)
            kill(ledger, victim)

    with pytest.raises(psycopg.OperationalError):
        copy_and_die()
    assert complaints(ledger) == {("restore not finished", f"ledger.{MAY}")}
    assert findings(ledger) == []
    assert cold.restore(operator) == cold.row_count
    assert complaints(ledger) == set()


def test_a_restore_that_was_not_committed(
    ledger: AnyConnection, operator: AnyConnection, cold: File, connect: Connect
) -> None:
    cold.copy(operator)
    victim = connect(user=operator.info.user, autocommit=False)
    victim.execute("select ledger.finish_restore(%s)", [MAY])
    kill(ledger, victim)
    assert tier(ledger) == "cold"
    assert findings(ledger) == []
    assert complaints(ledger) == {("restore not finished", f"ledger.{MAY}")}
    count = operator.execute("select ledger.finish_restore(%s)", [MAY]).fetchone()
    assert count == (cold.row_count,)
    assert findings(ledger) == []
    assert complaints(ledger) == set()


def test_finishing_waits_for_who_still_copies(
    ledger: AnyConnection, operator: AnyConnection, cold: File, connect: Connect
) -> None:
    """What comes in after it began to look would never be looked at."""
    cold.copy(operator, b"")
    copying = connect(user=operator.info.user, autocommit=False)
    with copying.cursor().copy(COPY) as copy:
        copy.write(cold.rows)
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(operator.execute, "select ledger.finish_restore(%s)", [MAY])
        query = "select cardinality(pg_blocking_pids(%s))"
        while ledger.execute(query, [operator.info.backend_pid]).fetchone() == (0,):
            assert not waiting.done(), "it did not wait"
        copying.commit()
        assert waiting.result().fetchone() == (cold.row_count,)
    assert findings(ledger) == []


def test_emitting_and_reading_go_on(
    ledger: AnyConnection, cold: File, operator: AnyConnection, connect: Connect
) -> None:
    """While a restore is not committed."""
    cold.copy(operator)
    restoring = connect(user=operator.info.user, autocommit=False)
    restoring.execute("select ledger.finish_restore(%s)", [MAY])
    ledger.execute("set lock_timeout = '5s'")
    ledger.execute("select ledger.emit_event('run.paused', tenant_id => 'acme')")
    ledger.execute("select * from ledger.seal_all()")
    assert findings(ledger) == []
    restoring.commit()
    assert findings(ledger) == []
