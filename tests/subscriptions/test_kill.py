"""kill -9 of a process that follows the log: the next one goes on, and nothing is missing."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from log.emitting import emit, sealed_ids

AnyConnection = psycopg.Connection[Any]
Connect = Callable[..., AnyConnection]
Seen = list[tuple[int, int, UUID]]

FOLLOWER = Path(__file__).with_name("follower.py")
ROUNDS = 8
EVENTS_A_ROUND = 60


def seen(connection: AnyConnection) -> Seen:
    query = "select run::int, position, event_id from seen order by ordinal"
    return connection.execute(query).fetchall()


def await_more(connection: AnyConnection, more_than: int) -> None:
    deadline = time.monotonic() + 60
    while len(seen(connection)) <= more_than:
        assert time.monotonic() < deadline


@pytest.mark.parametrize("kind", ["once", "again"])
def test_it_goes_on(ledger: AnyConnection, connect: Connect, dsn: str, kind: str) -> None:
    ledger.execute(
        "create table seen (ordinal bigint generated always as identity, run text, position bigint,"
        " event_id uuid)"
    )
    over = threading.Event()

    def keep_emitting() -> int:
        connection = connect()
        emitted = 0
        while not over.is_set():
            takes_back = emitted % 7 == 0
            with connection.transaction(force_rollback=takes_back):
                emit(connection)
            emitted += 1
        return emitted

    with ThreadPoolExecutor(3) as threads:
        emitting = [threads.submit(keep_emitting) for _ in range(3)]
        try:
            for run in range(ROUNDS):
                before = len(seen(ledger))
                process = subprocess.Popen([sys.executable, FOLLOWER, dsn, kind, str(run)])
                try:
                    await_more(ledger, before + EVENTS_A_ROUND)
                finally:
                    process.kill()
                    process.wait()
        finally:
            over.set()
        for work in emitting:
            work.result()
    check(seen(ledger), sealed_ids(ledger), kind)


def check(rows: Seen, log: list[UUID], kind: str) -> None:
    assert all(log[position] == event_id for _, position, event_id in rows)
    positions = [position for _, position, _ in rows]
    assert sorted(set(positions)) == list(range(max(positions) + 1))
    if kind == "once":
        assert len(positions) == len(set(positions))
    for run in range(ROUNDS):
        own = [position for of, position, _ in rows if of == run]
        assert own == list(range(own[0], own[0] + len(own)))
        before = [position for of, position, _ in rows if of < run]
        # At most what was given since the last time that it saved.
        assert not before or max(before) + 1 - own[0] <= (0 if kind == "once" else 21)
