from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

Dev = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def dev(server_folder: Path) -> Dev:
    """Run `agent-events dev` as its users do, on a data directory of the test's own."""

    def run(*args: str) -> subprocess.CompletedProcess[str]:
        program = "from agent_events.cli import main; main(prog_name='agent-events')"
        return subprocess.run(
            [sys.executable, "-c", program, "dev", *args],
            check=False,
            capture_output=True,
            text=True,
            env=os.environ | {"AGENT_EVENTS_DEV_DIR": str(server_folder / "pg")},
        )

    return run


def test_up_status_and_down(dev: Dev, server_folder: Path, server_version: int) -> None:
    version = ("--pg", str(server_version))
    up = json.loads(dev("up", "--json", *version).stdout)
    assert up["running"] is True
    assert up["data"] == str(server_folder / "pg")
    with psycopg.connect(up["dsn"]) as connection:
        assert connection.info.server_version // 10000 == server_version
    assert dev("dsn").stdout.strip() == up["dsn"]
    assert json.loads(dev("dsn", "--json").stdout)["host"] == str(server_folder / "pg")
    assert dev("status").returncode == 0
    assert json.loads(dev("down", "--json", *version).stdout)["stopped"] is True
    assert dev("down", *version).stdout == "was not running\n"
    assert dev("status").returncode == 3


def test_psql_passes_arguments_on(dev: Dev, server_version: int) -> None:
    dev("up", "--pg", str(server_version))
    assert dev("psql", "-XAtc", "select 6 * 7").stdout == "42\n"
    assert dev("psql", "-Xc", "select nonsense").returncode == 1


@pytest.mark.parametrize("command", ["dsn", "psql"])
def test_without_a_server_the_error_says_how_to_start_one(dev: Dev, command: str) -> None:
    done = dev(command)
    assert done.returncode == 1
    assert "agent-events dev up" in done.stderr


def test_a_version_without_programs_is_an_error_and_no_traceback(
    dev: Dev, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AGENT_EVENTS_PG_BINDIR", raising=False)
    done = dev("up", "--pg", "14")
    assert done.returncode == 1
    assert done.stderr.startswith("Error: PostgreSQL 14 is not bundled")
