"""`agent-events metrics`, once; tests/monitoring has the process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psycopg
from click.testing import Result
from psycopg.conninfo import make_conninfo

Run = Callable[..., Result]


def test_metrics_once(run: Run, pg: psycopg.Connection, tmp_path: Path) -> None:
    pg.execute("select ledger.emit_event('run.paused')")
    pg.execute("select ledger.seal_all()")
    assert 'agent_events_events_total{tenant_id="default"} 1.0' in run("metrics").stdout
    file = tmp_path / "ledger.prom"
    assert run("metrics", "--output", str(file)).exit_code == 0
    assert "agent_events_up 1.0" in file.read_text()
    assert list(tmp_path.iterdir()) == [file]


def test_metrics_without_a_database(run: Run, tmp_path: Path) -> None:
    nowhere = f"host={tmp_path} dbname=none"
    assert run("metrics", "--dsn", nowhere).exit_code == 3
    file = tmp_path / "ledger.prom"
    file.write_text("agent_events_seal_lag_seconds 1\n")
    result = run("metrics", "--dsn", nowhere, "--output", str(file))
    assert result.exit_code == 3
    assert "failed" in result.stderr
    samples = [line for line in file.read_text().splitlines() if not line.startswith("#")]
    assert samples == ["agent_events_up 0.0"]


def test_metrics_of_who_may_not(
    run: Run, dsn: str, login_role: Callable[..., str], tmp_path: Path
) -> None:
    role = login_role("reader", {"acme": ["read"]})
    result = run("metrics", "--dsn", f"{dsn} user={role}")
    assert result.exit_code == 1
    assert "LG005" in result.stderr
    file = tmp_path / "ledger.prom"
    result = run("metrics", "--dsn", f"{dsn} user={role}", "--output", str(file))
    assert result.exit_code == 1
    assert "LG005" in result.stderr
    assert "agent_events_up 0.0" in file.read_text()


def test_metrics_without_a_ledger(run: Run, dsn: str, tmp_path: Path) -> None:
    empty = make_conninfo(dsn, dbname="postgres")
    result = run("metrics", "--dsn", empty, "--output", str(tmp_path / "ledger.prom"))
    assert result.exit_code == 1
    assert "agent-events migrate" in result.stderr


def test_usage(run: Run) -> None:
    assert run("metrics", "--every", "1s").exit_code == 2
    assert run("metrics", "--output", "/proc/none/file").exit_code == 2
    assert run("metrics", "--listen", "nowhere").exit_code == 2
