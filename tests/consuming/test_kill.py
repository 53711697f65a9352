"""kill -9 of consumers in the middle of a handler: both rows or none, every event once."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest

AnyConnection = psycopg.Connection[Any]

WORKER = Path(__file__).with_name("worker.py")
WORKERS = 3
EVENTS = 400
KILLS = 25

HALF_DONE = """
    select event_id, count(*) from handled group by event_id
    having array_agg(worker order by worker) <> '{first,second}'
"""
IN_HANDLER = """
    select from pg_stat_activity
    where query like '%pg_sleep(0.003)%' and state = 'active' and pid <> pg_backend_pid()
"""
APART = """
    select event_id from ledger.inbox where event_id not in (select event_id from handled)
    union all
    select event_id from handled where event_id not in (select event_id from ledger.inbox)
"""


def count(connection: AnyConnection) -> int:
    row = connection.execute("select count(*) from ledger.inbox").fetchone()
    assert row is not None
    return int(row[0])


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_every_event_once(ledger: AnyConnection, consumer_dsn: str, kind: str) -> None:
    ledger.execute("create table queue (event_id uuid primary key)")
    ledger.execute("grant select on queue to public")
    ledger.execute(
        "insert into queue select gen_random_uuid() from generate_series(1, %s)", [EVENTS]
    )
    chance = random.Random(kind)
    seeds = iter(range(10_000))

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, WORKER, consumer_dsn, kind, str(next(seeds))])

    workers = [start() for _ in range(WORKERS)]
    kills = 0
    deadline = time.monotonic() + 120
    try:
        while (done := count(ledger)) < EVENTS:
            assert time.monotonic() < deadline, (done, kills)
            assert ledger.execute(HALF_DONE).fetchall() == []
            # Kills spread over the work, each when somebody is in the middle of a handler.
            if done * KILLS >= kills * EVENTS and ledger.execute(IN_HANDLER).fetchone() is not None:
                killed = workers.pop(chance.randrange(WORKERS))
                assert killed.poll() is None
                killed.kill()
                killed.wait()
                workers.append(start())
                kills += 1
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
    assert kills >= KILLS // 2
    assert count(ledger) == EVENTS
    assert ledger.execute(HALF_DONE).fetchall() == []
    assert ledger.execute(APART).fetchall() == []
    rows = ledger.execute("select count(*), count(distinct event_id) from handled").fetchone()
    assert rows == (2 * EVENTS, EVENTS)
