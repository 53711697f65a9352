"""pg_cron runs maintenance and sealing of another database than its own, and tells what failed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

Server = Any  # of conftest.py
AnyConnection = psycopg.Connection[Any]

JOBS = "select jobname, schedule, command, database, username, active from cron.job order by jobid"
RUNS = """
    select d.status, d.return_message, d.username
    from cron.job_run_details as d
    join cron.job as j using (jobid)
    where j.jobname = %s and d.status in ('succeeded', 'failed')
"""
PATIENCE = 150.0  # seconds: pg_cron begins its jobs at full minutes


@pytest.fixture(scope="module")
def cron(server: Server) -> Iterator[AnyConnection]:
    """A superuser's connection to pg_cron's database, two ledgers being scheduled.

    Of the ledger `broken` the jobs' role may not seal.
    """
    for name in ("app", "broken"):
        server.install(name)
    with server.connect("broken") as admin:
        admin.execute("revoke execute on function ledger.seal_all from ledger_operator")
    with server.connect("app") as admin:
        admin.execute("select ledger.emit_event('run.paused')")
        admin.execute("update ledger.partition_settings set premake = premake + 2")
    for name in ("app", "broken"):
        server.schedule(name)
    with server.connect() as connection:
        connection.execute(
            "select cron.alter_job(jobid, schedule => '* * * * *') from cron.job"
            " where jobname like 'agent-events %' and schedule <> '1 second'"
        )
        yield connection


def run_of(cron: AnyConnection, job: str) -> tuple[str, str, str]:
    """Status, message and role of the job's first run that has ended."""
    deadline = time.monotonic() + PATIENCE
    while not (runs := cron.execute(RUNS, [job]).fetchall()):
        assert time.monotonic() < deadline, cron.execute(
            "select * from cron.job_run_details"
        ).fetchall()
    status, message, username = runs[0]
    return (status, message, username)


def test_maintain_runs(server: Server, cron: AnyConnection) -> None:
    status, message, username = run_of(cron, "agent-events maintain app")
    assert (status, username) == ("succeeded", "ledger_cron"), message
    with server.connect("app") as ledger:
        steps = ledger.execute(
            "select step, error, run_by from ledger.maintenance_steps order by finished_at limit 2"
        ).fetchall()
        assert steps == [
            ("make partitions", None, "ledger_cron"),
            ("seal", None, "ledger_cron"),
        ]
        assert ledger.execute("select count(*) from ledger.partitions").fetchone() == (12,)


def test_sealing_runs(server: Server, cron: AnyConnection) -> None:
    status, message, username = run_of(cron, "agent-events seal app")
    assert (status, username) == ("succeeded", "ledger_cron"), message
    with server.connect("app") as ledger:
        head = ledger.execute("select sum(tree_size) from ledger.log_heads").fetchone()
        assert head == (1,)


def test_step_that_fails_shows_as_failed(server: Server, cron: AnyConnection) -> None:
    status, message, _ = run_of(cron, "agent-events maintain broken")
    assert status == "failed"
    assert "1 of the steps of maintenance failed" in message
    with server.connect("broken") as ledger:
        steps = ledger.execute(
            "select step, error ->> 'sqlstate' from ledger.maintenance_steps"
            " order by finished_at limit 2"
        ).fetchall()
        assert steps == [("make partitions", None), ("seal", "42501")]

    status, message, _ = run_of(cron, "agent-events seal broken")
    assert status == "failed"
    assert "permission denied for function seal_all" in message


def test_old_runs_are_forgotten(server: Server, cron: AnyConnection) -> None:
    """The role deletes its own rows only: row-level security of pg_cron's."""
    status, message, _ = run_of(cron, "agent-events forget app")
    assert status == "succeeded", message
    cron.execute(
        """
        insert into cron.job_run_details (jobid, database, username, command, status, end_time)
        select 0, 'app', u.name, format('%s %s days', s.status, s.days), s.status,
          now() - make_interval(days => s.days, mins => 1)
        from unnest('{ledger_cron,somebody}'::text[]) as u (name)
        cross join (values ('succeeded', 1), ('succeeded', 0), ('failed', 30), ('failed', 29))
          as s (status, days)
        """
    )
    cron.execute(
        """
        insert into cron.job_run_details (runid, jobid, database, username, command, status)
        values
          (-1, 0, 'app', 'ledger_cron', 'never started, long ago', 'failed'),
          (nextval('cron.runid_seq'), 0, 'app', 'ledger_cron', 'never started', 'failed')
        """
    )
    (command,) = cron.execute(
        "select command from cron.job where jobname = 'agent-events forget app'"
    ).fetchone() or ("",)
    with server.connect(user="ledger_cron") as role:
        role.execute(command)
    left = cron.execute(
        "select username, command from cron.job_run_details where jobid = 0 order by runid"
    ).fetchall()
    assert [command for name, command in left if name == "ledger_cron"] == [
        "succeeded 0 days",
        "failed 29 days",
        "never started",
    ]
    assert len([name for name, _ in left if name == "somebody"]) == 4


def test_scheduling_again_changes_nothing(server: Server) -> None:
    server.install("again")
    with server.connect() as admin:
        first = server.schedule("again")
        jobs = admin.execute(JOBS).fetchall()
        assert server.schedule("again") == first
        assert admin.execute(JOBS).fetchall() == jobs
        mine = [job for job in jobs if job[0].endswith(" again")]
        version = admin.execute(
            "select string_to_array(extversion, '.')::text[]"
            " from pg_extension where extname = 'pg_cron'"
        ).fetchone()
    assert version is not None
    often = "* * * * *" if version[0][1].startswith("4") else "1 second"
    assert [(name, when, database, role) for name, when, _, database, role, _ in mine] == [
        ("agent-events maintain again", "7 * * * *", "again", "ledger_cron"),
        ("agent-events seal again", often, "again", "ledger_cron"),
        ("agent-events capture again", often, "again", "ledger_cron"),
        ("agent-events forget again", "37 3 * * *", "postgres", "ledger_cron"),
    ]
    assert all(active for *_, active in mine)


def test_stopping_as_the_script_says(server: Server) -> None:
    server.install("gone")
    server.schedule("gone")
    with server.connect() as admin:
        stop = (
            "select cron.unschedule(jobid) from cron.job where jobname like 'agent-events % gone'"
        )
        assert len(admin.execute(stop).fetchall()) == 4
        assert not [job for job in admin.execute(JOBS).fetchall() if job[0].endswith(" gone")]


def test_what_was_captured_becomes_events(server: Server, cron: AnyConnection) -> None:
    with server.connect("app") as ledger:
        ledger.execute("create table stock (id int primary key)")
        ledger.execute("select ledger.track_table('stock', deferred => true)")
        ledger.execute("insert into stock values (1)")
        deadline = time.monotonic() + PATIENCE
        made = "select exists (select from ledger.events where event_type = 'stock.created')"
        while ledger.execute(made).fetchone() != (True,):
            assert time.monotonic() < deadline, run_of(cron, "agent-events capture app")
            time.sleep(0.2)
