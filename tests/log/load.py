"""Clients that emit in every way, seal and follow, until stopped or cut off."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import psycopg
from log.consistency import check_log
from log.emitting import HAPPENED, seal, seal_all

AnyConnection = psycopg.Connection[Any]
Dial = Callable[[], AnyConnection]

TENANTS = ["t0", "t1", "t2"]
STREAMS = 6  # per tenant


class Writer:
    """Runs transactions of its own kind and keeps the ids whose COMMIT was answered."""

    def __init__(self, dial: Dial, seed: int) -> None:
        self.dial = dial
        self.random = random.Random(seed)
        self.stream = ""
        self.committed: list[tuple[str, UUID]] = []
        self.rolled_back: list[tuple[str, UUID]] = []

    def run(self, stop: threading.Event) -> None:
        connection = self.dial()
        while not stop.is_set():
            self.run_transaction(connection)

    def run_transaction(self, connection: AnyConnection) -> None:
        takes_back = self.random.random() < 0.15
        kept: list[tuple[str, UUID]] = []
        # One per transaction: two in another order would deadlock.
        self.stream = str(self.random.randrange(STREAMS))
        with connection.transaction(force_rollback=takes_back):
            tenant_id = self.random.choice(TENANTS)
            for _ in range(self.random.randrange(1, 4)):
                kept += self.emit(connection, tenant_id)
                if self.random.random() < 0.1:
                    with connection.transaction(force_rollback=True):
                        self.rolled_back += self.emit(connection, tenant_id)
                if self.random.random() < 0.1:
                    with connection.transaction():
                        kept += self.emit(connection, tenant_id)
        if connection.broken:  # psycopg says nothing when it went away in ROLLBACK TO SAVEPOINT
            raise psycopg.OperationalError("the server went away before COMMIT")
        if takes_back:
            self.rolled_back += kept
        else:
            self.committed += kept

    def emit(self, connection: AnyConnection, tenant_id: str) -> list[tuple[str, UUID]]:
        elements = [self.element() for _ in range(self.random.choice([1, 1, 5, 20]))]
        if self.random.random() < 0.5:
            batch = "select id from ledger.emit_events(%s, %s)"
            emitted = connection.execute(batch, [json.dumps(elements), tenant_id]).fetchall()
        else:
            element = elements[0]
            emitted = connection.execute(
                """
                select id from ledger.emit_event(
                  %s, tenant_id => %s, aggregate_type => %s, aggregate_id => %s
                )
                """,
                [HAPPENED, tenant_id, element.get("aggregate_type"), element.get("aggregate_id")],
            ).fetchall()
        return [(tenant_id, row[0]) for row in emitted]

    def element(self) -> dict[str, str]:
        element = {"event_type": HAPPENED}
        if self.random.random() < 0.5:
            element |= {"aggregate_type": "deal", "aggregate_id": self.stream}
        return element


def keep_sealing(dial: Dial, number: int, stop: threading.Event) -> int:
    """seal_all(), seal(t) of one tenant after the other, or both in turn; how often."""
    connection = dial()
    order = random.Random(number)
    seals = 0
    while not stop.is_set():
        if number % 3 == 0 or (number % 3 == 2 and order.random() < 0.3):
            seal_all(connection)
        else:
            seal(connection, order.choice(TENANTS))
        seals += 1
    return seals


def follow(dial: Dial, tenant_id: str, is_last: threading.Event) -> list[tuple[int, UUID]]:
    """Position and id of every event, as read_log gives them, until nothing more will come."""
    return list(_pages(dial(), tenant_id, is_last))


def _pages(
    connection: AnyConnection, tenant_id: str, is_last: threading.Event
) -> Iterator[tuple[int, UUID]]:
    query = """
        select position, id from ledger.read_log(%s, %s, wait => '50 ms', tenant_id => %s)
    """
    order = random.Random(tenant_id)
    after = -1
    while True:
        ends = is_last.is_set()
        page = connection.execute(query, [after, order.choice([1, 10, 500]), tenant_id]).fetchall()
        yield from page
        if page:
            after = page[-1][0]
        elif ends:
            return


def check_positions(
    connection: AnyConnection, committed: set[tuple[str, UUID]], rolled_back: set[tuple[str, UUID]]
) -> dict[str, list[UUID]]:
    """Every log is right, everything is sealed, and that is what was committed.

    Returns the ids by position, per tenant.
    """
    logs = {}
    for tenant_id in TENANTS:
        logs[tenant_id] = [entry["id"] for entry in check_log(connection, tenant_id)]
    found = {(tenant_id, event) for tenant_id, ids in logs.items() for event in ids}
    assert found >= committed
    assert found.isdisjoint(rolled_back)
    return logs
