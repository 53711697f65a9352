"""What docs/schedules/ offers to copy: parsed as its reader would, and its commands really run."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from configparser import ConfigParser
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

from agent_events import Ledger

SCHEDULES = Path(__file__).parents[2] / "docs" / "schedules"
COMMAND = Path(sys.executable).with_name("agent-events")
UNITS = {
    "agent-events.service": "agent-events maintain --every 1h --seal-every 1s",
    "agent-events-maintain.service": "agent-events maintain",
}


@pytest.fixture
def environment(dsn: str, tmp_path: Path) -> dict[str, str]:
    """No more than what a scheduler gives: a PATH on which the command is, and which database."""
    (tmp_path / "agent-events").symlink_to(COMMAND)
    path = f"{tmp_path}:{os.defpath}"
    kept = {name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ}
    return {**kept, "PATH": path, "AGENT_EVENTS_DSN": dsn}


@pytest.fixture
def emitted(pg: psycopg.Connection[Any]) -> Ledger:
    """An event that waits for its position."""
    ledger = Ledger(pg)
    ledger.emit_event("run.paused")
    return ledger


def jobs() -> tuple[dict[str, str], list[tuple[list[str], str]]]:
    """The crontab as cron reads it: settings, and for each line five fields and a command."""
    settings, found = {}, []
    for line in (SCHEDULES / "crontab").read_text().splitlines():
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        name, equals, value = line.partition("=")
        if equals and name.isidentifier():
            settings[name] = value
        else:
            found.append((words[:5], line.split(maxsplit=5)[5]))
    return settings, found


def run_until_sealed(
    command: list[str], environment: Mapping[str, str], ledger: Ledger
) -> tuple[int, str]:
    """Run a process that does not end by itself; tell it to, once it has sealed."""
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            ledger.read_log(wait=timedelta(seconds=60))
        finally:
            process.terminate()
        _, log = process.communicate(timeout=60)
    return process.returncode, log


def test_crontab_maintains(environment: dict[str, str], emitted: Ledger) -> None:
    settings, lines = jobs()
    assert set(settings) == {"PATH", "AGENT_EVENTS_DSN"}
    (fields, command), _ = lines
    assert fields == ["17", "*", "*", "*", "*"]
    assert "%" not in command
    done = subprocess.run(
        ["/bin/sh", "-c", command], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert len(emitted.read_log()) == 1


def test_crontab_seals(environment: dict[str, str], emitted: Ledger) -> None:
    """For two seconds instead of a minute."""
    _, (_, (fields, command)) = jobs()
    assert fields == ["*"] * 5
    assert "%" not in command
    assert command.startswith("timeout 59 ")
    short = command.replace("timeout 59 ", "timeout 3 ")
    done = subprocess.run(
        ["/bin/sh", "-c", short], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("", "")
    assert len(emitted.read_log()) == 1


def test_crontab_reports_what_fails(environment: dict[str, str]) -> None:
    """By what cron sends as mail: output."""
    _, lines = jobs()
    nowhere = {**environment, "AGENT_EVENTS_DSN": "host=/nowhere"}
    for _, command in lines:
        done = subprocess.run(
            ["/bin/sh", "-c", command.replace("timeout 59 ", "timeout 2 ")],
            env=nowhere,
            capture_output=True,
            text=True,
            check=False,
        )
        assert "No such file or directory" in done.stdout + done.stderr


@pytest.mark.parametrize("name", UNITS)
def test_unit_runs(name: str, environment: dict[str, str], emitted: Ledger) -> None:
    unit = read_unit(name)
    program, *arguments = shlex.split(unit["Service"]["ExecStart"])
    assert program.startswith("/")  # as systemd wants it
    assert shlex.join([Path(program).name, *arguments]) == UNITS[name]
    command = [str(COMMAND), *arguments]
    if unit["Service"].get("Type") == "oneshot":
        done = subprocess.run(command, env=environment, check=False, capture_output=True)
        assert done.returncode == 0
    else:
        status, log = run_until_sealed(command, environment, emitted)
        assert (status, log.splitlines()[-1].split()[1]) == (0, "stopped")
    assert len(emitted.read_log()) == 1


def test_timer_begins_the_service() -> None:
    timer = read_unit("agent-events-maintain.timer")
    assert timer["Timer"]["OnCalendar"] == "hourly"
    assert timer["Install"]["WantedBy"] == "timers.target"


def test_systemd_takes_the_units(tmp_path: Path) -> None:
    """Where systemd is; elsewhere they are at least parsed, and run, above."""
    program = shutil.which("systemd-analyze")
    for file in SCHEDULES.glob("agent-events*"):
        text = file.read_text().replace("/opt/agent-events/bin/agent-events", f'"{COMMAND}"')
        (tmp_path / file.name).write_text(text)
    if program:
        units = sorted(map(str, tmp_path.iterdir()))
        done = subprocess.run(
            [program, "--man=no", "verify", *units], capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("name", "kind"),
    [("kubernetes-cronjob.yaml", "CronJob"), ("kubernetes-deployment.yaml", "Deployment")],
)
def test_kubernetes_command_runs(
    name: str, kind: str, environment: dict[str, str], emitted: Ledger
) -> None:
    document = yaml.safe_load((SCHEDULES / name).read_text())
    assert document["kind"] == kind
    spec = document["spec"]
    pod = (spec["jobTemplate"]["spec"] if kind == "CronJob" else spec)["template"]["spec"]
    (container,) = pod["containers"]
    assert [entry["name"] for entry in container["env"]] == ["AGENT_EVENTS_DSN"]
    program, *arguments = container["command"]
    assert program == "agent-events"
    command = [str(COMMAND), *arguments]
    if kind == "CronJob":
        done = subprocess.run(command, env=environment, check=False, capture_output=True)
        assert done.returncode == 0
    else:
        labels = spec["template"]["metadata"]["labels"]
        assert labels == spec["selector"]["matchLabels"]
        status, _ = run_until_sealed(command, environment, emitted)
        assert status == 0
    assert len(emitted.read_log()) == 1


def read_unit(name: str) -> ConfigParser:
    parser = ConfigParser(interpolation=None, strict=False)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read_string((SCHEDULES / name).read_text())
    return parser
