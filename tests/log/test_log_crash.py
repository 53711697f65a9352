"""kill -9 of a server that emits and seals: what was sealed stays so, and sealing goes on."""

from __future__ import annotations

import contextlib
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from crashing import kill_server
from event.consistency import check_ledger
from log.consistency import Row
from log.emitting import emit, seal, seal_all, sealed_ids
from log.load import TENANTS, Writer, check_positions
from psycopg.conninfo import make_conninfo

from agent_events import embedded, migrate

AnyConnection = psycopg.Connection[Any]

ROUNDS = 3
WRITERS = 6
SEALERS = 3
SETTINGS: dict[str, str | int] = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "max_prepared_transactions": 10,
}


class Sealer:
    """Seals until the server is gone, and keeps the receipts whose COMMIT was answered."""

    def __init__(self, dsn: str, seed: int, progress: threading.Semaphore) -> None:
        self.dsn = dsn
        self.random = random.Random(seed)
        self.progress = progress
        self.receipts: list[Row] = []

    def seal_until_the_server_dies(self) -> None:
        lost = psycopg.OperationalError
        with contextlib.suppress(lost), psycopg.connect(self.dsn, autocommit=True) as connection:
            while True:
                if self.random.random() < 0.2:
                    seal_all(connection)
                receipt = seal(connection, self.random.choice(TENANTS))
                self.receipts.append(receipt)
                if receipt["sealed"]:
                    self.progress.release()


def write(writer: Writer) -> None:
    with contextlib.suppress(psycopg.OperationalError):
        writer.run(threading.Event())


def start(data: Path, version: int) -> str:
    return make_conninfo(**embedded.ensure_server(data, version, settings=SETTINGS))


def run_until_killed(dsn: str, data: Path, seed: int) -> tuple[list[Writer], list[Row]]:
    progress = threading.Semaphore(0)
    writers = [
        Writer(lambda: psycopg.connect(dsn, autocommit=True), seed * WRITERS + number)
        for number in range(WRITERS)
    ]
    sealers = [Sealer(dsn, seed + number, progress) for number in range(SEALERS)]
    with ThreadPoolExecutor(WRITERS + SEALERS) as threads:
        working = [threads.submit(write, writer) for writer in writers]
        working += [threads.submit(sealer.seal_until_the_server_dies) for sealer in sealers]
        try:
            for _ in range(random.Random(seed).randrange(60, 120)):
                assert progress.acquire(timeout=20)
        finally:
            kill_server(data)
    for work in working:
        work.result()
    return writers, [receipt for sealer in sealers for receipt in sealer.receipts]


def check_receipts(connection: AnyConnection, receipts: list[Row]) -> None:
    """Each promised tree is still the beginning of the log, and its block is still there."""
    query = """
        select ledger.log_root(%(tenant_id)s, %(tree_size)s) = %(root)s and (
          %(block_no)s = 0 or exists (
            select from ledger.log_blocks as b
            where b.tenant_id = %(tenant_id)s and b.block_no = %(block_no)s
              and b.tree_size = %(tree_size)s and b.root = %(root)s
          )
        )
    """
    distinct = {(receipt["tenant_id"], receipt["block_no"]): receipt for receipt in receipts}
    assert len(distinct) > 20
    for receipt in distinct.values():
        assert connection.execute(query, receipt).fetchone() == (True,), receipt


def prepare(dsn: str, turn: int) -> tuple[str, UUID]:
    """An event in a prepared transaction, which outlives the crash."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("begin")
        event = emit(connection, TENANTS[0], stream=f"prepared {turn}")
        connection.execute("prepare transaction 'log'")
    return TENANTS[0], event


def check_prepared(connection: AnyConnection, event: tuple[str, UUID]) -> None:
    """It is sealed when it is committed and not before."""
    assert event[1] not in sealed_ids(connection, event[0])
    connection.execute("commit prepared 'log'")
    assert seal(connection, event[0])["sealed"] == 1
    assert event[1] == sealed_ids(connection, event[0])[-1]


def test_the_log_survives_kill_9(server_folder: Path, server_version: int) -> None:
    data = server_folder / "pg"
    dsn = start(data, server_version)
    migrate.upgrade(dsn)
    with psycopg.connect(dsn) as connection:
        for tenant_id in TENANTS:
            connection.execute("select ledger.set_tenant_policy(%s, 'open')", [tenant_id])

    committed: set[tuple[str, UUID]] = set()
    rolled_back: set[tuple[str, UUID]] = set()
    receipts: list[Row] = []
    before: dict[str, list[UUID]] = {tenant_id: [] for tenant_id in TENANTS}
    for turn in range(ROUNDS):
        prepared = prepare(dsn, turn)
        writers, promised = run_until_killed(dsn, data, turn)
        receipts += promised
        committed |= {event for writer in writers for event in writer.committed}
        rolled_back |= {event for writer in writers for event in writer.rolled_back}
        dsn = start(data, server_version)
        with psycopg.connect(dsn, autocommit=True) as connection:
            check_receipts(connection, receipts)
            seal_all(connection)
            check_prepared(connection, prepared)
            committed.add(prepared)
            logs = check_positions(connection, committed, rolled_back)
            for tenant_id, ids in before.items():
                assert logs[tenant_id][: len(ids)] == ids
            before = logs
            assert seal_all(connection) == {}
            check_ledger(connection)
            assert connection.execute("show fsync").fetchone() == ("on",)
    assert len(committed) > ROUNDS * 100
