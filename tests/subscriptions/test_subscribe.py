"""Every committed event once, in order: from the beginning, live, and where it was left."""

from __future__ import annotations

import gc
import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import islice
from typing import Any
from uuid import UUID

import psycopg
import pytest
from log.emitting import HAPPENED, emit, emit_many, insert_many, seal, sealed_ids

from agent_events import Ledger, LogEntry, Subscription, errors
from agent_events.subscribing.pace import Pace

AnyConnection = psycopg.Connection[Any]
Connect = Callable[..., AnyConnection]


@pytest.fixture
def client(reader: AnyConnection) -> Ledger:
    return Ledger(reader)


def take(subscription: Subscription, count: int) -> list[LogEntry]:
    return list(islice(subscription, count))


def ids(entries: list[LogEntry]) -> list[UUID]:
    return [entry.event.id for entry in entries]


def backends(connection: AnyConnection, user: str) -> list[int]:
    query = "select pid from pg_stat_activity where usename = %s"
    return [row[0] for row in connection.execute(query, [user])]


def test_what_there_is_and_then_what_comes(ledger: AnyConnection, client: Ledger) -> None:
    emitted = emit_many(ledger, 7)
    seal(ledger)
    emitted += emit_many(ledger, 5)  # the subscription seals by itself
    with client.subscribe(tenant_id="acme", page_size=3) as subscription:
        entries = take(subscription, 12)
        for _ in range(5):
            emitted.append(emit(ledger))
            entries += take(subscription, 1)
    assert [entry.position for entry in entries] == list(range(17))
    assert sorted(ids(entries)) == sorted(emitted)
    assert ids(entries) == sealed_ids(ledger)


def test_from_a_position(ledger: AnyConnection, client: Ledger) -> None:
    emit_many(ledger, 10)
    with client.subscribe(tenant_id="acme", from_position=4) as subscription:
        assert subscription.position == 3
        assert [entry.position for entry in take(subscription, 3)] == [4, 5, 6]
        assert subscription.position == 6
    with client.subscribe(tenant_id="acme", from_position=10) as subscription:
        new = emit(ledger)
        assert ids(take(subscription, 1)) == [new]
    for position in (-1, 12):
        with pytest.raises(errors.InvalidArgument, match="there is no position"):
            next(client.subscribe(tenant_id="acme", from_position=position))


def test_only_new(ledger: AnyConnection, client: Ledger) -> None:
    emit_many(ledger, 10)
    with client.subscribe(tenant_id="acme", only_new=True) as subscription:
        new = emit(ledger)
        assert ids(take(subscription, 1)) == [new]


def test_types(ledger: AnyConnection, client: Ledger) -> None:
    """Other types are passed over, and a saved cursor with them."""
    wanted = []
    for _ in range(5):
        emit_many(ledger, 30)
        wanted.append(emit(ledger, event_type="test.rare"))
    emit_many(ledger, 30)
    options: dict[str, Any] = {"event_types": ["test.rare"], "tenant_id": "acme", "page_size": 2}
    with client.subscribe("rare", **options, save_interval=timedelta(0)) as subscription:
        assert ids(take(subscription, 5)) == wanted
        thread = threading.Thread(target=lambda: next(subscription, None))
        thread.start()
        while client.subscription_position("rare", tenant_id="acme") != 184:
            pass
        wanted.append(emit(ledger, event_type="test.rare"))
        thread.join()
        assert subscription.position == 185


def test_a_named_one_goes_on_where_it_was(ledger: AnyConnection, client: Ledger) -> None:
    emit_many(ledger, 10)
    with client.subscribe("index", tenant_id="acme") as subscription:
        take(subscription, 3)
        subscription.save()
        take(subscription, 2)
    with client.subscribe("index", tenant_id="acme", from_position=9) as subscription:
        assert [entry.position for entry in take(subscription, 2)] == [3, 4]
    with client.subscribe("another", tenant_id="acme") as subscription:
        assert take(subscription, 1)[0].position == 0


def test_what_was_asked_beyond_is_handled(ledger: AnyConnection, client: Ledger) -> None:
    """After every second event: of the ten that were given, the tenth may not be handled."""
    emit_many(ledger, 10)
    options: dict[str, Any] = {"tenant_id": "acme", "save_every": 2, "save_interval": None}
    with client.subscribe("index", **options) as subscription:
        saved = []
        for _ in subscription:
            saved.append(client.subscription_position("index", tenant_id="acme"))
            if len(saved) == 9:
                break
    assert saved == [-1, -1, 1, 1, 3, 3, 5, 5, 7]


