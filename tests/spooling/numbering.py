"""Emits numbered events from threads: what was acknowledged is noted, and where it goes on.

    python numbering.py DSN SPOOL_DIR NOTES_DIR THREADS EVENTS

A thread's file in NOTES_DIR has a byte for each of its events that `emit` has returned for: "s" for
spooled, "r" for a receipt. At the end everything is flushed.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from threading import Thread
from typing import Any

import psycopg

from agent_events import AuditEmitter, Spooled

PAUSE = 0.004  # seconds: else all is emitted before a server that was killed is back


def work(emitter: AuditEmitter[Any], thread: int, events: int, notes: Path) -> None:
    file = os.open(notes / str(thread), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for number in range(os.fstat(file).st_size, events):
        outcome = emitter.emit(
            "test.numbered",
            {"number": number},
            aggregate_type="thread",
            aggregate_id=str(thread),
            idempotency_key=f"{thread}-{number}",
        )
        os.write(file, b"s" if isinstance(outcome, Spooled) else b"r")
        time.sleep(PAUSE)
    os.close(file)


def main() -> None:
    dsn, spool, notes, threads, events = sys.argv[1:]
    with AuditEmitter(dsn, on_unavailable="spool", spool_dir=spool) as emitter:
        workers = [
            Thread(target=work, args=[emitter, number, int(events), Path(notes)])
            for number in range(int(threads))
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        while True:
            try:
                return emitter.flush()
            except psycopg.OperationalError:
                time.sleep(0.1)


if __name__ == "__main__":
    main()
