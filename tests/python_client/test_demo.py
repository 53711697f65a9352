from __future__ import annotations

import json
import os
import re
import shlex
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from click.testing import CliRunner, Result

from agent_events import Ledger
from agent_events.cli import main
from agent_events.cli.demo import program_name
from agent_events.demo import NotRefused, run_agent, tampering, try_to_tamper, write_audit_file

Pg = psycopg.Connection[Any]
Run = Callable[..., Result]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, server_folder: Path, tmp_path: Path) -> Run:
    """Call `agent-events` with an embedded server of the test's own as the default one."""
    for name in ("AGENT_EVENTS_DSN", "PGHOST", "PGDATABASE", "PGUSER", "PGPORT", "PGSERVICE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AGENT_EVENTS_DEV_DIR", str(server_folder / "dev"))
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.chdir(tmp_path)

    def invoke(*words: str) -> Result:
        return CliRunner().invoke(main, words, catch_exceptions=False)

    return invoke


def suggestions(output: str) -> list[list[str]]:
    """The commands below "Try next", but the one that does not end."""
    lines = output.partition("Try next")[2].splitlines()
    commands = [shlex.split(line) for line in lines if line.startswith("  agent-events ")]
    return [words[1:] for words in commands if words[1] != "explore"]


@pytest.fixture
def bundled_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The demo's own server is the bundled one, whichever version the other tests run on."""
    with monkeypatch.context() as patch:
        patch.delenv("AGENT_EVENTS_PG_BINDIR", raising=False)
        yield


@pytest.mark.usefixtures("bundled_server")
def test_the_whole_demo_twice_and_what_it_suggests(run: Run) -> None:
    first = run("demo")
    assert first.exit_code == 0
    assert max(map(len, first.stdout.partition("Try next")[0].splitlines())) <= 90
    assert "5,000 rows read = 4,962 imported + 0 already there + 38 rejected" in first.stdout
    assert first.stdout.count("ERROR LG001") == 3
    assert "all is well" in first.stdout

    again = json.loads(run("demo", "--json").stdout)
    assert again["import"]["imported"] == 0
    assert again["import"]["duplicate"] == 4962
    assert again["agent"]["run_status"] == "completed"
    assert [refusal["sqlstate"] for refusal in again["refused"]] == ["LG001"] * 3
    assert again["findings"] == []
    assert again["proven"]["findings"] == []
    assert again["proven"]["checkpoints"] == 1
    assert again["proven"]["events"] > 4962
    assert sum(row["imported"] for row in again["event_types"]) == 4962

    commands = suggestions(first.stdout)
    assert len(commands) == 8
    assert "agent-events explore --open" in first.stdout
    for words in commands:
        # The trail has rejected rows, and import-audit says so by its exit code.
        assert run(*words).exit_code == (1 if words[0] == "import-audit" else 0), words
    assert run("dev", "status").exit_code == 3


def test_another_database(
    run: Run, other_server: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    dsn = other_server()
    result = run("demo", "--dsn", dsn, "--rows", "200")
    assert result.exit_code == 0
    assert "with AGENT_EVENTS_DSN set" in result.stdout
    monkeypatch.setenv("AGENT_EVENTS_DSN", dsn)
    for words in suggestions(result.stdout):
        assert run(*words).exit_code == (1 if words[0] == "import-audit" else 0), words


def test_it_goes_on_as_the_explorer_until_it_is_told_to_stop(
    other_server: Callable[[], str], server_folder: Path
) -> None:
    program = str(Path(sys.executable).with_name("agent-events"))
    command = [program, "demo", "--explore", "--dsn", other_server(), "--rows", "100"]
    environment = {
        **os.environ,
        "AGENT_EVENTS_DEV_DIR": str(server_folder / "dev"),
        "BROWSER": "true",  # the program: it opens nothing and ends well
    }
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment
    ) as demo:
        assert demo.stderr is not None
        said = ""
        while "explorer" not in said and (line := demo.stderr.readline()):
            said += line
        try:
            url = re.search(r"http://\S+/", said)
            assert url is not None, said
            assert "as signed" in httpx.get(f"{url[0]}integrity").text
        finally:
            demo.terminate()
            rest = demo.stderr.read()
    assert demo.returncode == 0, rest


def test_commands_name_a_venv_that_is_not_active(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    venv = tmp_path / ".venv"
    monkeypatch.setattr(sys, "prefix", str(venv))
    monkeypatch.setattr(sys, "argv", [str(venv / "bin" / "agent-events"), "demo"])
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    assert program_name() == str(venv / "bin" / "agent-events")
    monkeypatch.chdir(tmp_path)
    assert program_name() == ".venv/bin/agent-events"
    monkeypatch.setenv("VIRTUAL_ENV", str(venv))
    assert program_name() == "agent-events"


def test_an_unreachable_database(run: Run) -> None:
    assert run("demo", "--dsn", "host=/nonexistent").exit_code == 3


def content(path: Path) -> list[tuple[Any, ...]]:
    connection = sqlite3.connect(path)
    rows = connection.execute("select * from action_audit_events").fetchall()
    connection.close()
    return rows


def test_the_audit_file_is_the_same_for_the_same_seed(tmp_path: Path) -> None:
    write_audit_file(tmp_path / "one.sqlite", 500)
    write_audit_file(tmp_path / "two.sqlite", 500)
    write_audit_file(tmp_path / "three.sqlite", 500, seed=1)
    one, two, three = (content(tmp_path / f"{name}.sqlite") for name in ("one", "two", "three"))
    assert len(one) == 500
    assert one == two != three


def test_every_event_of_the_agent_names_its_cause(pg: Pg) -> None:
    story = run_agent(pg)
    ledger = Ledger(pg)
    nodes = ledger.trace(story.deal_id)
    assert len(nodes) == 15
    assert [node.event.event_type for node in nodes if node.depth == 0] == ["run.started"]
    assert {node.event.run_id for node in nodes} == {story.run_id}
    approval = ledger.get_event(story.approval_id)
    assert approval is not None
    assert (approval.actor_type, approval.actor_id) == ("user", "alice")


def test_the_prompt_is_kept_apart(pg: Pg) -> None:
    call = Ledger(pg).get_event(run_agent(pg).model_call_id)
    assert call is not None
    assert "prompt" not in call.payload
    assert "raw_output" not in call.payload
    assert call.private_hash is not None


def test_a_change_that_is_not_refused_is_rolled_back_and_reported(
    pg: Pg, monkeypatch: pytest.MonkeyPatch
) -> None:
    pg.execute("create table unguarded as select 1 as id")
    monkeypatch.setattr(tampering, "ATTEMPTS", ("delete from unguarded",))
    with pytest.raises(NotRefused):
        try_to_tamper(pg, run_agent(pg).approval_id)
    assert pg.execute("select count(*) from unguarded").fetchone() == (1,)
