"""`agent-events maintain`, once and as a process."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import psycopg
import pytest
from click.testing import Result

from agent_events import Ledger
from agent_events.cli._units import duration, exact, length, size

Run = Callable[..., Result]
Connect = Callable[..., psycopg.Connection[Any]]

MINE = "application_name = 'agent-events' and datname = current_database()"


@pytest.fixture
def old_partition(pg: psycopg.Connection[Any]) -> str:
    """A partition of a year ago that is due for the archive."""
    pg.execute("select ledger.ensure_partition(now() - interval '1 year')")
    pg.execute("select ledger.set_retention(hot_for => '7 days')")
    row = pg.execute("select object from ledger.maintenance_plan() where step = 'archive'")
    (name,) = row.fetchone() or ("",)
    return str(name)


def rows(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def tier(pg: psycopg.Connection[Any], partition: str) -> str:
    query = "select tier from ledger.partitions where partition_name = %s"
    (found,) = pg.execute(query, [partition]).fetchone() or ("",)
    return str(found)


def test_once(run: Run, pg: psycopg.Connection[Any], old_partition: str) -> None:
    result = run("maintain")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[0].split() == ["step", "partition", "took", "result"]
    assert [line.split()[-1] for line in result.stdout.splitlines()[1:]] == ["done"] * 7
    assert f"archive          {old_partition}" in result.stdout
    assert tier(pg, old_partition) == "archive"
    kept = pg.execute("select distinct run_id from ledger.maintenance_steps").fetchall()
    assert len(kept) == 1


def test_dry_run_only_says(run: Run, pg: psycopg.Connection[Any], old_partition: str) -> None:
    result = run("maintain", "--dry-run")
    assert result.stdout.splitlines()[-1].split() == ["archive", old_partition]
    assert "nothing was done" in result.stderr
    assert rows(run("maintain", "--dry-run", "--json"))[-1] == {
        "step": "archive",
        "object": old_partition,
    }
    assert tier(pg, old_partition) == "hot"


def test_a_step_that_fails_exits_with_1(run: Run, connect: Connect, old_partition: str) -> None:
    reader = connect(autocommit=False)
    reader.execute("select count(*) from ledger.agent_events")
    result = run("maintain", "--max-wait", "1s")
    assert result.exit_code == 1
    assert "failed, " in result.stdout
    assert f"add bounds {old_partition}: 55P03 canceling statement" in result.stderr
    assert "pg_stat_activity" in result.stderr
    reader.rollback()
    steps = rows(run("maintain", "--json"))
    assert [step["error"] for step in steps] == [None] * 7


def test_what_builds_on_a_failure_is_left_out(
    run: Run, connect: Connect, old_partition: str
) -> None:
    other = connect(autocommit=False)
    other.execute(
        "select from ledger.partitions where partition_name = %s for update", [old_partition]
    )
    steps = rows(run("maintain", "--json", "--max-wait", "0s"))
    planned = ["make partitions", "seal", "count events", "add bounds"]
    assert [step["step"] for step in steps] == planned
    assert steps[-1]["error"]["sqlstate"] == "55P03"


def test_other_maintenance_goes_first(run: Run, connect: Connect) -> None:
    other = connect(autocommit=False)
    other.execute("select pg_advisory_xact_lock(hashtextextended('ledger.maintain', 7306))")
    result = run("maintain")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "Other maintenance is running" in result.stderr


def test_only_operators_of_every_tenant(run: Run, dsn: str, login_role: Callable[..., str]) -> None:
    role = login_role("operator", {"acme": ["operate"]})
    result = run("maintain", "--dsn", f"{dsn} user={role}")
    assert result.exit_code == 1
    assert "LG005" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--every", "1h", "--dry-run"], "--dry-run looks once"),
        (["--every", "0s"], "a pause of no length"),
        (["--every", "never", "--seal-every", "never"], "there is nothing to do"),
        (["--every", "hourly"], "is no length of time"),
    ],
)
def test_usage(run: Run, arguments: list[str], reason: str) -> None:
    result = run("maintain", *arguments)
    assert (result.exit_code, reason in result.stderr) == (2, True)


class Running:
    """The process, and the lines of its log."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self._lines: queue.Queue[str] = queue.Queue()
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self.process.stderr or ():
            self._lines.put(line)

    def wait_for(self, event: str, **fields: Any) -> dict[str, Any]:
        """Return the next line of that event, within a minute."""
        while True:
            line: dict[str, Any] = json.loads(self._lines.get(timeout=60))
            if line["event"] == event and fields.items() <= line.items():
                return line

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(timeout=60)