def test_it_is_saved_when_there_is_nothing_new(ledger: AnyConnection, client: Ledger) -> None:
    emit_many(ledger, 3)
    options: dict[str, Any] = {"save_every": 1000, "save_interval": timedelta(hours=1)}
    with client.subscribe("index", tenant_id="acme", **options) as subscription:
        thread = threading.Thread(target=lambda: take(subscription, 4))
        thread.start()
        while client.subscription_position("index", tenant_id="acme") != 2:
            pass
        emit(ledger)
        thread.join()


def test_a_new_one_of_that_name_begins_where_it_began(
    ledger: AnyConnection, client: Ledger
) -> None:
    """Also when nothing came before it ended: events since then are not lost."""
    emit_many(ledger, 3)
    with client.subscribe("index", tenant_id="acme", only_new=True):
        pass
    new = emit(ledger)
    with client.subscribe("index", tenant_id="acme", only_new=True) as subscription:
        assert ids(take(subscription, 1)) == [new]


def test_saving_in_the_handlers_transaction(ledger: AnyConnection) -> None:
    """Two processes of one name, each event in both: it takes effect in one of them."""
    emit_many(ledger, 40)
    ledger.execute("create table seen (position bigint)")

    def handle(subscription: Subscription, connection: AnyConnection) -> None:
        for entry in islice(subscription, 40):
            with connection.transaction():
                connection.execute("insert into seen values (%s)", [entry.position])
                if not subscription.save(connection):
                    raise psycopg.Rollback

    options: dict[str, Any] = {"tenant_id": "acme", "save_every": None, "save_interval": None}
    admin = Ledger(ledger)
    with (
        ThreadPoolExecutor(2) as threads,
        admin.subscribe("index", **options) as first,
        admin.subscribe("index", **options) as second,
        psycopg.connect(ledger.info.dsn, autocommit=True) as one,
        psycopg.connect(ledger.info.dsn, autocommit=True) as another,
    ):
        for work in [threads.submit(handle, first, one), threads.submit(handle, second, another)]:
            work.result()
    rows = ledger.execute("select position from seen order by position").fetchall()
    assert rows == [(position,) for position in range(40)]
    assert admin.subscription_position("index", tenant_id="acme") == 39


def test_without_a_name_there_is_nothing_to_save(ledger: AnyConnection, client: Ledger) -> None:
    emit(ledger)
    with client.subscribe(tenant_id="acme") as subscription:
        next(subscription)
        with pytest.raises(errors.InvalidArgument, match="without a name"):
            subscription.save()


def test_stop_ends_it_and_saves(ledger: AnyConnection, client: Ledger) -> None:
    emit_many(ledger, 10)
    subscription = client.subscribe("index", tenant_id="acme")
    seen = []
    for entry in subscription:
        seen.append(entry.position)
        if len(seen) == 4:
            subscription.stop()
    assert seen == [0, 1, 2, 3]
    assert client.subscription_position("index", tenant_id="acme") == 3
    assert list(subscription) == []


def test_stop_ends_one_that_waits(client: Ledger) -> None:
    subscription = client.subscribe(tenant_id="acme")
    with ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(list, subscription)
        subscription.stop()
        assert waiting.result(10) == []


def test_a_closed_one_is_over(ledger: AnyConnection, client: Ledger) -> None:
    emit(ledger)
    with client.subscribe(tenant_id="acme") as subscription:
        next(subscription)
    with pytest.raises(errors.InvalidArgument, match="was closed"):
        next(subscription)


def test_one_that_is_dropped_closes_its_connection(
    ledger: AnyConnection, client: Ledger, reader: AnyConnection
) -> None:
    emit_many(ledger, 3)
    for _ in client.subscribe(tenant_id="acme"):
        break
    gc.collect()
    user = reader.info.user
    deadline = time.monotonic() + 10
    while backends(ledger, user) != [reader.info.backend_pid]:
        assert time.monotonic() < deadline


def test_the_callers_transaction_is_left_alone(
    ledger: AnyConnection, connect: Connect, reader: AnyConnection
) -> None:
    """It may be open, aborted, or older than the events."""
    connection = connect(user=reader.info.user, autocommit=False)
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    connection.execute("select count(*) from ledger.events")
    emit_many(ledger, 3)
    with Ledger(connection).subscribe(tenant_id="acme") as subscription:
        assert len(take(subscription, 2)) == 2
        with pytest.raises(psycopg.errors.DivisionByZero):
            connection.execute("select 1 / 0")
        assert len(take(subscription, 1)) == 1


