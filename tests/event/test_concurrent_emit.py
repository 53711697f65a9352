"""Many writers at once: whatever they do to each other, the ledger stays whole."""

from __future__ import annotations

import json
import random
import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from event.consistency import check_ledger

Connect = Callable[..., psycopg.Connection[Any]]
LoginRole = Callable[..., str]
Element = dict[str, Any]
Receipts = list[tuple[Any, ...]]

EMITTERS = 64
TRANSACTIONS = 12  # per emitter
KILLS = 60
STREAMS = [("deal", str(number)) for number in range(10)]
SHARED_KEYS = [f"key {number}" for number in range(40)]


@pytest.fixture
def ledger(pg: psycopg.Connection[Any]) -> psycopg.Connection[Any]:
    pg.execute("select ledger.register_event_type('test.anything', '{}')")
    return pg


def emit_event(connection: psycopg.Connection[Any], element: Element) -> Receipts:
    given = ", ".join(f"{name} => %({name})s" for name in element)
    arguments = element | {"payload": json.dumps(element["payload"])}
    query = f"select * from ledger.emit_event({given})"
    return connection.execute(query, arguments).fetchall()  # type: ignore[arg-type]


def emit_events(connection: psycopg.Connection[Any], elements: list[Element]) -> Receipts:
    query = "select * from ledger.emit_events(%s)"
    receipts = connection.execute(query, [json.dumps(elements)]).fetchall()
    assert len(receipts) == len(elements)
    return receipts


def together(count: int, work: Callable[[int, threading.Barrier], None]) -> None:
    """Call work(0, start), work(1, start), … in threads; what one of them raises is raised here."""
    start = threading.Barrier(count)

    def run(number: int) -> None:
        try:
            work(number, start)
        except BaseException:
            start.abort()
            raise

    with ThreadPoolExecutor(count) as threads:
        work_done = [threads.submit(run, number) for number in range(count)]
    errors = [error for done in work_done if (error := done.exception())]
    for error in sorted(errors, key=lambda error: isinstance(error, threading.BrokenBarrierError)):
        raise error


class Emitter:
    """A client that emits in all ways, at times rolls back, and reconnects when it is killed."""

    def __init__(self, seed: int, connect: Callable[[], psycopg.Connection[Any]]) -> None:
        self.random = random.Random(seed)
        self.connect = connect
        self.connection: psycopg.Connection[Any] | None = None
        self.committed: list[uuid.UUID] = []
        self.rolled_back: list[uuid.UUID] = []
        self.kills = 0

    def run_transaction(self) -> None:
        try:
            if self.connection is None or self.connection.closed:
                self.connection = self.connect()
            takes_back = self.random.random() < 0.2
            with self.connection.transaction(force_rollback=takes_back):
                receipts = self.emit(self.connection)
        except psycopg.OperationalError as error:
            if error.sqlstate not in (None, "57P01"):  # neither a lost connection nor a kill
                raise
            self.kills += 1
            return
        if takes_back:
            self.rolled_back += [receipt[0] for receipt in receipts if not receipt[4]]
        else:
            self.committed += [receipt[0] for receipt in receipts]

    def emit(self, connection: psycopg.Connection[Any]) -> Receipts:
        match self.random.randrange(4):
            case 0:
                return emit_event(connection, self.element(SHARED_KEYS))
            case 1:
                return emit_events(connection, self.elements())
            case 2:
                return emit_events(connection, self.elements(SHARED_KEYS))
            case _:
                return list(self.emit_repeatedly(connection))

    def emit_repeatedly(self, connection: psycopg.Connection[Any]) -> Iterator[tuple[Any, ...]]:
        """A transaction of several calls, which keeps to one stream as others do to an order."""
        stream = self.random.choice(STREAMS)
        for _ in range(3):
            yield from emit_event(connection, self.element(stream=stream))
            batch = [self.element(stream=stream) for _ in range(self.random.randrange(3))]
            yield from emit_events(connection, batch)

    def elements(self, keys: list[str] | None = None) -> list[Element]:
        return [self.element(keys) for _ in range(self.random.randrange(1, 9))]

    def element(
        self, keys: list[str] | None = None, stream: tuple[str, str] | None = None
    ) -> Element:
        element: Element = {"event_type": "test.anything", "payload": {"n": self.random.random()}}
        stream = stream or self.random.choice([*STREAMS, None])
        if stream:
            element |= {"aggregate_type": stream[0], "aggregate_id": stream[1]}
        if keys and self.random.random() < 0.3:
            element["idempotency_key"] = self.random.choice(keys)
        if self.random.random() < 0.1:
            element |= {"publish": False, "payload": {"quiet": True}}
        return element


