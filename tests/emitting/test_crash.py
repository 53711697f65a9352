"""kill -9 of the server under a buffer: every event is stored once, in the order of its thread."""

from __future__ import annotations

import random
from pathlib import Path
from threading import Semaphore, Thread

import psycopg
from crashing import kill_server, start

from agent_events import AuditEmitter, Ledger, migrate

THREADS = 4
EVENTS = 800
CRASHES = 3


def test_every_event_is_stored_once(server_folder: Path, server_version: int) -> None:
    data = server_folder / "pg"
    dsn = start(data, server_version)
    migrate.upgrade(dsn)
    with psycopg.connect(dsn) as connection:
        Ledger(connection).register_event_type("test.noted", {"type": "object"})

    chance, progress = random.Random(1), Semaphore(0)
    emitter = AuditEmitter(dsn, buffer_size=20, flush_interval=0.01, max_buffered=100)
    emitter.observers.append(lambda *_: progress.release())
    threads = [Thread(target=work, args=[emitter, number]) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for _ in range(CRASHES):
        for _ in range(chance.randrange(200, 600)):
            assert progress.acquire(timeout=60)
        kill_server(data)
        assert start(data, server_version) == dsn
    for thread in threads:
        thread.join()
    emitter.close()

    with psycopg.connect(dsn) as connection:
        stored = connection.execute(
            "select (payload ->> 'thread')::int, (payload ->> 'number')::int from ledger.events "
            "where event_type = 'test.noted' order by created_at, id"
        ).fetchall()
    for thread_number in range(THREADS):
        numbers = [number for thread, number in stored if thread == thread_number]
        assert numbers == [*range(EVENTS)]


def work(emitter: AuditEmitter, thread: int) -> None:
    for number in range(EVENTS):
        emitter.buffer("test.noted", {"thread": thread, "number": number})
