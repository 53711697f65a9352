"""`agent-events explore` as a process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner
from psycopg.conninfo import make_conninfo

from agent_events.cli import main

COMMAND = [str(Path(sys.executable).with_name("agent-events")), "explore"]
ANYWHERE = "0.0.0.0"  # noqa: S104
PASSWORD = "AGENT_EVENTS_EXPLORER_PASSWORD"

Start = Callable[..., str]


@pytest.fixture
def start(dsn: str, login_role: Callable[..., str]) -> Iterator[Start]:
    """`start("--auth", "basic")`: the URL of a process; stopped afterwards, it must end well."""
    running: list[subprocess.Popen[str]] = []

    def run(*arguments: str, **environment: str) -> str:
        given = make_conninfo(dsn, user=login_role("looks", {"default": ["read"]}))
        command = [*COMMAND, "--dsn", given, "--port", "0", "--json", *arguments]
        running.append(
            subprocess.Popen(
                command, stderr=subprocess.PIPE, text=True, env={**os.environ, **environment}
            )
        )
        assert running[-1].stderr is not None
        said: dict[str, Any] = json.loads(running[-1].stderr.readline())
        assert said["event"] == "listening"
        return str(said["url"])

    yield run
    for process in running:
        process.terminate()
        _, rest = process.communicate(timeout=60)
        assert process.returncode == 0, rest
        assert '"event": "stopped"' in rest


def test_it_serves_until_it_is_told_to_stop(start: Start) -> None:
    url = start()
    assert httpx.get(f"{url}events").status_code == 200
    assert "server" not in httpx.get(f"{url}events").headers
    assert httpx.get(f"{url}events", headers={"Host": "evil.example"}).status_code == 421


def test_with_a_password_it_listens_anywhere(start: Start) -> None:
    url = start("--host", ANYWHERE, "--auth", "basic", "--user", "ann", **{PASSWORD: "right"})
    local = url.replace(ANYWHERE, "127.0.0.1")
    assert httpx.get(f"{local}events").status_code == 401
    assert httpx.get(f"{local}events", auth=("ann", "right")).status_code == 200


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--host", ANYWHERE], "can be reached from other machines"),
        (["--host", ANYWHERE, "--auth", "proxy"], "AGENT_EVENTS_EXPLORER_PROXY_SECRET"),
        (["--auth", "basic"], PASSWORD),
        (["--host", "192.0.2.1", "--auth", "basic", "--user", "a:b"], PASSWORD),
        (["--host", "no.such.host.invalid", "--auth", "proxy"], "no.such.host.invalid"),
    ],
)
def test_what_is_not_safe_is_refused(
    arguments: list[str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (PASSWORD, "AGENT_EVENTS_EXPLORER_PROXY_SECRET"):
        monkeypatch.delenv(name, raising=False)
    command = ["explore", "--dsn", "dbname=none", "--port", "0", *arguments]
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 2
    assert message in done.stderr.replace("\n", " ")


def test_a_password_is_hashed_for_a_setting() -> None:
    done = CliRunner().invoke(main, ["explore", "--hash-password"], input="right\nright\n")
    assert done.exit_code == 0
    assert done.stdout.splitlines()[-1].startswith("scrypt:")


def test_a_missing_extra_says_which() -> None:
    program = "import sys; sys.modules['uvicorn'] = None; from agent_events.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, "explore"], check=False, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "pip install 'agent-events[explorer]'" in done.stderr.replace("\n", " ")
