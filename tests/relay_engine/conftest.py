"""Relay processes, and a ledger with something to deliver."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import psycopg
import pytest

from agent_events import Ledger

MOVED = "deal.moved"
RELAY = "test"
COMMAND = [str(Path(sys.executable).with_name("agent-events")), "relay", "run", "--json"]

Emit = Callable[..., None]
Start = Callable[..., "Running"]


class Running:
    """A relay process, and the lines of its log."""

    def __init__(self, dsn: str, to: str, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [*COMMAND, "--relay", RELAY, "--to", to, *arguments],
            env={**os.environ, "AGENT_EVENTS_DSN": dsn},
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
        )
        self.log: list[dict[str, Any]] = []
        self._lines: queue.Queue[str] = queue.Queue()
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self.process.stderr or ():
            self._lines.put(line)

    def wait_for(self, event: str, **fields: Any) -> dict[str, Any]:
        """Return the next line of that event, within a minute."""
        while True:
            text = self._lines.get(timeout=60)
            line: dict[str, Any] = json.loads(text) if text.startswith("{") else {"event": text}
            self.log.append(line)
            if line["event"] == event and fields.items() <= line.items():
                return line

    def send_signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Tell it to end, and wait: its exit code."""
        self.process.send_signal(number)
        return self.process.wait(timeout=60)

    def wait(self) -> int:
        """Wait until it ends: its exit code."""
        return self.process.wait(timeout=120)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join(10)
        if self.process.stderr:
            self.process.stderr.close()


@pytest.fixture
def start(dsn: str) -> Iterator[Start]:
    """Start `agent-events relay run --relay test --to …`; `start(to, "--once", dsn=…)`."""
    started: list[Running] = []

    def run(to: str, *arguments: str, dsn: str = dsn) -> Running:
        started.append(Running(dsn, to, *arguments))
        return started[-1]

    yield run
    for each in started:
        each.close()


@pytest.fixture
def ledger(pg: psycopg.Connection[Any]) -> Ledger:
    """With the type deal.moved, which has any payload."""
    ledger = Ledger(pg)
    ledger.register_event_type(MOVED, {})
    return ledger


@pytest.fixture
def emit(ledger: Ledger) -> Emit:
    """Emit events {"n": 0}, {"n": 1}, … that take turns with so many aggregates."""
    emitted = 0

    def emit_more(count: int, aggregates: int = 10, tenant_id: str | None = None) -> None:
        nonlocal emitted
        ledger.emit_events(
            (
                {
                    "event_type": MOVED,
                    "payload": {"n": n},
                    "aggregate_type": "deal",
                    "aggregate_id": str(n % aggregates),
                }
                for n in range(emitted, emitted + count)
            ),
            tenant_id=tenant_id,
        )
        emitted += count

    return emit_more