def test_tenants_apart(ledger: AnyConnection, client: Ledger) -> None:
    emit_many(ledger, 3, "other")
    own = emit(ledger)
    with client.subscribe(tenant_id="acme") as subscription:
        assert ids(take(subscription, 1)) == [own]
    with pytest.raises(errors.TenantNotPermitted):
        next(client.subscribe(tenant_id="other"))


def test_a_reader_needs_no_name(
    ledger: AnyConnection, connect: Connect, login_role: Callable[..., str]
) -> None:
    emit(ledger)
    only_reads = Ledger(connect(user=login_role("only_reads", {"acme": ["read"]})))
    with only_reads.subscribe(tenant_id="acme") as subscription:
        assert len(take(subscription, 1)) == 1
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        next(only_reads.subscribe("index", tenant_id="acme"))


def test_a_lost_connection_is_raised(
    ledger: AnyConnection, client: Ledger, reader: AnyConnection
) -> None:
    emit_many(ledger, 5)
    with client.subscribe("index", tenant_id="acme", page_size=2) as subscription:
        take(subscription, 2)
        subscription.save()
        (own,) = set(backends(ledger, reader.info.user)) - {reader.info.backend_pid}
        ledger.execute("select pg_terminate_backend(%s, 10000)", [own])
        with pytest.raises(psycopg.OperationalError):
            take(subscription, 3)
    with client.subscribe("index", tenant_id="acme") as subscription:
        assert [entry.position for entry in take(subscription, 3)] == [2, 3, 4]


def test_events_in_cold_files_are_passed_over(ledger: AnyConnection, client: Ledger) -> None:
    """As read_log passes over them: their positions are a gap."""
    emit_many(ledger, 100)
    seal(ledger)
    insert_many(ledger, 300, age="40 days")
    seal(ledger)
    emit_many(ledger, 100)
    seal(ledger)
    insert_many(ledger, 50, age="40 days")
    with ledger.transaction():
        # As dropping a cold partition leaves it: the log has positions whose events are not there.
        ledger.execute("select ledger.seal('acme'), ledger_guard.open_window('uninstall')")
        ledger.execute(
            """
            do $$
            declare
              v_name text := (
                select partition_name from ledger.partition_status
                where parent_name = 'agent_events' order by from_time limit 1
              );
            begin
              execute format('alter table ledger.agent_events detach partition ledger.%I', v_name);
              execute format('drop table ledger.%I', v_name);
            end
            $$
            """
        )
    with client.subscribe("index", tenant_id="acme", page_size=30) as subscription:
        positions = [entry.position for entry in take(subscription, 200)]
        with ThreadPoolExecutor(1) as thread:
            waiting = thread.submit(next, subscription)
            while client.subscription_position("index", tenant_id="acme") != 549:
                pass
            emit(ledger)
            assert waiting.result().position == 550
    assert positions == [*range(100), *range(400, 500)]


class Emitter:
    """Emits in transactions of one to three events; rolls some back, keeps some open."""

    def __init__(self, connection: AnyConnection, seed: int) -> None:
        self.connection = connection
        self.random = random.Random(seed)
        self.committed: list[UUID] = []

    def run(self, transactions: int) -> None:
        for number in range(transactions):
            takes_back = self.random.random() < 0.2
            emitted = []
            with self.connection.transaction(force_rollback=takes_back):
                # One per transaction: two in another order would deadlock.
                stream = str(self.random.randrange(4)) if number % 3 else None
                for _ in range(self.random.randrange(1, 4)):
                    emitted.append(emit(self.connection, stream=stream))
                    self.connection.execute(
                        "select pg_sleep(%s)", [self.random.choice([0, 0, 0.001, 0.02])]
                    )
            if not takes_back:
                self.committed += emitted


def streams_in_order(entries: list[LogEntry]) -> Iterator[tuple[str | None, list[int | None]]]:
    for stream in {entry.event.aggregate_id for entry in entries}:
        if stream is not None:
            yield stream, [e.event.sequence for e in entries if e.event.aggregate_id == stream]


