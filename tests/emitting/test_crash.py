"""kill -9 of the server under a buffer: every event is stored once, in the order of its thread."""

from __future__ import annotations

import contextlib
import os
import random
import select
import signal
from pathlib import Path
from threading import Semaphore, Thread

import psycopg
from psycopg.conninfo import make_conninfo

from agent_events import AuditEmitter, Ledger, embedded, migrate

SETTINGS = {"fsync": "off", "synchronous_commit": "on"}
THREADS = 4
EVENTS = 800
CRASHES = 3


def start(data: Path, version: int) -> str:
    return make_conninfo(**embedded.ensure_server(data, version, settings=SETTINGS))


def kill(data: Path) -> None:
    """The postmaster, and all its processes, none of which gets to say goodbye."""
    postmaster = int((data / "postmaster.pid").read_text().split()[0])
    children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
    for pid in (postmaster, *map(int, children)):
        with contextlib.suppress(ProcessLookupError):
            process = os.pidfd_open(pid)
            signal.pidfd_send_signal(process, signal.SIGKILL)
            select.select([process], [], [], 60)  # until it is gone
            os.close(process)


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
        kill(data)
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