@contextmanager
def running(dsn: str, *arguments: str) -> Iterator[Running]:
    command = [str(Path(sys.executable).with_name("agent-events")), "maintain", "--json"]
    with subprocess.Popen(
        [*command, *arguments],
        env={**os.environ, "AGENT_EVENTS_DSN": dsn},
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield Running(process)
        finally:
            process.kill()


def test_the_process_seals_and_maintains(
    dsn: str, pg: psycopg.Connection[Any], old_partition: str
) -> None:
    ledger = Ledger(pg)
    with running(dsn, "--every", "1s", "--seal-every", "100ms") as process:
        assert process.wait_for("step", step="archive")["object"] == old_partition
        ledger.emit_event("run.paused")
        assert ledger.read_log(wait=timedelta(seconds=60), event_types=["run.paused"])
        process.wait_for("maintained")
        assert process.end(signal.SIGINT) == 0
        assert process.wait_for("sealed")["events"] >= 1
        process.wait_for("stopped")


def test_the_process_counts(dsn: str, pg: psycopg.Connection[Any]) -> None:
    ledger = Ledger(pg)
    ledger.emit_event("run.paused")
    with running(dsn, "--seal-every", "100ms", "--every", "never", "--count-every", "100ms") as it:
        while ledger.stats().counted_at is None:
            pass
        assert it.end() == 0
    assert ledger.stats().counted == 1


def test_the_process_comes_back_after_a_lost_connection(
    dsn: str, pg: psycopg.Connection[Any]
) -> None:
    with running(dsn, "--seal-every", "100ms") as process:
        process.wait_for("connected", work="seal")
        pg.execute(f"select pg_terminate_backend(pid) from pg_stat_activity where {MINE}")
        assert process.wait_for("failed", work="seal")["sqlstate"] == "57P01"
        process.wait_for("connected", work="seal")
        assert process.end() == 0


def test_the_process_waits_for_a_server_that_is_not_there() -> None:
    with running("host=/nowhere", "--seal-every", "1s", "--every", "never") as process:
        pauses = [process.wait_for("failed")["retry_in"] for _ in range(3)]
        assert pauses[0] < pauses[2]
        assert process.end() == 0


def test_the_process_finishes_the_step_at_hand(
    dsn: str, pg: psycopg.Connection[Any], connect: Connect, old_partition: str
) -> None:
    """Told to stop while a step waits for a lock, it is done when the lock is there."""
    blocker = connect(autocommit=False)
    blocker.execute(
        "select from ledger.partitions where partition_name = %s for update", [old_partition]
    )
    with running(dsn, "--every", "1h", "--seal-every", "never") as process:
        wait_until_blocked(pg)
        process.process.send_signal(signal.SIGTERM)
        process.wait_for("stopping")
        blocker.rollback()
        assert process.wait_for("step")["step"] == "add bounds"
        process.wait_for("stopped")
        assert process.process.wait(timeout=60) == 0
    assert tier(pg, old_partition) == "hot"
    query = "select step from ledger.maintenance_steps order by ordinal desc limit 1"
    assert pg.execute(query).fetchone() == ("add bounds",)


SHORT_GRACE = """
import sys
from datetime import timedelta
from agent_events.cli._log import LineLog
from agent_events.maintaining import Schedule, keep

hour = timedelta(hours=1)
keep(sys.argv[-1], Schedule(hour, None, max_wait=hour, grace=timedelta(seconds=1)), LineLog(True))
"""


def test_a_step_that_does_not_end_is_cancelled(
    dsn: str, pg: psycopg.Connection[Any], connect: Connect, old_partition: str
) -> None:
    """It waits for a lock that is not let go; nothing of it is done."""
    blocker = connect(autocommit=False)
    blocker.execute(
        "select from ledger.partitions where partition_name = %s for update", [old_partition]
    )
    command = [sys.executable, "-c", SHORT_GRACE, dsn]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        log = Running(process)
        wait_until_blocked(pg)
        process.send_signal(signal.SIGTERM)
        assert log.wait_for("cancelled")["work"] == "maintain"
        log.wait_for("stopped")
        assert process.wait(timeout=60) == 0
    assert tier(pg, old_partition) == "hot"


def wait_until_blocked(pg: psycopg.Connection[Any]) -> None:
    pg.execute(
        f"""
        do $$
        begin
          for i in 1..6000 loop
            if exists (
              select from pg_stat_activity where {MINE} and wait_event_type = 'Lock'
            ) then
              return;
            end if;
            perform pg_sleep(0.01), pg_stat_clear_snapshot();
          end loop;
          raise 'nobody waits';
        end
        $$
        """
    )


def test_lengths_and_sizes() -> None:
    assert duration("1h30m") == timedelta(hours=1, minutes=30)
    assert [exact(duration(text)) for text in ("500ms", "90s", "30d", "1.5h")] == [
        "500ms",
        "1m30s",
        "30d",
        "1h30m",
    ]
    assert [length(duration(text)) for text in ("200ms", "3s", "61s", "25h", "36d")] == [
        "0.2 s",
        "3 s",
        "1 minute",
        "1 day",
        "36 days",
    ]
    assert [size(n) for n in (None, 17, 106496, 1300000, 5 * 2**40)] == [
        "",
        "17 B",
        "104 kB",
        "1.2 MB",
        "5.0 TB",
    ]