@pytest.mark.parametrize("notify", ["on", "off"])
def test_eight_emitters(ledger: AnyConnection, connect: Connect, notify: str) -> None:
    """Every event that was committed, once, in the order of positions; streams in theirs."""
    ledger.execute(f"alter database {ledger.info.dbname} set ledger.notify = '{notify}'")
    emitters = [Emitter(connect(), seed) for seed in range(8)]
    seen: list[list[LogEntry]] = [[], []]
    subscriptions = [Ledger(connect()).subscribe(tenant_id="acme", page_size=n) for n in (7, 500)]

    def follow(number: int) -> None:
        seen[number].extend(subscriptions[number])

    with ThreadPoolExecutor(10) as threads:
        following = [threads.submit(follow, number) for number in range(2)]
        try:
            for work in [threads.submit(emitter.run, 40) for emitter in emitters]:
                work.result()
            total = sum(len(emitter.committed) for emitter in emitters)
            deadline = time.monotonic() + 30
            while min(map(len, seen)) < total:
                assert time.monotonic() < deadline
        finally:
            for subscription in subscriptions:
                subscription.stop()
        for work in following:
            work.result()
    for entries in seen:
        assert [entry.position for entry in entries] == list(range(total))
        assert set(ids(entries)) == {event for e in emitters for event in e.committed}
        for stream, sequences in streams_in_order(entries):
            assert sequences == list(range(1, len(sequences) + 1)), stream


def notifications(connection: AnyConnection, seconds: float = 0.2) -> list[tuple[str, str]]:
    return [(n.channel, n.payload) for n in connection.notifies(timeout=seconds)]


def test_one_notification_per_seal(ledger: AnyConnection, connect: Connect) -> None:
    listener = connect()
    listener.execute("listen ledger_log")
    ledger.execute("set ledger.notify = 'on'")
    emit_many(ledger, 50)
    emit_many(ledger, 5, "other")
    assert notifications(listener) == []
    seal(ledger)
    seal(ledger)  # closes no block
    seal(ledger, "other")
    assert notifications(listener) == [("ledger_log", "acme"), ("ledger_log", "other")]
    ledger.execute("set ledger.notify = 'off'")
    emit_many(ledger, 5)
    seal(ledger)
    assert notifications(listener) == []


@pytest.mark.parametrize("notify", ["on", "off"])
def test_who_listens(ledger: AnyConnection, client: Ledger, notify: str) -> None:
    ledger.execute(f"alter database {ledger.info.dbname} set ledger.notify = '{notify}'")
    emit(ledger)
    with client.subscribe(tenant_id="acme") as subscription:
        next(subscription)
        listening = subscription._connection.execute(  # type: ignore[union-attr]
            "select array_agg(c) from pg_listening_channels() as c"
        ).fetchone()
        assert listening == ((["ledger_log"] if notify == "on" else None),)


def test_a_seal_wakes_who_waits(ledger: AnyConnection, client: Ledger) -> None:
    """With pauses of a minute, it has the event at once; seals of other tenants wake nobody."""
    ledger.execute(f"alter database {ledger.info.dbname} set ledger.notify = 'on'")
    ledger.execute("set ledger.notify = 'on'")
    with client.subscribe(tenant_id="acme") as subscription, ThreadPoolExecutor(1) as thread:
        subscription._pace = LongPauses(None, None)
        waiting = thread.submit(next, subscription)
        assert LongPauses.begun.wait(10)
        emit(ledger, "other")
        seal(ledger, "other")
        emitted = emit(ledger)
        seal(ledger)
        assert waiting.result(30).event.id == emitted


class LongPauses(Pace):
    begun = threading.Event()

    def slow_down(self) -> float:
        self.begun.set()
        return 60.0


def test_an_idle_one_makes_a_handful_of_statements(ledger: AnyConnection, client: Ledger) -> None:
    """Two a second at most, once the pauses have grown."""
    emit(ledger)
    subscription = client.subscribe("index", tenant_id="acme")
    next(subscription)
    counted = []
    look = subscription._look

    def count(*arguments: Any) -> None:
        counted.append(time.monotonic())
        look(*arguments)

    subscription._look = count  # type: ignore[method-assign]
    with ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(list, subscription)
        started = time.monotonic()
        while len(counted) < 11:
            assert time.monotonic() < started + 60
            time.sleep(0.01)  # lets the other thread run
        subscription.stop()
        assert waiting.result() == []
    assert counted[10] - counted[6] > 1.8


def test_the_type_of_events(ledger: AnyConnection, client: Ledger) -> None:
    emit(ledger)
    with client.subscribe(tenant_id="acme") as subscription:
        (entry,) = take(subscription, 1)
    assert entry.event.event_type == HAPPENED
