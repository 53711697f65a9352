"""kill -9 of a server in the middle of maintenance: nothing is lost, and the next call goes on."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from archive.history import (
    HAPPENED,
    check_manifest,
    findings,
    forget_partitions,
    moves,
    tiers,
)
from crashing import kill_server
from log.consistency import check_log, rows
from log.emitting import seal_all
from maintain.steps import failures, fill_days, set_retention
from problems import problems
from psycopg.conninfo import make_conninfo

from agent_events import embedded, migrate

AnyConnection = psycopg.Connection[Any]

SETTINGS: dict[str, str | int] = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "max_locks_per_transaction": 256,
}
PREPARED = ("seal", "add bounds", "validate bounds", "prepare archive")


@dataclass(frozen=True)
class Crash:
    """Where the server is killed: what was done before, what is called, what it stands before."""

    steps_before: tuple[str, ...]
    call: str
    blocked_by: str
    tier: str  # of the partition after the crash


# Whoever waits for the record of a step has committed the step.
RECORD = "lock table ledger.maintenance_steps in access exclusive mode"
COMMANDS = "lock table ledger_guard.maintenance_commands in share mode"
MAINTAIN = "call ledger.maintain()"
STEP = "call ledger.run_steps('{{{}}}', '{{name}}', '5 minutes')"
CRASHES = {
    "within make partitions": Crash(
        (), MAINTAIN, "lock table ledger.partitions in access exclusive mode", "hot"
    ),
    "within seal": Crash(
        (), MAINTAIN, "lock table ledger.log_entries in access exclusive mode", "hot"
    ),
    "after seal": Crash((), STEP.format("seal"), RECORD, "hot"),
    "before the bounds": Crash(
        (),
        MAINTAIN,
        "select from ledger.partitions where partition_name = '{name}' for update",
        "hot",
    ),
    "within the bounds": Crash(PREPARED[:1], STEP.format("add bounds"), COMMANDS, "hot"),
    "while the bounds are tried": Crash(
        (), MAINTAIN, "lock table ledger.{name} in access share mode", "hot"
    ),
    "between bounds and validate": Crash(PREPARED[:1], STEP.format("add bounds"), RECORD, "hot"),
    "within validate": Crash(PREPARED[:2], STEP.format("validate bounds"), COMMANDS, "hot"),
    "between validate and prepare": Crash(
        PREPARED[:2], STEP.format("validate bounds"), RECORD, "hot"
    ),
    "within prepare": Crash(
        PREPARED[:3],
        STEP.format("prepare archive"),
        "lock table ledger.log_entries in access exclusive mode",
        "hot",
    ),
    "between prepare and move": Crash(PREPARED[:3], STEP.format("prepare archive"), RECORD, "hot"),
    "while the move tries": Crash(
        (), MAINTAIN, "lock table only ledger.agent_events in access share mode", "hot"
    ),
    "within the move": Crash(PREPARED, STEP.format("archive"), COMMANDS, "hot"),
    "after the move": Crash(PREPARED, STEP.format("archive"), RECORD, "archive"),
    "within bringing back": Crash(
        (*PREPARED, "archive"), STEP.format("restore"), COMMANDS, "archive"
    ),
    "after bringing back": Crash((*PREPARED, "archive"), STEP.format("restore"), RECORD, "hot"),
}
DAYS = range(40, 40 + len(CRASHES))


def start(data: Path, version: int) -> str:
    return make_conninfo(**embedded.ensure_server(data, version, settings=SETTINGS))


def await_standstill(connection: AnyConnection, pid: int) -> None:
    """Until that session waits for a lock, or sleeps before it tries again."""
    query = """
        select from pg_stat_activity
        where pid = %s and (wait_event_type = 'Lock' or wait_event = 'PgSleep')
    """
    while connection.execute(query, [pid]).fetchone() is None:
        pass


def run(connection: AnyConnection, statement: str) -> None:
    with contextlib.suppress(psycopg.OperationalError):
        connection.execute(statement)  # type: ignore[arg-type]


def crash(dsn: str, data: Path, name: str, place: Crash) -> None:
    with (
        contextlib.suppress(psycopg.OperationalError),
        psycopg.connect(dsn, autocommit=True) as admin,
        psycopg.connect(dsn, autocommit=True) as runner,
        psycopg.connect(dsn) as blocker,
        ThreadPoolExecutor(1) as threads,
    ):
        for step in place.steps_before:
            admin.execute("select ledger.maintenance_step(%s, %s)", [step, name])
        blocker.execute(place.blocked_by.replace("{name}", name))  # type: ignore[arg-type]
        running = threads.submit(run, runner, place.call.replace("{name}", name))
        try:
            await_standstill(admin, runner.info.backend_pid)
        finally:
            kill_server(data)
        running.result()


def test_a_crash_anywhere_loses_nothing(server_folder: Path, server_version: int) -> None:
    data = server_folder / "pg"
    dsn = start(data, server_version)
    migrate.upgrade(dsn)
    with psycopg.connect(dsn, autocommit=True) as connection:
        forget_partitions(connection)
        connection.execute("select ledger.register_event_type(%s, '{}')", [HAPPENED])
        names = fill_days(connection, DAYS)
        seal_all(connection)
        set_retention(connection, hot_for="7 years")
        before = events_of(connection)

    for name, (where, place) in zip(names, CRASHES.items(), strict=True):
        with psycopg.connect(dsn, autocommit=True) as connection:
            # This partition alone is due.
            connection.execute(
                """
                select ledger.set_retention(hot_for => now() - to_time - interval '1 hour')
                from ledger.partitions where partition_name = %s
                """,
                [name],
            )
        crash(dsn, data, name, place)
        dsn = start(data, server_version)
        with psycopg.connect(dsn, autocommit=True) as connection:
            assert tiers(connection)[name] == place.tier, where
            check_whole(connection, before)
            connection.execute("call ledger.maintain(max_wait => '10 seconds')")
            assert tiers(connection)[name] == "archive", where
            check_whole(connection, before)
            assert failures(connection) == []

    with psycopg.connect(dsn, autocommit=True) as connection:
        assert set(tiers(connection).values()) == {"archive"}
        assert {name for _, name in moves(connection)} == set(names)
        check_ledger_and_archive(connection)


def events_of(connection: AnyConnection) -> list[Any]:
    query = (
        "select tenant_id, created_at, id, sequence, hash from ledger.events where tenant_id = %s"
    )
    return rows(connection, f"{query} order by id", "acme")


def check_whole(connection: AnyConnection, before: list[Any]) -> None:
    assert events_of(connection) == before
    check_manifest(connection)
    seal_all(connection)
    assert [found for found in problems(connection) if found[0] != "archiving overdue"] == []
    check_log(connection, "acme")
    check_log(connection, "ledger")
    assert findings(connection, "acme", "ledger") == []


def check_ledger_and_archive(connection: AnyConnection) -> None:
    """Every partition has its guards, and nothing is left of any window."""
    assert connection.execute("select * from ledger_guard.broken_guards()").fetchall() == []
    assert connection.execute("select * from ledger_guard.current_window()").fetchall() == []


def test_crashes_under_load_lose_nothing(server_folder: Path, server_version: int) -> None:
    """Emitters go on, maintenance runs again and again; killed after so many emits."""
    data = server_folder / "pg"
    dsn = start(data, server_version)
    migrate.upgrade(dsn)
    with psycopg.connect(dsn, autocommit=True) as connection:
        forget_partitions(connection)
        connection.execute("select ledger.register_event_type(%s, '{}')", [HAPPENED])
        names = fill_days(connection, range(40, 60))
        set_retention(connection, hot_for="7 days")
    promised: list[Any] = []
    for count in (20, 60, 100):
        progress = threading.Semaphore(0)
        with ThreadPoolExecutor(4) as threads:
            emitting = [threads.submit(emit_until_dead, dsn, n, progress) for n in range(3)]
            maintaining = threads.submit(maintain_until_dead, dsn, names)
            try:
                for _ in range(count):
                    assert progress.acquire(timeout=20)
            finally:
                kill_server(data)
            maintaining.result()
            promised += [row for done in emitting for row in done.result()]
        dsn = start(data, server_version)
        with psycopg.connect(dsn, autocommit=True) as connection:
            stored = connection.execute("select id from ledger.events").fetchall()
            assert set(stored).issuperset(promised)
            check_whole(connection, events_of(connection))
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("call ledger.maintain()")
        assert set(tiers(connection).values()) == {"archive"}
        check_whole(connection, events_of(connection))
        for name in names:
            connection.execute("call ledger.restore_partition(%s)", [name])
        check_whole(connection, events_of(connection))
    assert len(promised) >= 180


Receipts = list[tuple[Any, ...]]
Emitting = Callable[..., Receipts]


def emit_until_dead(dsn: str, number: int, progress: threading.Semaphore) -> Receipts:
    receipts: Receipts = []
    query = """
        select id from ledger.emit_event(
          'test.happened', tenant_id => 'acme', aggregate_type => 'deal', aggregate_id => %s
        )
    """
    with (
        contextlib.suppress(psycopg.OperationalError),
        psycopg.connect(dsn, autocommit=True) as connection,
    ):
        while True:
            receipts += connection.execute(query, [f"new {number}"]).fetchall()
            progress.release()
    return receipts


def maintain_until_dead(dsn: str, names: list[str]) -> None:
    with (
        contextlib.suppress(psycopg.OperationalError),
        psycopg.connect(dsn, autocommit=True) as connection,
    ):
        while True:
            connection.execute("call ledger.maintain()")
            for name in names:
                connection.execute("call ledger.restore_partition(%s)", [name])
