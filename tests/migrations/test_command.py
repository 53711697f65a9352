"""`agent-events migrate`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from agent_events import migrate
from agent_events.cli import main

NewDatabase = Callable[..., str]


@pytest.fixture
def run() -> Callable[..., Result]:
    """`agent-events migrate …`."""
    return lambda *arguments: CliRunner().invoke(main, ["migrate", *arguments])


@pytest.fixture
def run_json(run: Callable[..., Result]) -> Callable[..., Any]:
    """The same with --json: what it printed."""

    def invoke(*arguments: str) -> Any:
        done = run(*arguments, "--json")
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    return invoke


def test_install_look_and_remove(
    empty_database: NewDatabase, run: Callable[..., Result], run_json: Callable[..., Any]
) -> None:
    dsn, head = empty_database(), migrate.head()
    assert run_json("current", "--dsn", dsn) == {"current": None, "head": head, "is_head": False}
    assert run("current", "--check", "--dsn", dsn).exit_code == 1
    assert run_json("--dsn", dsn) == {"steps": [head], "current": head}
    assert run_json("upgrade", "--dsn", dsn) == {"steps": [], "current": head}
    assert run("current", "--check", "--dsn", dsn).exit_code == 0
    assert run_json("--dsn", dsn, "downgrade", "base") == {"steps": [head], "current": None}


def test_text_for_people(empty_database: NewDatabase, run: Callable[..., Result]) -> None:
    dsn = empty_database()
    assert run("--dsn", dsn, "current").stdout.startswith("no ledger; the newest is")
    assert run("--dsn", dsn).stdout == f"upgraded to {migrate.head()}\n"
    assert run("--dsn", dsn).stdout == f"nothing to do: the database is at {migrate.head()}\n"
    assert f"* {migrate.head()}" in run("--dsn", dsn, "history").stdout
    assert "the ledger is gone" in run("--dsn", dsn, "downgrade", "base").stdout


def test_history_marks_the_current_revision(
    empty_database: NewDatabase, run: Callable[..., Result]
) -> None:
    dsn = empty_database()
    migrate.upgrade(dsn)
    lines = run("history", "--dsn", dsn, "--json").stdout.splitlines()
    revisions = [json.loads(line) for line in lines]
    assert [r["revision"] for r in revisions if r["is_current"]] == [migrate.head()]
    assert revisions[0]["revision"] == "agent_events_0001"


def test_short_revision_numbers_are_enough(
    empty_database: NewDatabase, run_json: Callable[..., Any]
) -> None:
    upgraded = run_json("upgrade", "0001", "--dsn", empty_database())
    assert upgraded["current"] == "agent_events_0001"


def test_sql_prints_a_script_for_psql(run: Callable[..., Result]) -> None:
    script = run("sql").stdout
    assert script.startswith("BEGIN;")
    assert script.rstrip().endswith("COMMIT;")
    versions = Path(migrate.__file__).parents[2] / "migrations" / "versions"
    for frozen in versions.glob("*.up.sql"):
        assert frozen.read_text() in script


def test_revision_that_does_not_exist(
    empty_database: NewDatabase, run: Callable[..., Result]
) -> None:
    done = run("upgrade", "9999", "--dsn", empty_database())
    assert done.exit_code == 2
    assert "agent_events_9999" in done.stderr


@pytest.mark.parametrize("subcommand", [[], ["upgrade"], ["downgrade", "base"], ["current"]])
def test_ledger_that_it_did_not_install(
    dsn: str, run: Callable[..., Result], subcommand: list[str]
) -> None:
    done = run("--dsn", dsn, *subcommand)
    assert done.exit_code == 2
    assert "holds a ledger, but not its revision" in done.stderr
    assert "hint: " in done.stderr


def test_demo_says_the_same(dsn: str) -> None:
    done = CliRunner().invoke(main, ["demo", "--dsn", dsn])
    assert done.exit_code == 2
    assert "holds a ledger, but not its revision" in done.stderr


def test_other_commands_name_it_where_there_is_no_ledger(empty_database: NewDatabase) -> None:
    done = CliRunner().invoke(main, ["doctor", "--dsn", empty_database()])
    assert done.exit_code == 1
    assert "hint: Install the ledger first: agent-events migrate" in done.stderr


def test_database_that_cannot_be_reached(run: Callable[..., Result], tmp_path: Path) -> None:
    done = run("--dsn", f"host={tmp_path} dbname=x")
    assert done.exit_code == 3
