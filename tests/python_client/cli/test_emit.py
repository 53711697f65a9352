"""`agent-events emit`."""

from __future__ import annotations

import json
from collections.abc import Callable
from uuid import uuid4

from click.testing import Result

from agent_events import Ledger

Run = Callable[..., Result]


def test_emits_and_says_where(run: Run, ledger: Ledger, noted: str) -> None:
    result = run(
        *("emit", noted, '{"text": "hello"}', "--aggregate-type", "note", "--aggregate-id", "n"),
        *("--actor-type", "user", "--actor-id", "ann", "--metadata", '{"a": 1}', "--no-publish"),
        *("--occurred-at", "2020-01-01T00:00:00Z", "--deal-id", str(uuid4())),
    )
    assert result.exit_code == 0
    [event] = ledger.read_stream("note", "n")
    assert result.stdout.split() == [str(event.id), "sequence", "1", "hash", event.hash.hex()]
    assert (event.actor_id, event.metadata) == ("ann", {"a": 1})


def test_json_and_standard_input(run: Run, ledger: Ledger, noted: str) -> None:
    result = run("emit", noted, "-", "--json", stdin='{"text": "piped"}')
    receipt = json.loads(result.stdout)
    event = ledger.get_event(receipt["id"])
    assert event is not None
    assert event.payload == {"text": "piped"}
    assert receipt == {
        "id": str(event.id),
        "created_at": event.created_at.isoformat(),
        "sequence": None,
        "hash": event.hash.hex(),
        "duplicate": False,
    }


def test_retry_is_said(run: Run, noted: str) -> None:
    once = ("emit", noted, '{"text": "x"}', "--idempotency-key", "k")
    assert "emitted before" not in run(*once).stdout
    assert "emitted before" in run(*once).stdout


def test_refusal_exits_with_1_and_explains(run: Run, noted: str) -> None:
    result = run("emit", noted, '{"text": 1}')
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith("error LG003: ")
    assert "\ndetail: /text: " in result.stderr


def test_other_database_errors_exit_with_1(run: Run) -> None:
    result = run("emit", "x" * 200)
    assert result.exit_code == 1
    assert result.stderr.startswith("error ")


def test_usage_exits_with_2(run: Run, noted: str) -> None:
    assert run("emit").exit_code == 2
    assert "not JSON" in run("emit", noted, "{").stderr
    assert "a JSON object is needed" in run("emit", noted, "[]").stderr
    result = run("emit", noted, "{}", "--occurred-at", "yesterday")
    assert result.exit_code == 2
    assert "is no time" in result.stderr


def test_unreachable_database_exits_with_3(run: Run, noted: str) -> None:
    result = run("emit", noted, "--dsn", "host=/nonexistent")
    assert result.exit_code == 3
    assert result.stderr.startswith("error: ")
