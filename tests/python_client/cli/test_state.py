"""`agent-events state`."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from click.testing import Result
from verifying.tampering import forge

from agent_events import Ledger
from agent_events.cli.state import differences

Run = Callable[..., Result]

DEAL = ("deal", "42")


@pytest.fixture
def times(pg: psycopg.Connection[Any]) -> list[str]:
    """When each of the three events of deal/42 was."""
    ledger = Ledger(pg)
    ledger.register_event_type("test.changed", {})
    return [
        ledger.emit_event(
            "test.changed", payload, aggregate_type="deal", aggregate_id="42"
        ).created_at.isoformat()
        for payload in (
            {"name": "Acme", "stage": "new"},
            {"stage": "won", "contact": {"a/b": "Ada"}},
            {"name": None, "contact": {"a/b": "Bob"}},
        )
    ]


def lines(result: Result) -> list[Any]:
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_show(run: Run, times: list[str]) -> None:
    text = run("state", "show", *DEAL).stdout
    assert "sequence 3" in text
    assert '"stage": "won"' in text
    (first,) = lines(run("state", "show", *DEAL, "--sequence", "1", "--json"))
    assert first["state"] == {"name": "Acme", "stage": "new"}
    (second,) = lines(run("state", "show", *DEAL, "--at", times[1], "--json"))
    assert second["sequence"] == 2
    nothing = run("state", "show", "deal", "43")
    assert nothing.exit_code == 1
    assert "deal/43 had no event" in nothing.stderr


def test_diff(run: Run, times: list[str]) -> None:
    assert run("state", "diff", *DEAL, "--from-sequence", "2").stdout.splitlines() == [
        '- /contact/a~1b: "Ada"',
        '+ /contact/a~1b: "Bob"',
        '- /name: "Acme"',
    ]
    changes = lines(run("state", "diff", *DEAL, "--from", times[0], "--to-sequence", "2", "--json"))
    assert changes == [
        {"path": "/contact", "new": {"a/b": "Ada"}},
        {"path": "/stage", "old": "new", "new": "won"},
    ]
    assert run("state", "diff", *DEAL).exit_code == 2
    both = ("--from", times[0], "--from-sequence", "1")
    assert run("state", "diff", *DEAL, *both).exit_code == 2
    both = ("--from-sequence", "1", "--to", times[1], "--to-sequence", "2")
    assert run("state", "diff", *DEAL, *both).exit_code == 2


def test_numbers_keep_their_digits(run: Run, pg: psycopg.Connection[Any]) -> None:
    Ledger(pg).register_event_type("test.changed", {})
    for digit in (1, 2):
        pg.execute(
            "select ledger.emit_event('test.changed', %s, aggregate_type => 'deal',"
            " aggregate_id => '42')",
            [f'{{"n": 0.10000000000000000{digit}, "list": [1.50, 0.00000001]}}'],
        )
    assert run("state", "diff", *DEAL, "--from-sequence", "1").stdout.splitlines() == [
        "- /n: 0.100000000000000001",
        "+ /n: 0.100000000000000002",
    ]
    shown = '"n": 0.100000000000000002, "list": [1.50, 0.00000001]'
    for command in (["show"], ["replay", "--from-sequence", "2"]):
        assert shown in run("state", *command, *DEAL, "--json").stdout
    assert '"n": 0.100000000000000002' in run("state", "show", *DEAL).stdout


def test_replay(run: Run, times: list[str]) -> None:
    assert times
    states = lines(run("state", "replay", *DEAL, "--to-sequence", "2", "--json"))
    assert [state["sequence"] for state in states] == [1, 2]
    assert states[0]["state"] == {"name": "Acme", "stage": "new"}
    assert len(run("state", "replay", *DEAL).stdout.splitlines()) == 3


def test_replay_goes_on_page_after_page(run: Run, pg: psycopg.Connection[Any]) -> None:
    ledger = Ledger(pg)
    ledger.register_event_type("test.changed", {})
    stream = {"event_type": "test.changed", "aggregate_type": "deal", "aggregate_id": "42"}
    ledger.emit_events([{**stream, "payload": {"n": n}} for n in range(1100)])  # type: ignore[typeddict-item]
    states = lines(run("state", "replay", *DEAL, "--from-sequence", "2", "--json"))
    assert [state["state"]["n"] for state in states] == list(range(1, 1100))


def test_snapshots(run: Run, times: list[str], pg: psycopg.Connection[Any]) -> None:
    assert times
    (made,) = lines(run("state", "snapshot", *DEAL, "--json"))
    (listed,) = lines(run("state", "snapshots", "--json"))
    assert listed["id"] == made["snapshot_id"]
    assert made["snapshot_id"] in run("state", "snapshots", "deal").stdout
    assert run("state", "snapshot", *DEAL).stdout.strip() == made["snapshot_id"]
    assert "what was recorded" in run("state", "verify", "--deep").stdout
    forge(pg, "update ledger.snapshots set state = '{}'")
    result = run("state", "verify")
    assert result.exit_code == 1
    assert "snapshot forged: deal/42 sequence 3" in result.stdout


@pytest.mark.parametrize(
    ("old", "new", "changes"),
    [
        ({}, {}, []),
        ({"a": 1}, {"a": 1}, []),
        ([1], [1, 2], [("", [1], [1, 2])]),
        ({"a": {"b": 1}}, {"a": {"b": 2}}, [("/a/b", 1, 2)]),
        ({"a": {"b": 1}}, {"a": 2}, [("/a", {"b": 1}, 2)]),
        ({"a": True}, {"a": 1}, [("/a", True, 1)]),
        ([{"a": 0}], [{"a": False}], [("", [{"a": 0}], [{"a": False}])]),
        ([{"a": 0, "b": 1}], [{"b": 1, "a": 0}], []),
    ],
)
def test_differences(old: Any, new: Any, changes: list[Any]) -> None:
    assert list(differences(old, new)) == changes
