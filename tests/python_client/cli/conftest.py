"""Run the command as a shell would, in this process."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result

from agent_events.cli import main

Run = Callable[..., Result]


@pytest.fixture
def run(dsn: str, noted: str, monkeypatch: pytest.MonkeyPatch) -> Run:  # noqa: ARG001
    """Call `agent-events` with these arguments on the test's database."""
    monkeypatch.setenv("AGENT_EVENTS_DSN", dsn)

    def invoke(*arguments: str, stdin: str | None = None) -> Result:
        return CliRunner().invoke(main, arguments, input=stdin, catch_exceptions=False)

    return invoke
