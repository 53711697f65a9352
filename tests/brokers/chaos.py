"""Emitters, relays that are killed, and what arrived: the pieces of the chaos test."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import psycopg
from brokers.destinations import Destination, Received
from brokers.servers import wait_until

TENANTS = ("acme", "globex", "initech", "umbrella")
AGGREGATES = 50  # of each tenant
BATCH = 50
PROGRAM = "from agent_events.cli import main; main()"
PAUSE = (0.3, 1.5)  # seconds between two kills

# The ids in the order in which they were emitted, for each aggregate.
EMITTED = """
    select tenant_id, aggregate_type || '/' || aggregate_id, array_agg(id::text order by sequence)
    from ledger.events
    where event_type = 'test.happened'
    group by tenant_id, aggregate_type, aggregate_id
"""
EMIT = "select count(*) from ledger.emit_events(%s, tenant_id => %s)"
ACCEPT = """
    select count(*) filter (where ledger.accept_event('audit', m.id, tenant_id => m.tenant_id))
    from unnest(%s::uuid[], %s::text[]) with ordinality as m (id, tenant_id, n)
"""


class Emitters:
    """Eight sessions that emit: to all tenants, to aggregates that they share."""

    def __init__(self, dsn: str, count: int) -> None:
        self.failures: list[BaseException] = []
        self.emitted = [0] * 8
        self._threads = [
            threading.Thread(target=self._emit, args=(dsn, number, count // 8))
            for number in range(8)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def are_at_work(self) -> bool:
        return any(thread.is_alive() for thread in self._threads)

    def wait_for(self, count: int) -> None:
        """Until so many are there: relays that lag behind are hit in full flight."""
        wait_until(lambda: sum(self.emitted) >= count or not self.are_at_work, f"{count} events")

    def join(self) -> None:
        for thread in self._threads:
            thread.join()
        assert self.failures == []

    def _emit(self, dsn: str, number: int, left: int) -> None:
        chance = random.Random(number)
        try:
            with psycopg.connect(dsn, autocommit=True) as connection:
                while left > 0:
                    size = min(left, BATCH)
                    with connection.transaction():
                        connection.execute(EMIT, [events(chance, size), chance.choice(TENANTS)])
                        if chance.random() < 0.1:  # and nobody ever hears of these
                            raise psycopg.Rollback
                        left -= size
                        self.emitted[number] += size
        except BaseException as error:  # noqa: BLE001 - raised where it is waited for
            self.failures.append(error)


def events(chance: random.Random, size: int) -> str:
    return json.dumps(
        [
            {
                "event_type": "test.happened",
                "payload": {"n": chance.randrange(10**9), "text": "x" * chance.randrange(200)},
                "aggregate_type": "deal",
                "aggregate_id": str(chance.randrange(AGGREGATES)),
            }
            for _ in range(size)
        ]
    )


class Relays:
    """Three processes that deliver for one relay, each started again when it was killed."""

    def __init__(self, dsn: str, destination: Destination, log: Path) -> None:
        options = [f"--option={key}={value}" for key, value in destination.options.items()]
        self._command = [
            *(sys.executable, "-c", PROGRAM, "relay", "run", "--relay=chaos"),
            *(f"--to={destination.url}", f"--topic={destination.topic}", "--lease=2s", "--json"),
            *(f"--dsn={dsn}", *options),
        ]
        self._log = log.open("ab")
        self._running = [self._start() for _ in range(3)]
        self.kills = 0

    def kill_one(self) -> None:
        """kill -9, and start another one in its place."""
        number = random.randrange(len(self._running))
        self._running[number].kill()
        self._running[number].wait()
        self._running[number] = self._start()
        self.kills += 1

    def stop(self) -> None:
        for process in self._running:
            process.send_signal(signal.SIGTERM)
        for process in self._running:
            assert process.wait(60) in (0, -signal.SIGTERM)  # it may have only just been started
        self._log.close()

    def _start(self) -> subprocess.Popen[bytes]:
        environment = os.environ | {"PYTHONWARNINGS": "error::ResourceWarning"}
        return subprocess.Popen(self._command, stdout=self._log, stderr=self._log, env=environment)


def emitted(connection: psycopg.Connection[Any]) -> dict[tuple[str, str], list[str]]:
    return {(tenant, subject): ids for tenant, subject, ids in connection.execute(EMITTED)}


def arrived(received: Sequence[Received]) -> dict[tuple[str, str], list[str]]:
    """The ids of each aggregate in the order in which they arrived, without duplicates."""
    lanes: dict[tuple[str, str], list[str]] = {}
    seen: set[str] = set()
    for each in received:
        if each.dedup in seen:
            continue
        seen.add(each.dedup)
        tenant = each.attribute("source").rpartition("/")[2]
        lanes.setdefault((tenant, each.attribute("subject")), []).append(each.dedup)
    return lanes


def accepted(connection: psycopg.Connection[Any], received: Sequence[Received]) -> int:
    """How many the inbox takes of all that arrived, duplicates among them."""
    total = 0
    for part in parts(received, 1000):
        ids = [each.dedup for each in part]
        tenants = [each.attribute("source").rpartition("/")[2] for each in part]
        row = connection.execute(ACCEPT, [ids, tenants]).fetchone()
        total += row[0] if row else 0
    return total


def parts(received: Sequence[Received], size: int) -> Iterator[Sequence[Received]]:
    for begin in range(0, len(received), size):
        yield received[begin : begin + size]
