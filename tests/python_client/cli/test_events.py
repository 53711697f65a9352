"""`agent-events events`: find, show, tail and trace."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from click.testing import Result

from agent_events import Ledger, Receipt

Run = Callable[..., Result]

# Whoever runs the tests in the background has SIGINT ignored, and so would what they start.
INTERRUPTIBLE = """
import signal
from agent_events.cli import main
signal.signal(signal.SIGINT, signal.default_int_handler)
main()
"""

# A subscription has begun: it has looked how long the log is.
FOLLOWING = """
    select from pg_stat_activity
    where state = 'idle' and query like '%ledger.seal(%' and datname = current_database()
"""


@pytest.fixture
def three(ledger: Ledger, noted: str, connection: psycopg.Connection[Any]) -> list[Receipt]:
    """Three notes of one stream, committed."""
    receipts = [
        ledger.emit_event(
            noted,
            {"text": f"[red]{n}[/red]"},
            aggregate_type="note",
            aggregate_id="n",
            actor_type="user",
            actor_id="ann",
            outcome="success",
        )
        for n in range(3)
    ]
    connection.commit()
    return receipts


def test_find_is_newest_first(run: Run, noted: str, three: list[Receipt]) -> None:
    lines = run("events", "find", "--type", noted).stdout.splitlines()
    assert [line.split()[-1] for line in lines] == [str(r.id) for r in three[::-1]]
    assert f"{noted}  note/n #3  user:ann  success" in lines[0]


def test_find_pages(run: Run, noted: str, three: list[Receipt]) -> None:
    page = run("events", "find", "--type", noted, "--limit", "2", "--oldest-first")
    assert page.stderr == f"more: --after {three[1].id}\n"
    rest = run("events", "find", "--type", noted, "--oldest-first", "--after", str(three[1].id))
    assert [line.split()[-1] for line in rest.stdout.splitlines()] == [str(three[2].id)]


def test_find_filters_and_prints_json(run: Run, three: list[Receipt]) -> None:
    at = three[1].created_at.isoformat()
    result = run("events", "find", "--from", at, "--aggregate-id", "n", "--json")
    events = [json.loads(line) for line in result.stdout.splitlines()]
    assert [event["id"] for event in events] == [str(three[2].id), str(three[1].id)]
    assert events[0]["prev_hash"] == three[1].hash.hex()
    assert run("events", "find", "--actor-id", "nobody").stdout == ""


def test_show(run: Run, three: list[Receipt]) -> None:
    text = run("events", "show", str(three[0].id)).stdout
    assert f"hash           {three[0].hash.hex()}" in text
    assert '"text": "[red]0[/red]"' in text
    event = json.loads(run("events", "show", str(three[0].id), "--json").stdout)
    assert event["sequence"] == 1


def test_what_is_not_there_exits_with_1(run: Run) -> None:
    for command in ("show", "trace"):
        result = run("events", command, str(uuid4()))
        assert result.exit_code == 1
        assert "that you may see" in result.stderr


def test_tail_is_oldest_first(run: Run, noted: str, three: list[Receipt]) -> None:
    lines = run("events", "tail", "-n", "2", "--type", noted).stdout.splitlines()
    assert [line.split()[-1] for line in lines] == [str(r.id) for r in three[1:]]


def test_tail_follows_until_interrupted(
    connect: Callable[..., psycopg.Connection[Any]], dsn: str, noted: str, three: list[Receipt]
) -> None:
    late, early = connect(autocommit=False), connect(autocommit=True)
    first = Ledger(late).emit_event(noted, {"text": "emitted first, committed last"})
    command = ["events", "tail", "-f", "-n", "1", "--type", noted]
    program = INTERRUPTIBLE
    with subprocess.Popen(
        [sys.executable, "-u", "-c", program, *command, "--dsn", dsn],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().split()[-1] == str(three[-1].id)
        second = Ledger(early).emit_event(noted, {"text": "emitted last, committed first"})
        assert process.stdout.readline().split()[-1] == str(second.id)
        late.commit()
        assert process.stdout.readline().split()[-1] == str(first.id)
        process.send_signal(signal.SIGINT)
        assert process.stdout.read() == ""
    assert process.returncode == 0


def test_tail_follows_an_empty_ledger(dsn: str, noted: str, pg: psycopg.Connection[Any]) -> None:
    command = ["events", "tail", "-f", "--json", "--type", noted]
    program = INTERRUPTIBLE
    with subprocess.Popen(
        [sys.executable, "-u", "-c", program, *command, "--dsn", dsn],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        receipt = Ledger(pg).emit_event(noted, {"text": "the first"})
        assert json.loads(process.stdout.readline())["id"] == str(receipt.id)
        process.send_signal(signal.SIGINT)
    assert process.returncode == 0


def test_tail_follows_what_matches(dsn: str, noted: str, pg: psycopg.Connection[Any]) -> None:
    """Filters that the log does not know, as find_events knows them; 300 events, each once."""
    deal = uuid4()
    ledger = Ledger(pg)
    arguments = ["--actor-id", "ann", "--deal-id", str(deal), "--action-prefix", "test.", "-n", "0"]
    command = ["events", "tail", "-f", "--json", *arguments, "--dsn", dsn]
    with subprocess.Popen(
        [sys.executable, "-u", "-c", INTERRUPTIBLE, *command], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        while pg.execute(FOLLOWING).fetchone() is None:
            pass
        ann = {"actor_type": "user", "actor_id": "ann", "deal_id": deal}
        wanted = []
        for n in range(300):
            wanted.append(ledger.emit_event(noted, {"text": f"{n}"}, **ann).id)  # type: ignore[arg-type]
            ledger.emit_event(noted, {"text": "bob"}, **(ann | {"actor_id": "bob"}))  # type: ignore[arg-type]
            ledger.emit_event(noted, {"text": "elsewhere"}, actor_type="user", actor_id="ann")
        printed = [json.loads(process.stdout.readline())["id"] for _ in wanted]
        assert printed == [str(event_id) for event_id in wanted]
        process.send_signal(signal.SIGINT)
        assert process.stdout.read() == ""
    assert process.returncode == 0


def test_trace_is_a_tree(
    run: Run, ledger: Ledger, noted: str, connection: psycopg.Connection[Any]
) -> None:
    deal = uuid4()
    root = ledger.emit_event(noted, {"text": "root"}, deal_id=deal)
    child = ledger.emit_event(noted, {"text": "child"}, deal_id=deal, causation_id=root.id)
    leaf = ledger.emit_event(noted, {"text": "leaf"}, deal_id=deal, causation_id=child.id)
    other = ledger.emit_event(noted, {"text": "other"}, deal_id=deal, causation_id=root.id)
    connection.commit()
    lines = run("events", "trace", str(deal)).stdout.splitlines()
    assert lines[0] == f"correlation {deal}"
    drawn = [(line[: line.index("20")], line.split()[-1]) for line in lines[1:]]
    assert drawn == [
        ("└── ", str(root.id)),
        ("    ├── ", str(child.id)),
        ("    │   └── ", str(leaf.id)),
        ("    └── ", str(other.id)),
    ]
    nodes = [json.loads(n) for n in run("events", "trace", str(deal), "--json").stdout.splitlines()]
    assert [node["depth"] for node in nodes] == [0, 1, 2, 1]
