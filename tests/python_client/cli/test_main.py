"""The command as a whole."""

from __future__ import annotations

import subprocess
import sys

import pytest
from click.testing import CliRunner
from psycopg.conninfo import make_conninfo

import agent_events
from agent_events.cli import COMMANDS, main


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str) -> None:
    result = CliRunner().invoke(main, [name, "--help"], catch_exceptions=False)
    assert result.exit_code == 0
    assert result.stdout.startswith(f"Usage: main {name} ")


def test_version() -> None:
    assert agent_events.__version__ in CliRunner().invoke(main, ["--version"]).stdout


def test_a_command_imports_only_what_it_needs() -> None:
    program = (
        "import sys; from agent_events.cli import main; main(['emit', '--help'], standalone_mode="
        "False); sys.exit('sqlalchemy' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.DEVNULL)


@pytest.mark.parametrize(
    "words", ["stats", "stats --by day", "tables list", "access-log", "events find"]
)
def test_a_database_without_a_ledger(dsn: str, words: str) -> None:
    empty = make_conninfo(dsn, dbname="postgres")
    result = CliRunner().invoke(main, [*words.split(), "--dsn", empty])
    assert result.exit_code == 1
    assert "hint: Install the ledger first: agent-events migrate" in result.stderr
