"""Relays killed with -9 at random, brokers too, while eight sessions emit."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from brokers.chaos import PAUSE, TENANTS, Emitters, Relays, accepted, arrived, emitted
from brokers.destinations import PLACES, Destination

Connect = Callable[..., psycopg.Connection[Any]]
LoginRole = Callable[..., str]

EVENTS = 100_000
# A relay that was killed before its first claim has no row yet.
BEHIND = """
    select coalesce(sum(lag_messages + parked), 1), coalesce(sum(dead), 0)
    from ledger.relay_status
    where relay = 'chaos'
"""
DEADLINE = 520  # seconds; a webhook, the slowest, takes about 200


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", PLACES)
def test_every_event_arrives_in_order_whatever_is_killed(
    name: str,
    pg: psycopg.Connection[Any],
    dsn: str,
    connect: Connect,
    login_role: LoginRole,
    place: Callable[[str], Destination],
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    pg.execute("select ledger.register_event_type('test.happened', '{}')")
    relay = login_role("relay", {"*": ["relay"]})
    consumer = connect(user=login_role("consumer", {"*": ["consume"]}))
    writer = login_role("writer", {tenant: ["write"] for tenant in TENANTS})
    destination = place(name)
    asyncio.run(destination.prepare())

    log = tmp_path / "relays"
    emitters = Emitters(psycopg.conninfo.make_conninfo(dsn, user=writer), EVENTS)
    emitters.wait_for(EVENTS // 2)
    relays = Relays(psycopg.conninfo.make_conninfo(dsn, user=relay), destination, log)
    broker_kills = wreak_havoc(pg, emitters, relays, destination.server)
    relays.stop()
    emitters.join()

    received = asyncio.run(destination.received())
    expected = emitted(pg)
    unique = sum(map(len, expected.values()))
    duplicates = len(received) - unique
    record_property("duplicates", duplicates)
    print(f"{name}: {relays.kills} + {broker_kills} kills, {duplicates} duplicates of {unique}")
    assert unique == EVENTS // 8 * 8
    assert arrived(received) == expected
    assert accepted(consumer, received) == unique
    assert accepted(consumer, received) == 0


def wreak_havoc(
    pg: psycopg.Connection[Any], emitters: Emitters, relays: Relays, server: Any
) -> int:
    """Kill one relay after another, and three times the broker, until all is delivered."""
    chance, broker_kills = random.Random(), 0
    began = time.monotonic()
    next_kill, next_broker_kill = began + 2, began + 4
    while True:
        now = time.monotonic()
        assert now - began < DEADLINE, pg.execute("table ledger.relay_status").fetchall()
        if now >= next_broker_kill and broker_kills < 3:
            server.kill()
            server.start()
            broker_kills += 1
            next_broker_kill = time.monotonic() + 4
        elif now >= next_kill and (emitters.are_at_work or relays.kills < 10):
            relays.kill_one()
            next_kill = now + chance.uniform(*PAUSE)
        row = pg.execute(BEHIND).fetchone() or (1, 0)
        assert row[1] == 0, pg.execute("table ledger.outbox_status").fetchmany(5)
        if row[0] == 0 and broker_kills == 3 and relays.kills >= 10 and not emitters.are_at_work:
            return broker_kills
        time.sleep(0.1)  # between two looks
