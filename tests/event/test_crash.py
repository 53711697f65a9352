"""kill -9 of a whole server while it takes events: what was committed stays, and stays whole."""

from __future__ import annotations

import contextlib
import random
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
from crashing import kill_server
from event.consistency import check_ledger
from psycopg.conninfo import make_conninfo
from psycopg.types.json import Jsonb

from agent_events import embedded, migrate

ROUNDS = 3
WRITERS = 8
SETTINGS = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}

Receipt = tuple[Any, ...]


class Client:
    """Emits until the server is gone, and keeps the receipts whose COMMIT was answered."""

    def __init__(self, dsn: str, seed: int, progress: threading.Semaphore) -> None:
        self.dsn = dsn
        self.random = random.Random(seed)
        self.progress = progress
        self.receipts: list[Receipt] = []

    def emit_until_the_server_dies(self) -> None:
        with contextlib.suppress(psycopg.OperationalError), psycopg.connect(self.dsn) as connection:
            while True:
                receipts = self.emit(connection)
                connection.commit()
                self.receipts += receipts
                self.progress.release()

    def emit(self, connection: psycopg.Connection[Any]) -> list[Receipt]:
        stream = str(self.random.randrange(4))
        columns = "id, created_at, sequence, hash"
        if self.random.random() < 0.5:
            event = f"""select {columns} from ledger.emit_event('test.anything',
                aggregate_type => 'deal', aggregate_id => %s, idempotency_key => %s)"""
            return connection.execute(event, [stream, str(uuid.uuid4())]).fetchall()
        elements = [
            {"event_type": "test.anything", "aggregate_type": "deal", "aggregate_id": name}
            for name in (stream, stream, str(uuid.uuid4()))
        ]
        batch = f"select {columns} from ledger.emit_events(%s)"
        return connection.execute(batch, [Jsonb(elements)]).fetchall()


def start(data: Path, version: int) -> str:
    return make_conninfo(**embedded.ensure_server(data, version, settings=SETTINGS))


def emit_until_killed(dsn: str, data: Path, seed: int) -> list[Receipt]:
    progress = threading.Semaphore(0)
    clients = [Client(dsn, seed + number, progress) for number in range(WRITERS)]
    with ThreadPoolExecutor(WRITERS) as threads:
        runs = [threads.submit(client.emit_until_the_server_dies) for client in clients]
        try:
            for _ in range(random.Random(seed).randrange(200, 400)):
                assert progress.acquire(timeout=20)
        finally:
            kill_server(data)
    for run in runs:
        run.result()
    return [receipt for client in clients for receipt in client.receipts]


def test_every_receipt_survives_kill_9(server_folder: Path, server_version: int) -> None:
    data = server_folder / "pg"
    dsn = start(data, server_version)
    migrate.upgrade(dsn)
    with psycopg.connect(dsn) as connection:
        connection.execute("select ledger.register_event_type('test.anything', '{}')")

    promised: list[Receipt] = []
    for turn in range(ROUNDS):
        promised += emit_until_killed(dsn, data, seed=turn * WRITERS)
        dsn = start(data, server_version)
        with psycopg.connect(dsn) as connection:
            stored = connection.execute("select id, created_at, sequence, hash from ledger.events")
            assert set(stored.fetchall()).issuperset(promised)
            check_ledger(connection)
            findings = "select * from ledger.doctor(deep => true) where severity <> 'info'"
            assert connection.execute(findings).fetchall() == []
            assert connection.execute("show fsync").fetchone() == ("on",)
    assert len(promised) > ROUNDS * 200
