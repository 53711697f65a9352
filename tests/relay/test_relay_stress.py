"""Emitters, and workers that are killed and refused at random: everything arrives, in order."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any
from uuid import UUID

import psycopg
from relay.delivering import HAPPENED, claim, confirm, deliver_all, emit, fail, read

AnyConnection = psycopg.Connection[Any]
Connect = Callable[..., AnyConnection]

EMITTERS = 8
EVENTS = 250  # of each
AGGREGATES = 20
TENANTS = ("acme", "other")
WORKERS = 3
KILLS = 15


class Destination:
    """Takes messages, in the order in which they come, and refuses some of them now and then."""

    def __init__(self) -> None:
        self.taken: list[Any] = []
        self.random = random.Random(7)
        self.lock = threading.Lock()

    def takes(self, message: Any) -> bool:
        with self.lock:
            if self.random.random() < 0.02:
                return False
            self.taken.append(message)
            return True


def emit_all(connection: AnyConnection, number: int) -> None:
    order = random.Random(number)
    for _ in range(EVENTS):
        aggregate = str(order.randrange(AGGREGATES)) if order.random() < 0.9 else None
        with suppress(psycopg.errors.RaiseException), connection.transaction():
            emit(connection, aggregate, tenant_id=order.choice(TENANTS))
            if order.random() < 0.05:
                raise psycopg.errors.RaiseException


def work(dial: Callable[[], AnyConnection], destination: Destination, over: threading.Event) -> int:
    """Deliver until all is over, on a new connection whenever the old one was killed."""
    deaths = 0
    while not over.is_set():
        try:
            with dial() as connection:
                while not over.is_set():
                    deliver_page(connection, destination)
        except psycopg.OperationalError:
            deaths += 1
    return deaths


def deliver_page(connection: AnyConnection, destination: Destination) -> None:
    claimed = claim(connection, batch_size=50, lease="1 second")
    if claimed is None:
        return
    held_up: set[Any] = set()
    retried = []
    for message in read(connection, claimed):
        lane = message.aggregate_id or message.id
        if lane in held_up:
            continue
        if destination.takes(message):
            retried += [message.position] if message.is_retry else []
        else:
            held_up.add(lane)
            fail(connection, claimed, message.position, "not now")
    confirm(connection, claimed, claimed.through_position, retried, release=True)


def test_everything_arrives_in_order_whoever_is_killed(
    ledger: AnyConnection, connect: Connect
) -> None:
    ledger.execute(
        "select ledger.set_relay('nats', min_backoff => '10 ms', max_backoff => '50 ms', "
        "max_attempts => 1000)"
    )
    destination = Destination()
    over = threading.Event()
    emitters = [connect() for _ in range(EMITTERS)]

    def dial() -> AnyConnection:
        return psycopg.connect(ledger.info.dsn, autocommit=True, application_name="victim")

    with ThreadPoolExecutor(EMITTERS + WORKERS) as threads:
        working = [threads.submit(work, dial, destination, over) for _ in range(WORKERS)]
        emitting = [
            threads.submit(emit_all, *one) for one in zip(emitters, range(EMITTERS), strict=True)
        ]
        for _ in range(KILLS):
            ledger.execute(
                """
                select pg_sleep(0.2), pg_terminate_backend(pid) from (
                  select pid from pg_stat_activity
                  where application_name = 'victim' order by random() limit 1
                ) as victim
                """
            )
        for one in emitting:
            one.result()
        try:
            ledger.execute("select from ledger.seal_all()")
            wait_until_delivered(ledger)
        finally:
            over.set()
        deaths = sum(one.result() for one in working)
    assert deaths >= KILLS / 2

    arrived = first_arrivals(destination)
    emitted = ledger.execute(
        """
        select o.tenant_id, o.id, o.aggregate_id from ledger.outbox as o
        where o.event_type = %s order by o.created_at, o.id
        """,
        [HAPPENED],
    ).fetchall()
    assert {id_ for _, id_, _ in emitted} == arrived.keys()
    for lane in {(tenant, aggregate) for tenant, _, aggregate in emitted if aggregate}:
        wanted = [id_ for tenant, id_, aggregate in emitted if (tenant, aggregate) == lane]
        assert sorted(wanted, key=arrived.__getitem__) == wanted
    assert deliver_all(ledger) == []
    left = "select sum(lag_messages), sum(parked), sum(dead) from ledger.relay_status"
    assert ledger.execute(left).fetchone() == (0, 0, 0)


def wait_until_delivered(ledger: AnyConnection) -> None:
    behind = "select sum(lag_messages + parked) from ledger.relay_status"
    while ledger.execute(behind).fetchone() != (0,):
        ledger.execute("select pg_sleep(0.05)")


def first_arrivals(destination: Destination) -> dict[UUID, int]:
    """When each message came first; what comes again later is a duplicate."""
    arrived: dict[UUID, int] = {}
    for number, message in enumerate(destination.taken):
        arrived.setdefault(message.id, number)
    return arrived
