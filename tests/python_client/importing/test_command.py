from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner, Result

from agent_events.cli import main

GOOD = (1, "act-1", "2026-01-02T03:04:05Z", "approved", "user:bob", '{"comment": "ok"}')
BAD = (2, "act-1", "2026-01-02T03:04:05Z", "viewed", "user:bob", None)

Pg = psycopg.Connection[Any]
AuditFile = Callable[..., Path]
Run = Callable[..., Result]


@pytest.fixture
def run(dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Call `agent-events import-audit` with these arguments, in an empty folder."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("AGENT_EVENTS_DSN", dsn)

    def invoke(*arguments: str | Path) -> Result:
        words = ["import-audit", *map(str, arguments)]
        return CliRunner().invoke(main, words, catch_exceptions=False)

    return invoke


def test_all_rows_imported_is_exit_code_0(run: Run, audit_file: AuditFile) -> None:
    result = run(audit_file([GOOD]))
    assert result.exit_code == 0
    assert "1 rows read = 1 imported + 0 already there + 0 rejected" in result.stdout
    assert list(Path().iterdir()) == []


def test_rejected_rows_are_exit_code_1_and_in_a_report(run: Run, audit_file: AuditFile) -> None:
    result = run(audit_file([GOOD, BAD]))
    assert result.exit_code == 1
    assert "event not mapped: viewed" in result.stdout
    report = json.loads(Path("trail.import-report.json").read_text())
    assert report["imported"] == report["rejected"] == 1
    assert report["rejected_rows"] == [
        {
            "audit_id": 2,
            "action_id": "act-1",
            "timestamp": "2026-01-02T03:04:05Z",
            "event": "viewed",
            "reason": "event not mapped: viewed",
            "detail": "no entry in the mapping's [events]",
        }
    ]


def test_the_report_goes_where_it_is_told(run: Run, audit_file: AuditFile) -> None:
    run(audit_file([GOOD]), "--report", "mine.json")
    assert json.loads(Path("mine.json").read_text())["rejected_rows"] == []


def test_json(run: Run, audit_file: AuditFile) -> None:
    path = audit_file([GOOD, BAD])
    result = run(path, "--json", "--tenant", "acme", "--source", "crm")
    summary = json.loads(result.stdout)
    assert summary == {
        "source": "crm",
        "file": str(path),
        "tenant_id": "acme",
        "dry_run": False,
        "rows": 2,
        "imported": 1,
        "duplicate": 0,
        "rejected": 1,
        "imported_types": {"action.approved": 1},
        "notes": {},
        "reasons": {
            "event not mapped: viewed": {
                "rows": 1,
                "audit_ids": [2],
                "detail": "no entry in the mapping's [events]",
            }
        },
        "report": "crm.import-report.json",
    }


def test_a_mapping_file_maps_what_was_not(run: Run, audit_file: AuditFile) -> None:
    Path("mapping.toml").write_text('[events]\nviewed = "action.started"\n')
    assert run(audit_file([GOOD, BAD]), "--mapping", "mapping.toml").exit_code == 0


def test_unmapped_as_maps_the_rest(run: Run, audit_file: AuditFile) -> None:
    assert run(audit_file([GOOD, BAD]), "--unmapped-as", "action.started").exit_code == 0


def test_the_time_zone_of_times_without_offset(run: Run, audit_file: AuditFile, pg: Pg) -> None:
    run(
        audit_file([(1, "a", "2026-07-01 12:00:00", "approved", None, None)]),
        "--timezone",
        "Asia/Tokyo",
    )
    (row,) = pg.execute(
        "select occurred_at at time zone 'UTC' from ledger.events where occurred_at is not null"
    )
    assert str(row[0]) == "2026-07-01 03:00:00"


def test_a_dry_run_says_what_would_be(run: Run, audit_file: AuditFile, pg: Pg) -> None:
    result = run(audit_file([GOOD]), "--dry-run")
    assert "1 would be imported" in result.stdout
    assert pg.execute(
        "select count(*) from ledger.events where action_id is not null"
    ).fetchone() == (0,)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["absent.sqlite"], "no such file"),
        (["text.sqlite"], "not a database"),
        (["empty.sqlite"], "no table action_audit_events"),
        (["trail.sqlite", "--mapping", "broken.toml"], "no section"),
        (["trail.sqlite", "--timezone", "Mars/Olympus"], "no time zone"),
        (["trail.sqlite", "--batch", "0"], "--batch"),
    ],
)
def test_what_cannot_be_used_is_exit_code_2(
    run: Run, audit_file: AuditFile, arguments: list[str], complaint: str
) -> None:
    audit_file([GOOD]).rename("trail.sqlite")
    Path("text.sqlite").write_text("audit_id,action_id\n" * 100)
    Path("empty.sqlite").touch()
    Path("broken.toml").write_text("[event]\n")
    result = run(*arguments)
    assert result.exit_code == 2
    assert complaint in result.stderr


def test_an_unreachable_database_is_exit_code_3(run: Run, audit_file: AuditFile) -> None:
    assert run(audit_file([GOOD]), "--dsn", "host=/nonexistent").exit_code == 3


STATE = """
    select aggregate_id, sequence, event_type, payload, actor_id, occurred_at, metadata
    from ledger.events
    where tenant_id = %s and aggregate_type = 'action'
    order by aggregate_id, sequence
"""

BACKENDS = """
    select count(*) from pg_stat_activity
    where datname = current_database() and application_name = 'agent-events'
"""


def test_killed_midway_and_run_again_ends_the_same(
    run: Run, audit_file: AuditFile, pg: Pg, dsn: str
) -> None:
    total = 4000
    names = ("created", "started", "completed", "viewed")
    path = audit_file(
        (i, f"act-{i % 97}", 1767312000 + i * 3, names[i % 4], "agent:x", None)
        for i in range(total)
    )
    command = "from agent_events.cli import main; main()"
    words = ["import-audit", path, "--dsn", dsn, "--tenant", "killed", "--batch", "20"]
    process = subprocess.Popen([sys.executable, "-c", command, *words])
    count = "select count(*) from ledger.agent_events where tenant_id = 'killed'"
    before = 0
    while before < 200 and process.poll() is None:
        (before,) = pg.execute(count).fetchone() or (0,)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    while pg.execute(BACKENDS).fetchone() != (0,):
        pass
    (before,) = pg.execute(count).fetchone() or (0,)
    assert 200 <= before < total * 3 // 4

    summary = json.loads(run(path, "--tenant", "killed", "--json").stdout)
    assert summary["imported"] + summary["duplicate"] == total * 3 // 4
    assert summary["duplicate"] == before
    assert summary["rejected"] == total // 4
    run(path, "--tenant", "undisturbed")
    assert pg.execute(STATE, ["killed"]).fetchall() == pg.execute(STATE, ["undisturbed"]).fetchall()
