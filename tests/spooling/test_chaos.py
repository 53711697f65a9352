"""kill -9 of the server and of the emitting process: each event is stored once, in order."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import psycopg
from crashing import kill_server, start

from agent_events import Ledger, migrate

PROGRAM = Path(__file__).with_name("numbering.py")
THREADS = 8
EVENTS = 1250  # of each
PATIENCE = 240  # seconds


class Emitting:
    """A process that emits, and the notes of what was acknowledged, which outlive it."""

    def __init__(self, dsn: str, folder: Path) -> None:
        self._notes = folder / "notes"
        self._notes.mkdir()
        arguments = [dsn, folder / "spool", self._notes, THREADS, EVENTS]
        self._command = [sys.executable, PROGRAM, *map(str, arguments)]
        self.begin()

    def begin(self) -> None:
        self._process = subprocess.Popen(self._command)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def wait_for(self, share: float) -> None:
        """Wait until this share of all events is acknowledged."""
        deadline = time.monotonic() + PATIENCE
        while self.acknowledged() < share * THREADS * EVENTS:
            assert self._process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def acknowledged(self) -> int:
        return sum(path.stat().st_size for path in self._notes.iterdir())

    def outcomes(self) -> str:
        return "".join(path.read_text() for path in self._notes.iterdir())

    def wait(self) -> int:
        return self._process.wait(PATIENCE)


def test_every_event_is_stored_once_and_in_order(server_folder: Path, server_version: int) -> None:
    data = server_folder / "pg"
    dsn = start(data, server_version)
    migrate.upgrade(dsn)
    with psycopg.connect(dsn) as connection:
        Ledger(connection).register_event_type("test.numbered", {"type": "object"})

    emitting = Emitting(dsn, server_folder)
    try:
        emitting.wait_for(0.1)
        kill_server(data)
        emitting.wait_for(0.15)
        emitting.kill()
        emitting.begin()
        emitting.wait_for(0.2)
        assert start(data, server_version) == dsn
        emitting.wait_for(0.4)
        emitting.kill()
        emitting.begin()
        emitting.wait_for(0.75)
        kill_server(data)
        assert start(data, server_version) == dsn
        assert emitting.wait() == 0
    finally:
        emitting.kill()

    assert set(emitting.outcomes()) == {"r", "s"}
    with psycopg.connect(dsn) as connection:
        stored = connection.execute(
            "select aggregate_id, sequence, (payload ->> 'number')::int from ledger.events "
            "where event_type = 'test.numbered' order by aggregate_id, sequence"
        ).fetchall()
    assert stored == [
        (str(thread), number + 1, number) for thread in range(THREADS) for number in range(EVENTS)
    ]
    assert [path for path in (server_folder / "spool").rglob("*") if path.is_file()] == []
