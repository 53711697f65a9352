"""The ledger under test, and the command."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner, Result
from cold_files.ledgers import MAY, Ledger, archive, fill, give_name, ledger_of

from agent_events.cli import main

Run = Callable[..., Result]


@pytest.fixture
def preparation() -> tuple[Any, ...]:
    return (fill,)


@pytest.fixture
def hot(
    pg: psycopg.Connection[Any], dsn: str, login_role: Callable[..., str], tmp_path: Path
) -> Ledger:
    """See `fill`; the operator reads and operates every tenant, and nothing else."""
    give_name(pg)
    operator = login_role("operator", {"*": ["read", "operate"]})
    return ledger_of(pg, dsn, operator, tmp_path / "cold")


@pytest.fixture
def ledger(hot: Ledger) -> Ledger:
    """May is in the archive."""
    archive(hot.pg, MAY)
    return hot


@pytest.fixture
def exported(ledger: Ledger) -> Ledger:
    """May is in a file; everything is signed."""
    ledger.export()
    ledger.sign()
    return ledger


@pytest.fixture
def cold(exported: Ledger) -> Ledger:
    """May is in a file, and no more in the database."""
    assert exported.drop().findings == ()
    return exported


@pytest.fixture
def run(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Call `agent-events cold` with these arguments, as the operator."""
    monkeypatch.setenv("AGENT_EVENTS_DSN", ledger.operator)

    def invoke(*arguments: str) -> Result:
        return CliRunner().invoke(main, ["cold", *arguments], catch_exceptions=False)

    return invoke
