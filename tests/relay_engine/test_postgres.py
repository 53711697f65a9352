"""Another ledger as the destination: what arrives there, and what it refuses."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from relay_engine.conftest import MOVED, RELAY, Emit, Start

from agent_events import Ledger
from agent_events.cli import main


@pytest.fixture
def there(pg: psycopg.Connection[Any], dsn: str) -> Iterator[tuple[str, Ledger]]:
    """Another ledger on the same server: its URL, and a client."""
    name = f"{pg.info.dbname}_there"
    template = sql.Identifier(os.environ["AGENT_EVENTS_TEST_TEMPLATE"])
    create = sql.SQL("create database {} template {}")
    pg.execute(create.format(sql.Identifier(name), template))
    part = conninfo_to_dict(dsn)
    url = f"postgresql://{part['user']}@/{name}?host={part['host']}&port={part['port']}"
    with psycopg.connect(url, autocommit=True) as connection:
        yield url, Ledger(connection)
    pg.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


def test_events_arrive_with_their_context(
    ledger: Ledger, start: Start, there: tuple[str, Ledger]
) -> None:
    url, other = there
    other.register_event_type(MOVED, {})
    sent = ledger.emit_event(
        MOVED, {"n": 'ü"\\'}, aggregate_type="deal", aggregate_id='4"2', headers={"x": "y"}
    )
    here = ledger.get_event(sent.id)
    assert start(url, "--once", "--option", "tenant=from-{tenant_id}").wait() == 0
    (event,) = other.read_stream("deal", '4"2', tenant_id="from-default")
    assert here is not None
    assert event.payload == here.payload
    assert (event.trace_id, event.correlation_id) == (here.trace_id, here.correlation_id)
    assert (event.causation_id, event.occurred_at) == (here.id, here.created_at)
    assert event.metadata is not None
    origin = event.metadata["relayed_from"]
    assert (origin["id"], origin["tenant_id"], origin["position"]) == (str(sent.id), "default", 0)
    assert origin["source"].endswith("/default")


def test_what_is_delivered_twice_is_there_once_and_in_order(
    ledger: Ledger, emit: Emit, start: Start, there: tuple[str, Ledger]
) -> None:
    url, other = there
    other.register_event_type(MOVED, {})
    emit(1200, aggregates=3)
    assert start(url, "--once").wait() == 0
    ledger.rewind_relay(RELAY, 100)
    assert start(url, "--once").wait() == 0
    for lane in range(3):
        stream = other.read_stream("deal", str(lane))
        assert [event.payload["n"] for event in stream] == list(range(lane, 1200, 3))


def test_a_poison_message_parks_its_aggregate_and_nothing_else(
    ledger: Ledger, emit: Emit, start: Start, there: tuple[str, Ledger]
) -> None:
    """The other ledger does not know its type, until somebody registers it."""
    url, other = there
    other.register_event_type(MOVED, {})
    ledger.register_event_type("deal.poison", {})
    ledger.set_relay(RELAY, min_backoff="200 ms", max_backoff="200 ms", max_attempts=1000)
    emit(20, aggregates=2)
    ledger.emit_event("deal.poison", {}, aggregate_type="deal", aggregate_id="1")
    ledger.emit_event("deal.poison", {})
    emit(20, aggregates=2)

    relay = start(url)
    parked = relay.wait_for("parked", event_type="deal.poison", behind=10)
    assert parked["message"].startswith("LG002")
    relay.wait_for("parked", event_type="deal.poison", behind=0)
    stream = []
    while len(stream) < 20:
        stream = other.read_stream("deal", "0")
    assert len(other.read_stream("deal", "1")) == 10
    (row,) = ledger.relays(RELAY)
    assert row.parked == 12

    other.register_event_type("deal.poison", {})
    while len(stream) < 21:
        stream = other.read_stream("deal", "1")
    numbers = [event.payload.get("n", "poison") for event in stream]
    odd = list(range(1, 20, 2))
    assert numbers == [*odd, "poison", *range(21, 40, 2)]
    while ledger.relays(RELAY)[0].parked:
        pass
    assert relay.end() == 0
    (row,) = ledger.relays(RELAY)
    assert (row.dead, row.lag_messages) == (0, 0)


def test_a_dead_message_is_seen_and_requeued(
    ledger: Ledger, emit: Emit, start: Start, there: tuple[str, Ledger], dsn: str
) -> None:
    url, other = there
    ledger.set_relay(RELAY, max_attempts=1)
    emit(3, aggregates=1)
    relay = start(url, "--once")
    assert relay.wait() == 1, "not all is delivered"
    assert relay.wait_for("stopped")["dead"] == 3
    dead = ledger.dead_messages(RELAY)
    assert [(message.position, message.attempts) for message in dead] == [(0, 1), (1, 1), (2, 1)]
    assert "LG002" in (dead[0].last_error or "")

    other.register_event_type(MOVED, {})
    environment = {"AGENT_EVENTS_DSN": dsn}
    run = CliRunner(env=environment)
    said = run.invoke(main, ["relay", "discard", RELAY, "--position", "2", "--reason", "test"])
    assert said.output == "1 discarded\n", said.output
    said = run.invoke(main, ["relay", "requeue", RELAY])
    assert said.output == "2 requeued\n", said.output
    assert start(url, "--once").wait() == 0
    assert [event.payload["n"] for event in other.read_stream("deal", "0")] == [0, 1]


def test_no_privilege_there_is_no_messages_fault(
    ledger: Ledger, emit: Emit, start: Start, there: tuple[str, Ledger], login_role: Any
) -> None:
    url, _ = there
    emit(1)
    nobody = url.replace("postgresql://postgres@", f"postgresql://{login_role('nobody')}@")
    relay = start(nobody, "--once")
    assert relay.wait() == 3
    (row,) = ledger.relays(RELAY)
    assert (row.parked, row.leased_by, row.lag_messages) == (0, None, 1)


@pytest.mark.parametrize("option", ["publish=maybe", "colour=red"])
def test_options_are_checked(start: Start, option: str, tmp_path: Path) -> None:
    assert start(f"postgresql://host/{tmp_path.name}", "--option", option).wait() == 2
