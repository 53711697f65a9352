"""docs/examples/django_app.py: committed together, rolled back together.

In a process of its own, as Django is set up once per process.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg

from agent_events import Ledger

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


def run(dsn: str, program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", "import django_app as app\n" + program],
        env=os.environ | {"AGENT_EVENTS_DSN": dsn, "PYTHONPATH": str(EXAMPLES)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_committed_or_rolled_back_together(
    dsn: str, deals: Any, pg: psycopg.Connection[Any]
) -> None:
    output = run(
        dsn,
        "from django.test import Client\n"
        "client = Client(raise_request_exception=False)\n"
        "for stage in ('won', 'impossible'):\n"
        "    print(client.get(f'/deals/d-7/{stage}', headers={'X-User': 'ann'}).status_code)\n",
    )
    assert output.split() == ["200", "500"]
    [event] = Ledger(pg).read_stream("deal", "d-7")
    assert (event.payload["new_stage"], event.actor_id) == ("won", "ann")
    assert deals() == [("d-7", "won")]


def test_reading_over_djangos_connection(dsn: str, pg: psycopg.Connection[Any]) -> None:
    """Django has JSON as text on its connections; the ledger's is JSON all the same."""
    Ledger(pg).emit_event("run.paused", {"reason": "x"}, metadata={"a": [1]})
    output = run(
        dsn,
        "[event] = app.ledger_of_request().find_events()\n"
        "print(event.payload['reason'], event.metadata['a'], event.created_at.tzinfo is not None)",
    )
    assert output == "x [1] True\n"
