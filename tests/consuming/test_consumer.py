"""The handler and the inbox row are one transaction, and every failure is accounted for."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from inbox.consuming import inbox, make_due, status
from psycopg_pool import ConnectionPool

from agent_events import InboxEvent, Ledger, consumer, errors, open_async_pool
from agent_events.consuming import AsyncConsumer, Consumer, Policy, Reject, Result, Retry

AnyConnection = psycopg.Connection[Any]
Message = tuple[dict[str, str], bytes]
Make = Callable[..., Message]
Pool = ConnectionPool[Any]

INSERT = "insert into handled (event_id) values (%s)"


def handled(connection: AnyConnection) -> list[UUID]:
    return [row[0] for row in connection.execute("select event_id from handled")]


@pytest.fixture
def handler(pool: Pool) -> Consumer[str]:
    """Writes the event's id, and then fails as the event's data says."""

    @consumer("billing", pool, policy=Policy(max_attempts=3))
    def bill(connection: AnyConnection, event: InboxEvent) -> str:
        """Bill it."""
        connection.execute(INSERT, [event.id])
        if error := event.data.get("error"):
            raise ValueError(error)
        return "billed"

    return bill


def test_once_however_often_it_comes(
    handler: Consumer[str], message: Make, ledger: AnyConnection
) -> None:
    event = uuid4()
    results = [handler.process(*message(event)) for _ in range(3)]
    assert [result.status for result in results] == ["processed", "duplicate", "duplicate"]
    assert all(result.acknowledge and result.event_id == event for result in results)
    assert handled(ledger) == [event]
    assert inbox(ledger) == {event}


def test_a_decorated_handler_stays_what_it_was(
    handler: Consumer[str], ledger: AnyConnection
) -> None:
    event = InboxEvent(uuid4(), "deal.created", "/app/acme", data={})
    assert handler(ledger, event) == "billed"
    assert handled(ledger) == [event.id]
    assert inbox(ledger) == set()
    assert list(inspect.signature(handler).parameters) == ["connection", "event"]
    assert (handler.__name__, handler.__doc__) == ("bill", "Bill it.")  # type: ignore[attr-defined]


def test_a_failure_rolls_back_and_is_recorded(
    handler: Consumer[str], message: Make, ledger: AnyConnection
) -> None:
    event = uuid4()
    failing = message(event, {"error": "no such account"})
    result = handler.process(*failing)
    assert (result.status, result.attempts, result.acknowledge) == ("failed", 1, True)
    assert result.error == "ValueError: no such account"
    assert timedelta(0) <= result.delay <= timedelta(seconds=1)
    assert handled(ledger) == []
    assert status(ledger) == [(event, "waiting", 1)]
    assert [handler.process(*failing).status for _ in range(2)] == ["failed", "dead"]
    assert status(ledger) == [(event, "dead", 3)]


def test_retries_are_due_later(pool: Pool, message: Make, ledger: AnyConnection) -> None:
    outage = threading.Event()
    outage.set()

    @consumer("billing", pool)
    def bill(connection: AnyConnection, event: InboxEvent) -> None:
        connection.execute(INSERT, [event.id])
        event.data["changed"] = True
        if outage.is_set():
            raise ConnectionError("the bank is closed")

    events = [uuid4() for _ in range(3)]
    for event in events:
        assert bill.process(*message(event)).status == "failed"
    assert bill.retry_due() == []
    make_due(ledger)
    assert [result.attempts for result in bill.retry_due()] == [2, 2, 2]
    kept = ledger.execute("select message -> 'data' from ledger.inbox_failures").fetchall()
    assert kept == [({"amount": 3},)] * 3
    outage.clear()
    make_due(ledger)
    done = bill.retry_due(max_events=2)
    assert [(result.status, result.event_id) for result in done] == [
        ("processed", event) for event in events[:2]
    ]
    assert bill.process(*message(events[2])).status == "processed"  # the broker was faster
    assert bill.retry_due() == []
    assert (sorted(handled(ledger)), status(ledger)) == (sorted(events), [])


def test_requeued_dead_letters_are_processed(
    pool: Pool, message: Make, ledger: AnyConnection
) -> None:
    is_fixed = False

    @consumer("billing", pool)
    def bill(connection: AnyConnection, event: InboxEvent) -> None:
        if not is_fixed:
            raise Reject("unknown currency")
        connection.execute(INSERT, [event.id])

    event = uuid4()
    result = bill.process(*message(event))
    assert (result.status, result.attempts, result.retry_at) == ("dead", 1, None)
    make_due(ledger)
    assert bill.retry_due() == []
    is_fixed = True
    assert Ledger(ledger).requeue_failures("billing", tenant_id="acme") == 1
    assert [result.status for result in bill.retry_due()] == ["processed"]
    assert handled(ledger) == [event]


def test_the_handler_may_say_when(pool: Pool, message: Make) -> None:
    @consumer("billing", pool)
    def bill(connection: AnyConnection, event: InboxEvent) -> None:  # noqa: ARG001
        raise Retry("rate limited", timedelta(minutes=10))

    delay = bill.process(*message()).delay
    assert timedelta(minutes=9) < delay <= timedelta(minutes=10)


def test_the_broker_may_deliver_again(pool: Pool, message: Make) -> None:
    @consumer("billing", pool, policy=Policy(redeliver=True, max_attempts=2))
    def bill(connection: AnyConnection, event: InboxEvent) -> None:  # noqa: ARG001
        raise ValueError("no")

    failing = message()
    assert [bill.process(*failing).acknowledge for _ in range(2)] == [False, True]


def test_what_is_no_event_is_dead(
    handler: Consumer[str], pool: Pool, ledger: AnyConnection
) -> None:
    ledger.execute("select ledger.grant_access(%s, 'default', '{consume}')", [user(pool)])
    for body in (b"\x00\xff", b"[]", b'{"id": "1"}', b""):
        first, second = handler.process({"x": "\0"}, body), handler.process({"x": "\0"}, body)
        assert first.status == second.status == "dead"
        assert first.event_id == second.event_id
        assert first.event is None
    assert len(status(ledger)) == 4
    ledger.execute("select ledger.requeue_failures('billing')")
    assert {result.status for result in handler.retry_due()} == {"dead"}


def user(pool: Pool) -> str:
    with pool.connection() as connection:
        return connection.info.user


def test_a_handler_that_hides_an_error(pool: Pool, message: Make, ledger: AnyConnection) -> None:
    """COMMIT of an aborted transaction reports no error: nothing would be there."""

    @consumer("billing", pool)
    def bill(connection: AnyConnection, event: InboxEvent) -> None:
        connection.execute(INSERT, [event.id])
        with contextlib.suppress(psycopg.Error):
            connection.execute("select 1 / 0")

    result = bill.process(*message())
    assert result.status == "failed"
    assert "hid an error" in str(result.error)
    assert handled(ledger) == []


def test_a_handler_that_takes_everything_back(
    pool: Pool, message: Make, ledger: AnyConnection
) -> None:
    @consumer("billing", pool)
    def bill(connection: AnyConnection, event: InboxEvent) -> None:
        connection.execute(INSERT, [event.id])
        raise psycopg.Rollback

    assert bill.process(*message()).status == "failed"
    assert handled(ledger) == []


def test_a_constraint_that_fails_at_commit(
    pool: Pool, message: Make, ledger: AnyConnection
) -> None:
    ledger.execute("alter table handled add unique (event_id) deferrable initially deferred")

    @consumer("billing", pool)
    def bill(connection: AnyConnection, event: InboxEvent) -> None:
        connection.execute(INSERT, [event.id])
        connection.execute(INSERT, [event.id])

    result = bill.process(*message())
    assert result.status == "failed"
    assert "UniqueViolation" in str(result.error)
    assert (handled(ledger), inbox(ledger)) == ([], set())


def test_a_lost_connection_is_raised(pool: Pool, message: Make, ledger: AnyConnection) -> None:
    """Nobody knows what became of it: the broker delivers it again, and it is processed once."""

    @consumer("billing", pool)
    def bill(connection: AnyConnection, event: InboxEvent) -> None:
        connection.execute(INSERT, [event.id])
        if not lost:
            lost.append(event.id)
            ledger.execute("select pg_terminate_backend(%s, 10000)", [connection.info.backend_pid])

    lost: list[UUID] = []
    event = uuid4()
    with pytest.raises(psycopg.OperationalError):
        bill.process(*message(event))
    assert (handled(ledger), status(ledger)) == ([], [])
    assert bill.process(*message(event)).status == "processed"
    assert handled(ledger) == [event]


def test_serialization_failures_are_run_again(
    pool: Pool, message: Make, ledger: AnyConnection
) -> None:
    runs: list[int] = []

    @consumer("billing", pool)
    def bill(connection: AnyConnection, event: InboxEvent) -> None:
        connection.execute(INSERT, [event.id])
        runs.append(1)
        if len(runs) < 3:
            connection.execute("do $$ begin raise sqlstate '40001'; end $$")

    assert bill.process(*message()).status == "processed"
    assert (len(runs), status(ledger)) == (3, [])


def test_above_read_committed(pool: Pool, message: Make, ledger: AnyConnection) -> None:
    """Eight threads, the same events, SERIALIZABLE: each once, and no failure."""
    dsn = pool.conninfo

    @consumer("billing")
    def bill(connection: AnyConnection, event: InboxEvent) -> None:
        connection.execute(INSERT, [event.id])

    messages = [message() for _ in range(30)]

    def consume(_: int) -> list[Result]:
        with psycopg.connect(dsn) as connection:
            connection.isolation_level = psycopg.IsolationLevel.SERIALIZABLE
            return [bill.process(*given, connection=connection) for given in messages]

    with ThreadPoolExecutor(8) as threads:
        results = [result for work in threads.map(consume, range(8)) for result in work]
    assert len([result for result in results if result.status == "processed"]) == 30
    assert {result.status for result in results} == {"processed", "duplicate"}
    assert len(handled(ledger)) == 30


def test_in_a_transaction_of_yours(
    handler: Consumer[str], message: Make, ledger: AnyConnection, consumer_dsn: str
) -> None:
    event = uuid4()
    with psycopg.connect(consumer_dsn) as connection:
        connection.execute("select 1")
        with pytest.raises(errors.InvalidArgument, match="in no transaction"):
            handler.retry_due(connection=connection)
        assert handler.process(*message(event), connection=connection).status == "processed"
        failing = message(data={"error": "no"})
        assert handler.process(*failing, connection=connection).status == "failed"
        assert inbox(ledger) == set()
        connection.rollback()
        assert (inbox(ledger), status(ledger)) == (set(), [])
        connection.execute("select 1")
        assert handler.process(*message(event), connection=connection).status == "processed"
        connection.commit()
    assert handled(ledger) == [event]


def test_what_it_emits_is_caused_by_the_event(
    pool: Pool, message: Make, ledger: AnyConnection
) -> None:
    @consumer("billing", pool)
    def bill(connection: AnyConnection, event: InboxEvent) -> None:  # noqa: ARG001
        Ledger(connection).emit_event("invoice.sent", {})

    cause = Ledger(ledger).emit_event("test.happened", {}, tenant_id="acme")
    (event,) = Ledger(ledger).find_events(event_types=["test.happened"], tenant_id="acme")
    headers, body = message(
        cause.id,
        correlationid=str(event.correlation_id),
        traceparent=f"00-{event.trace_id.hex}-{cause.id.hex[16:]}-01",
    )
    assert bill.process(headers, body).status == "processed"
    (effect,) = Ledger(ledger).find_events(event_types=["invoice.sent"], tenant_id="acme")
    assert effect.causation_id == cause.id
    assert (effect.correlation_id, effect.trace_id) == (event.correlation_id, event.trace_id)


def test_tenants(pool: Pool, message: Make, ledger: AnyConnection) -> None:
    """The event's, unless the consumer has one; what is not permitted is raised, not recorded."""

    @consumer("billing", pool)
    def bill(connection: AnyConnection, event: InboxEvent) -> None:
        connection.execute(INSERT, [event.id])

    @consumer("mailer", pool, tenant_id="acme")
    def mail(connection: AnyConnection, event: InboxEvent) -> None:
        connection.execute(INSERT, [event.id])

    foreign = message(source="/app/globex")
    with pytest.raises(errors.TenantNotPermitted):
        bill.process(*foreign)
    assert mail.process(*foreign).status == "processed"
    rows = ledger.execute("select tenant_id, consumer from ledger.inbox").fetchall()
    assert rows == [("acme", "mailer")]


