"""The command as a whole."""

from __future__ import annotations

import subprocess
import sys

import pytest
from click.testing import CliRunner

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
