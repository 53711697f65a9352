"""`agent-events stats`, as a person or a script uses it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from click.testing import Result

Run = Callable[..., Result]


@pytest.fixture
def emitted(pg: psycopg.Connection[Any], run: Run) -> Run:
    for outcome in ("success", "success", "failure"):
        pg.execute(
            "select ledger.emit_event('test.noted', '{\"text\": \"a\"}', outcome => %s,"
            " actor_type => 'user', actor_id => 'ann')",
            [outcome],
        )
    pg.execute("select ledger.seal_all()")
    return run


def rows(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_overview(emitted: Run) -> None:
    lines = [line.split() for line in emitted("stats").stdout.splitlines()]
    assert ["tenant", "default"] in lines
    assert ["sealed", "all"] in lines
    assert ["success", "2", "66.7%", "█" * 30] in lines
    assert ["failure", "1", "33.3%", "█" * 15] in lines
    assert ["user:ann", "3", "100.0%", "█" * 30] in lines


def test_overview_of_nothing(run: Run) -> None:
    result = run("stats", "--tenant-id", "nobody")
    assert result.exit_code == 0
    assert "nothing waits" in result.stdout


def test_overview_as_json(emitted: Run) -> None:
    (stats,) = rows(emitted("stats", "--json"))
    assert (stats["events"], stats["counted"]) == (3, 3)
    assert stats["by_outcome"][0] == {"value": "success", "events": 2, "share": 0.6667}


@pytest.mark.parametrize(
    ("by", "key"),
    [("type", "test.noted"), ("outcome", "success"), ("actor", "user:ann"), ("tenant", "default")],
)
def test_by(emitted: Run, by: str, key: str) -> None:
    first = rows(emitted("stats", "--by", by, "--json"))[0]
    assert key in first.values()
    assert first["events"] >= 2
    assert "█" in emitted("stats", "--by", by).stdout


@pytest.mark.parametrize("by", ["day", "hour"])
def test_by_time(emitted: Run, by: str) -> None:
    (row,) = rows(emitted("stats", "--by", by, "--json"))
    assert (row["events"], row["failures"]) == (3, 1)
    assert rows(emitted("stats", "--by", by, "--to", "2020-01-01", "--json")) == []
    assert rows(emitted("stats", "--by", by, "--from", "2020-01-01", "--json")) == [row]
    assert emitted("stats", "--by", by, "--to", "2020-01-01").exit_code == 0


def test_what_is_not_counted_is_said(run: Run, pg: psycopg.Connection[Any]) -> None:
    batch = json.dumps([{"event_type": "test.noted", "payload": {"text": "a"}}] * 2_001)
    pg.execute("select count(*) from ledger.emit_events(%s)", [batch])
    pg.execute("select ledger.seal_all()")
    for by in ((), ("--by", "type"), ("--by", "day"), ("--by", "hour")):
        assert "2,001 events are not counted yet" in run("stats", *by).stderr
    assert run("maintain").exit_code == 0
    assert "not counted" not in run("stats").stderr


def test_usage(run: Run) -> None:
    assert run("stats", "--by", "tenant", "--from", "2026-01-01").exit_code == 2
    for by in ((), ("--by", "type"), ("--by", "day")):
        backwards = ("--from", "2026-02-01", "--to", "2026-01-01")
        assert run("stats", *by, *backwards).exit_code == 2


def test_at_the_beginning_of_the_calendar(run: Run) -> None:
    for time in ("0001-01-01T00:00:00Z", "0001-01-05", "9999-12-31T23:59:59Z"):
        result = run("stats", "--by", "day", "--to", time)
        assert (result.exit_code, result.stderr) == (0, "")
    assert run("stats", "--by", "day", "--to", "0001-01-01T00:00:00+14:00").exit_code == 2
