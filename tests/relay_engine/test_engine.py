"""Relay processes on a real database: what they deliver, whatever is done to them."""

from __future__ import annotations

import os
import random
import signal
import subprocess
from datetime import timedelta
from pathlib import Path
from select import select
from time import monotonic, sleep
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from relay_engine.conftest import MOVED, RELAY, Emit, Running, Start
from relay_engine.delivered import assert_in_order, events, numbers, wait_for

from agent_events import Ledger, RelayStatus, embedded
from agent_events._resources import sql_dir

AnyConnection = psycopg.Connection[Any]


def status(ledger: Ledger) -> RelayStatus:
    (row,) = ledger.relays(RELAY)
    return row


def wait_until(condition: Any) -> None:
    deadline = monotonic() + 60
    while not condition():
        assert monotonic() < deadline, "it did not come to pass"
        sleep(0.05)


def test_everything_is_delivered_once_and_in_order(
    ledger: Ledger, emit: Emit, start: Start, tmp_path: Path
) -> None:
    file = tmp_path / "out"
    emit(2500)
    relay = start(f"file:{file}", "--once", "--batch-size", "400", "--window", "70")
    assert relay.wait() == 0
    assert numbers(file) == list(range(2500))
    assert (status(ledger).lag_messages, status(ledger).leased_by) == (0, None)
    assert relay.wait_for("stopped")["published"] == 2500


def test_tenants_are_served_at_once(
    ledger: Ledger, emit: Emit, start: Start, tmp_path: Path
) -> None:
    file = tmp_path / "out"
    tenants = [f"tenant{n}" for n in range(20)]
    for tenant in tenants:
        emit(30, tenant_id=tenant)
    assert start(f"file:{file}", "--once").wait() == 0
    assert sorted(numbers(file)) == list(range(600))
    assert {row.tenant_id for row in ledger.relays(RELAY)} == set(tenants)
    assert {event["source"].rpartition("/")[2] for event in events(file)} == set(tenants)


def test_new_messages_are_found(emit: Emit, start: Start, tmp_path: Path) -> None:
    file = tmp_path / "out"
    start(f"file:{file}").wait_for("opened")
    for n in range(1, 4):
        emit(10)
        wait_for(file, n * 10)
    assert numbers(file) == list(range(30))


def test_told_to_stop_it_leaves_nothing_to_be_sent_twice(
    ledger: Ledger, emit: Emit, start: Start, tmp_path: Path
) -> None:
    file = tmp_path / "out"
    emit(20_000, aggregates=50)
    relay = start(f"file:{file}", "--window", "200")
    wait_for(file, 1)
    assert relay.end() == 0
    relay.wait_for("stopping", signal="SIGTERM")
    relay.wait_for("stopped")
    came = len(numbers(file))
    assert 0 < came < 20_000, "it was told in the middle"
    assert status(ledger).leased_by is None
    assert start(f"file:{file}", "--once").wait() == 0
    assert sorted(numbers(file)) == list(range(20_000))
    assert_in_order(file)


def test_killed_processes_lose_nothing(
    ledger: Ledger, emit: Emit, start: Start, tmp_path: Path
) -> None:
    """Three of them, kill -9 at random, with new events all the time."""
    file = tmp_path / "out"
    chance = random.Random(5)
    arguments = ("--lease", "1s", "--batch-size", "200", "--window", "100")
    running = [start(f"file:{file}", *arguments) for _ in range(3)]
    total = 0
    for _ in range(12):
        emit(500)
        total += 500
        victim = chance.randrange(3)
        sleep(chance.uniform(0.05, 0.4))  # at random, not to wait for something
        running[victim].end(signal.SIGKILL)
        running[victim] = start(f"file:{file}", *arguments)
    wait_for(file, total)
    assert_in_order(file)
    assert set(numbers(file)) == set(range(total))
    wait_until(lambda: status(ledger).lag_messages == 0)


def test_a_zombie_cannot_confirm(ledger: Ledger, emit: Emit, start: Start, tmp_path: Path) -> None:
    """Stopped with messages on their way, it wakes up when another one has delivered them."""
    pipe, file = tmp_path / "pipe", tmp_path / "out"
    os.mkfifo(pipe)
    emit(2000)
    zombie = start(f"file:{pipe}", "--lease", "1s")
    wait_until(lambda: ledger.relays(RELAY) and status(ledger).leased_by)
    zombie.wait_for("opened")
    zombie.send_signal(signal.SIGSTOP)
    other = start(f"file:{file}", "--lease", "1s")
    wait_for(file, 2000)
    wait_until(lambda: status(ledger).lag_messages == 0)
    emit(10)
    wait_for(file, 2010)
    wait_until(lambda: status(ledger).leased_by is None)
    with subprocess.Popen(["cat", pipe], stdout=subprocess.DEVNULL) as reader:
        zombie.send_signal(signal.SIGCONT)
        zombie.wait_for("lease_lost")
        assert zombie.end() == 0
        other.end()
        reader.kill()
    assert status(ledger).lag_messages == 0
    assert numbers(file) == list(range(2010))