def test_it_needs_a_database(message: Make) -> None:
    @consumer("billing")
    def bill(connection: AnyConnection, event: InboxEvent) -> None: ...

    with pytest.raises(errors.InvalidArgument, match="no database"):
        bill.process(*message())


def test_from_the_log(handler: Consumer[str], ledger: AnyConnection) -> None:
    """Without a broker: a subscription delivers, the inbox absorbs what comes again."""
    client = Ledger(ledger)
    emitted = [client.emit_event("test.happened", {}, tenant_id="acme").id for _ in range(5)]
    for _ in range(2):
        subscription = client.subscribe(tenant_id="acme")
        for entry in subscription:
            handler.process_event(InboxEvent.of_entry(entry))
            if entry.position == 4:
                subscription.stop()
    assert handled(ledger) == emitted


def test_asyncio(consumer_dsn: str, message: Make, ledger: AnyConnection) -> None:
    """Many at once, each message four times, some fail: each is processed once."""

    async def scenario() -> list[Result]:
        async with await open_async_pool(consumer_dsn, max_size=4) as pool:

            @consumer("billing", pool, policy=Policy(max_attempts=50))
            async def bill(connection: psycopg.AsyncConnection[Any], event: InboxEvent) -> None:
                await connection.execute(INSERT, [event.id])
                runs.append(event.id)
                if runs.count(event.id) == 1 and event.id.int % 2:
                    raise ValueError("the first time")

            assert isinstance(bill, AsyncConsumer)
            results = await asyncio.gather(*(bill.process(*m) for m in messages * 4))
            make_due(ledger)
            assert await bill.retry_due() == []
            task = asyncio.create_task(bill.process(*message()))
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            return results

    runs: list[UUID] = []
    messages = [message() for _ in range(20)]
    results = asyncio.run(scenario())
    processed = [result.event_id for result in results if result.status == "processed"]
    assert len(processed) == len(set(processed)) == 20
    assert sorted(handled(ledger)) == sorted(processed)
    assert status(ledger) == []