def test_rollbacks_and_kills_leave_the_ledger_whole(
    ledger: psycopg.Connection[Any], connect: Connect, login_role: LoginRole
) -> None:
    role = login_role("app", {"default": ["write"]})
    emitters = [Emitter(seed, lambda: connect(user=role)) for seed in range(EMITTERS)]
    progress = threading.Semaphore(0)

    def emit(number: int) -> None:
        for _ in range(TRANSACTIONS):
            emitters[number].run_transaction()
            progress.release()

    def kill() -> None:
        connection = connect()
        for _ in range(KILLS):
            for _ in range(EMITTERS * TRANSACTIONS // KILLS):
                assert progress.acquire(timeout=30)
            connection.execute(
                """select pg_terminate_backend(pid) from pg_stat_activity
                where usename = %s order by state = 'idle', random() limit 1""",
                [role],
            )

    together(EMITTERS + 1, lambda number, _: emit(number) if number < EMITTERS else kill())

    check_ledger(ledger)
    stored = {row[0] for row in ledger.execute("select id from ledger.agent_events").fetchall()}
    assert stored.issuperset(event_id for emitter in emitters for event_id in emitter.committed)
    assert stored.isdisjoint(event_id for emitter in emitters for event_id in emitter.rolled_back)
    assert sum(emitter.kills for emitter in emitters) > KILLS / 2
    heads = "select count(*) from ledger.streams where sequence > 10"
    assert ledger.execute(heads).fetchone() == (len(STREAMS),)


def test_batches_over_the_same_streams_and_keys_in_any_order_do_not_deadlock(
    ledger: psycopg.Connection[Any], connect: Connect
) -> None:
    rounds, writers = 20, 12

    def write(number: int, start: threading.Barrier) -> None:
        order = random.Random(number)
        connection = connect()
        for turn in range(rounds):
            batch = [
                {"event_type": "test.anything", "aggregate_type": kind, "aggregate_id": name}
                for kind in ("deal", "Deal", "\u00e9t\u00e9")
                for name in ("always there", f"new in turn {turn}", f"{number % 3} in turn {turn}")
            ]
            if turn % 2:
                batch += [
                    {"event_type": "test.anything", "idempotency_key": f"{turn} {key}"}
                    for key in range(6)
                ]
            order.shuffle(batch)
            start.wait()
            with connection.transaction(force_rollback=order.random() < 0.2):
                emit_events(connection, batch)

    together(writers, write)
    check_ledger(ledger)


def test_a_retry_alone_and_one_in_a_batch_do_not_deadlock(
    ledger: psycopg.Connection[Any], connect: Connect
) -> None:
    def write(number: int, start: threading.Barrier) -> None:
        connection = connect()
        for turn in range(25):
            element = {
                "event_type": "test.anything",
                "payload": {},
                "aggregate_type": "deal",
                "aggregate_id": "42",
                "idempotency_key": f"key {turn}",
            }
            start.wait()
            if number % 2:
                emit_event(connection, element)
            else:
                emit_events(connection, [element])

    together(8, write)
    check_ledger(ledger)
    assert ledger.execute("select sequence from ledger.streams").fetchone() == (25,)


def test_first_events_of_a_tenant_do_not_deadlock(
    ledger: psycopg.Connection[Any], connect: Connect
) -> None:
    element = {
        "event_type": "test.anything",
        "payload": {},
        "aggregate_type": "deal",
        "aggregate_id": "42",
    }

    def write(number: int, start: threading.Barrier) -> None:
        connection = connect()
        for turn in range(25):
            connection.execute("select set_config('ledger.tenant_id', %s, false)", [f"t{turn}"])
            start.wait()
            if number % 2:
                emit_event(connection, element)
            else:
                emit_events(connection, [element])

    together(8, write)
    check_ledger(ledger)
    heads = ledger.execute("select distinct sequence from ledger.streams").fetchall()
    assert heads == [(8,)]