def test_a_slow_destination_keeps_its_lease(
    ledger: Ledger, emit: Emit, start: Start, tmp_path: Path
) -> None:
    """Renewed while nothing at all is acknowledged."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    emit(2000)
    start(f"file:{pipe}", "--lease", "1s")
    wait_until(lambda: ledger.relays(RELAY) and status(ledger).leased_until)
    first = status(ledger).leased_until
    assert first is not None
    wait_until(lambda: (status(ledger).leased_until or first) > first + timedelta(seconds=2))
    assert status(ledger).position == -1


def test_a_destination_that_hangs_does_not_keep_it_from_ending(
    ledger: Ledger, emit: Emit, start: Start, tmp_path: Path
) -> None:
    """It gives its leases back; what was on its way comes again."""
    pipe, file = tmp_path / "pipe", tmp_path / "out"
    os.mkfifo(pipe)
    emit(2000)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    relay = start(f"file:{pipe}", "--grace", "200ms")
    assert select([reader], [], [], 60)[0], "nothing is on its way"
    assert relay.end() == 0
    os.close(reader)
    assert relay.wait_for("cancelled")["in_flight"] > 0
    assert status(ledger).leased_by is None
    assert start(f"file:{file}", "--once").wait() == 0
    assert numbers(file) == list(range(2000))


def test_a_restarted_database_is_found_again(server_folder: Path, tmp_path: Path) -> None:
    data, file = server_folder / "own" / "pg", tmp_path / "out"
    version = int(os.environ.get("AGENT_EVENTS_TEST_PG", embedded.DEFAULT_VERSION))

    def serve() -> str:
        return make_conninfo(**embedded.ensure_server(data, version, fast=True))

    dsn = serve()
    command = [embedded.client_program("psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", dsn]
    subprocess.run([*command, "-f", sql_dir() / "install.sql"], check=True, capture_output=True)

    def emit(first: int, count: int) -> None:
        with psycopg.connect(dsn, autocommit=True) as connection:
            event = {"event_type": MOVED, "aggregate_type": "deal", "aggregate_id": "1"}
            Ledger(connection).emit_events(
                {**event, "payload": {"n": n}} for n in range(first, first + count)
            )

    with psycopg.connect(dsn, autocommit=True) as connection:
        Ledger(connection).register_event_type(MOVED, {})
    emit(0, 1000)
    relay = Running(dsn, f"file:{file}", "--lease", "2s")
    try:
        wait_for(file, 1000)
        embedded.stop_server(data, version)
        relay.wait_for("failed")
        serve()
        emit(1000, 1000)
        wait_for(file, 2000)
        assert relay.end() == 0
    finally:
        relay.close()
    assert_in_order(file)


def test_a_destination_that_is_not_there_is_waited_for(
    ledger: Ledger, emit: Emit, start: Start, tmp_path: Path
) -> None:
    """Meanwhile it holds no lease, so that another process can deliver."""
    folder = tmp_path / "later"
    emit(100)
    relay = start(f"file:{folder}/out")
    for _ in range(3):
        assert "No such file" in relay.wait_for("unavailable")["message"]
    assert ledger.relays(RELAY) == []
    folder.mkdir()
    wait_for(folder / "out", 100)
    assert relay.end() == 0


def test_a_destination_that_fails_gives_its_leases_back(
    ledger: Ledger, emit: Emit, start: Start, tmp_path: Path
) -> None:
    emit(100)
    relay = start("file:/dev/full")
    for _ in range(3):
        assert "No space left" in relay.wait_for("unavailable")["message"]
    start(f"file:{tmp_path}/out")
    wait_for(tmp_path / "out", 100)
    assert relay.end() == 0
    assert_in_order(tmp_path / "out")
    assert status(ledger).parked == 0, "no message was at fault"


def test_only_the_permitted_tenants_are_delivered(
    emit: Emit, start: Start, tmp_path: Path, login_role: Any, dsn: str
) -> None:
    emit(5, tenant_id="acme")
    emit(5, tenant_id="other")
    as_relay = make_conninfo(dsn, user=login_role("relay", {"acme": ["relay"]}))
    file = tmp_path / "out"
    assert start(f"file:{file}", "--once", dsn=as_relay).wait() == 0
    assert numbers(file) == list(range(5))


def test_only_the_types_asked_for(ledger: Ledger, emit: Emit, start: Start, tmp_path: Path) -> None:
    ledger.register_event_type("deal.closed", {})
    emit(3)
    ledger.emit_event("deal.closed", {"n": 7})
    emit(3)
    file = tmp_path / "out"
    assert start(f"file:{file}", "--once", "--event-type", "deal.closed").wait() == 0
    assert numbers(file) == [7]
    assert status(ledger).lag_messages == 0


@pytest.mark.parametrize(
    ("to", "arguments", "elsewhere", "code"),
    [
        ("file:/nowhere/out", (), None, 3),
        ("stdout:", (), "host=/nowhere", 3),
        ("ftp://host", (), None, 2),
        ("stdout:", ("--topic", "{payload}"), None, 2),
        ("stdout:", ("--option", "colour=red"), None, 2),
        ("stdout:", ("--health", "nonsense"), None, 2),
    ],
)
def test_exit_codes(
    emit: Emit,
    start: Start,
    dsn: str,
    to: str,
    arguments: tuple[str, ...],
    elsewhere: str | None,
    code: int,
) -> None:
    emit(1)
    assert start(to, "--once", *arguments, dsn=elsewhere or dsn).wait() == code


def test_who_may_not_relay_is_told_so(emit: Emit, start: Start, login_role: Any, dsn: str) -> None:
    """At once, also without --once: waiting would not help."""
    emit(1)
    reader = make_conninfo(dsn, user=login_role("reader", {"*": ["read"]}))
    assert start("stdout:", dsn=reader).wait() == 1
