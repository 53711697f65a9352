"""`agent-events doctor`."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import psycopg
from click.testing import Result

Run = Callable[..., Result]


def test_all_is_well_in_a_fresh_database(run: Run) -> None:
    result = run("doctor", "--deep")
    assert result.exit_code == 0
    assert result.stdout.endswith("All is well.\n")
    findings = [json.loads(line) for line in run("doctor", "--json").stdout.splitlines()]
    assert [finding for finding in findings if finding["severity"] != "info"] == []


def test_a_finding_exits_with_1(run: Run, pg: psycopg.Connection[Any]) -> None:
    pg.execute("drop event trigger ledger_guard_ddl")
    result = run("doctor")
    assert result.exit_code == 1
    assert "ledger_guard_ddl" in result.stdout
    assert "All is well" not in result.stdout
