"""True once per consumer and event, whoever else tries, commits or rolls back."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from inbox.consuming import ACCEPT, AnyConnection, accept, fail, inbox, status
from log.emitting import await_lock
from psycopg import IsolationLevel

Connect = Callable[..., AnyConnection]
Refused = Callable[..., psycopg.Error]

HANDLED = "create table handled (event_id uuid); grant all on handled to public"


def test_the_first_time_and_never_again(consumer: Connect) -> None:
    connection = consumer()
    event = uuid4()
    assert accept(connection, event)
    assert not accept(connection, event)
    assert accept(connection, event, consumer="mailer")
    assert accept(connection, uuid4())


def test_what_rolls_back_was_not_accepted(consumer: Connect) -> None:
    connection = consumer()
    event = uuid4()
    with connection.transaction(force_rollback=True):
        assert accept(connection, event)
        assert not accept(connection, event)
    with connection.transaction():
        with connection.transaction(force_rollback=True):
            assert accept(connection, event)
        assert accept(connection, event)
    assert not accept(connection, event)


def test_the_row_says_what_and_when(consumer: Connect, pg: AnyConnection) -> None:
    event = uuid4()
    accept(consumer(), event)
    row = pg.execute(
        "select tenant_id, consumer, event_id, event_type, processed_at <= clock_timestamp()"
        " from ledger.inbox"
    ).fetchall()
    assert row == [("acme", "billing", event, "deal.created", True)]


def test_tenants_apart(
    consumer: Connect, pg: AnyConnection, refused: Refused, login_role: Callable[..., str]
) -> None:
    event = uuid4()
    assert accept(pg, event, tenant_id="globex")
    connection = consumer()
    assert accept(connection, event)
    error = refused(connection, "LG005", ACCEPT, ["billing", event, "globex"])
    assert "{consume}" in str(error.diag.message_hint)
    assert connection.execute("select distinct tenant_id from ledger.inbox").fetchall() == [
        ("acme",)
    ]
    role = login_role("reader", {"acme": ["read", "write"]})
    with psycopg.connect(pg.info.dsn, user=role, autocommit=True) as reader:
        refused(reader, "42501", ACCEPT, ["billing", uuid4(), "acme"])
        refused(reader, "42501", "select * from ledger.inbox")


def test_the_tenant_of_the_context(consumer: Connect) -> None:
    connection = consumer()
    with connection.transaction():
        connection.execute("select ledger.set_context(tenant_id => 'acme')")
        connection.execute("select ledger.accept_event('billing', gen_random_uuid())")
    assert connection.execute("select tenant_id from ledger.inbox").fetchall() == [("acme",)]


@pytest.mark.parametrize("statement", ["delete from {}", "insert into {} values ('acme', 'b')"])
@pytest.mark.parametrize("table", ["ledger.inbox", "ledger.inbox_failures"])
def test_only_functions_write(
    consumer: Connect, refused: Refused, table: str, statement: str
) -> None:
    refused(consumer(), "42501", statement.format(table))


def test_nobody_truncates(pg: AnyConnection, refused: Refused) -> None:
    refused(pg, "LG001", "truncate ledger.inbox")
    refused(pg, "LG001", "truncate ledger.inbox_failures")


@pytest.mark.parametrize(
    ("consumer_name", "event_id", "tenant_id", "reason"),
    [
        (None, uuid4(), "acme", "consumer must have 1 to 255 characters"),
        ("", uuid4(), "acme", "consumer must have 1 to 255 characters"),
        ("x" * 256, uuid4(), "acme", "consumer must have 1 to 255 characters"),
        ("billing", None, "acme", "event_id is NULL"),
        ("billing", uuid4(), "no tenant", "'no tenant' is no tenant id"),
    ],
)
def test_bad_arguments(
    pg: AnyConnection,
    refused: Refused,
    consumer_name: str | None,
    event_id: UUID | None,
    tenant_id: str,
    reason: str,
) -> None:
    error = refused(pg, "LG009", ACCEPT, [consumer_name, event_id, tenant_id])
    assert error.diag.message_primary == reason


@pytest.mark.parametrize("first_commits", [True, False])
def test_a_second_one_waits_for_the_first(
    consumer: Connect, pg: AnyConnection, first_commits: bool
) -> None:
    event = uuid4()
    first, second = consumer(), consumer()
    with ThreadPoolExecutor(1) as thread:
        with first.transaction(force_rollback=not first_commits):
            assert accept(first, event)
            waiting = thread.submit(accept, second, event)
            await_lock(pg, second)
        assert waiting.result(10) is not first_commits
    assert inbox(pg) == {event}


@pytest.mark.parametrize("level", [IsolationLevel.REPEATABLE_READ, IsolationLevel.SERIALIZABLE])
def test_above_read_committed(
    consumer: Connect, pg: AnyConnection, refused: Refused, level: IsolationLevel
) -> None:
    """What the snapshot shows is a duplicate; what was committed after it, 40001."""
    before, after = uuid4(), uuid4()
    connection = consumer(autocommit=False)
    connection.isolation_level = level
    accept(pg, before)
    connection.execute("select count(*) from ledger.inbox")
    assert not accept(connection, before)
    accept(pg, after)
    refused(connection, "40001", ACCEPT, ["billing", after, "acme"])
    assert not accept(connection, after)


@pytest.mark.parametrize("first_commits", [True, False])
def test_waiting_above_read_committed(
    consumer: Connect, pg: AnyConnection, first_commits: bool
) -> None:
    event = uuid4()
    first, second = consumer(), consumer(autocommit=False)
    second.isolation_level = IsolationLevel.REPEATABLE_READ
    with ThreadPoolExecutor(1) as thread:
        with first.transaction(force_rollback=not first_commits):
            assert accept(first, event)
            waiting = thread.submit(accept, second, event)
            await_lock(pg, second)
        if first_commits:
            with pytest.raises(psycopg.errors.SerializationFailure):
                waiting.result(10)
            second.rollback()
            assert not accept(second, event)
        else:
            assert waiting.result(10)


def test_many_consumers_of_the_same_events(consumer: Connect, pg: AnyConnection) -> None:
    """Eight sessions, each event delivered to all, a third of the transactions roll back."""
    pg.execute(HANDLED)
    events = [uuid4() for _ in range(60)]
    done: set[UUID] = set()
    lock = threading.Lock()

    def consume(number: int) -> None:
        connection = consumer()
        for round_number in range(3):
            order = events[number * 7 :] + events[: number * 7]
            for event in order:
                takes_back = (event.int + number + round_number) % 3 == 0
                with connection.transaction(force_rollback=takes_back):
                    if not accept(connection, event):
                        continue
                    connection.execute("insert into handled values (%s)", [event])
                if not takes_back:
                    with lock:
                        assert event not in done
                        done.add(event)

    with ThreadPoolExecutor(8) as threads:
        for work in [threads.submit(consume, number) for number in range(8)]:
            work.result()
    assert done == set(events) == inbox(pg)
    rows = pg.execute("select event_id from handled").fetchall()
    assert sorted(rows) == sorted((event,) for event in events)


def test_success_takes_the_failure_away(consumer: Connect, pg: AnyConnection) -> None:
    connection = consumer()
    event = uuid4()
    fail(connection, event)
    with connection.transaction(force_rollback=True):
        assert accept(connection, event)
        assert status(connection) == []
    assert [row[:2] for row in status(connection)] == [(event, "waiting")]
    assert accept(connection, event)
    assert status(pg) == []


def test_a_late_failure_of_what_was_processed(consumer: Connect, pg: AnyConnection) -> None:
    """Another session has processed it while this one failed: there is nothing to try again."""
    connection = consumer()
    event = uuid4()
    assert accept(connection, event)
    row: dict[str, Any] = fail(connection, event)
    assert set(row.values()) == {None}
    assert status(pg) == []


def test_a_failure_that_waits_for_the_success(consumer: Connect, pg: AnyConnection) -> None:
    first, second = consumer(), consumer()
    event = uuid4()
    fail(first, event)
    with ThreadPoolExecutor(1) as thread:
        with first.transaction():
            assert accept(first, event)
            waiting = thread.submit(fail, second, event)
            await_lock(pg, second)
        assert waiting.result(10)["event_id"] is None
    assert status(pg) == []
