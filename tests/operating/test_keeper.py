"""The login of docs/operating.md may do all that the page shows."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner
from psycopg import sql

from agent_events.cli import main

PAGE = (Path(__file__).parents[2] / "docs" / "operating.md").read_text()
Connect = Callable[..., psycopg.Connection[Any]]


@pytest.fixture
def keeper(pg: psycopg.Connection[Any], login_role: Callable[..., str]) -> str:
    role = login_role("keeper", {"*": ["read", "operate"]})
    pg.execute(sql.SQL("grant pg_read_all_stats to {}").format(sql.Identifier(role)))
    return role


def test_the_login_is_the_one_of_the_page() -> None:
    assert "grant_access('ledger_keeper', '*', '{read,operate}')" in PAGE
    assert "grant pg_read_all_stats to ledger_keeper;" in PAGE


def test_its_queries(pg: psycopg.Connection[Any], connect: Connect, keeper: str) -> None:
    pg.execute("select ledger.emit_event('run.paused')")
    connection = connect(user=keeper)
    queries = PAGE.partition("For graphs:\n\n```sql\n")[2].partition("```")[0]
    unsealed, *others = [query for query in queries.split(";") if query.strip()]
    assert [row[:2] for row in connection.execute(unsealed).fetchall()] == [("default", 1)]
    connection.execute("select ledger.seal_all()")
    assert connection.execute(unsealed).fetchall() == []
    assert len(others) == 5
    for query in others:
        connection.execute(query).fetchall()


def test_its_commands(dsn: str, keeper: str) -> None:
    lines = [line[2:] for line in PAGE.splitlines() if line.startswith("$ agent-events ")]
    assert len(lines) > 5
    for line in [*lines, "agent-events doctor"]:
        _, *words = shlex.split(line, comments=True)
        if "--every" in words:
            continue
        environment = {"AGENT_EVENTS_DSN": f"{dsn} user={keeper}"}
        done = CliRunner().invoke(main, words, env=environment)
        assert done.exit_code == 0, f"{line}: {done.output}"
