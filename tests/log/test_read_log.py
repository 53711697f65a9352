"""read_log: the log page by page, from any position, filtered, waiting for what comes."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from event.conftest import archive_oldest
from log.consistency import Row, check_log, rows
from log.emitting import emit, emit_many, insert_many, seal, sealed_ids

AnyConnection = psycopg.Connection[Any]
Connect = Callable[..., AnyConnection]
LoginRole = Callable[..., str]
Refused = Callable[..., psycopg.Error]

SLEEPS = "select from pg_stat_activity where pid = %s and wait_event = 'PgSleep'"


def read(connection: AnyConnection, after: int | None = -1, **arguments: Any) -> list[Row]:
    given = {"after_position": after, "tenant_id": "acme"} | arguments
    named = ", ".join(f"{name} => %({name})s" for name in given)
    with connection.cursor(row_factory=psycopg.rows.dict_row) as cursor:
        query = f"select * from ledger.read_log({named})"
        return cursor.execute(query, given).fetchall()


def follow(connection: AnyConnection, sizes: Iterator[int], **arguments: Any) -> Iterator[Row]:
    """From the beginning to the end, in pages of these sizes."""
    after = -1
    while page := read(connection, after, page_size=(size := next(sizes)), **arguments):
        assert len(page) <= size
        yield from page
        after = page[-1]["position"]


def forever(values: list[int]) -> Iterator[int]:
    order = random.Random(0)
    while True:
        yield order.choice(values)


def test_pages_go_on_where_the_last_ended(ledger: AnyConnection) -> None:
    for _ in range(4):
        emit_many(ledger, 30)
        emit(ledger, "other")
        seal(ledger)
    events = sealed_ids(ledger)
    for sizes in ([1], [7], [120], [119, 1], [10_000]):
        followed = list(follow(ledger, forever(sizes)))
        assert [event["position"] for event in followed] == list(range(120))
        assert [event["id"] for event in followed] == events
    assert [event["position"] for event in read(ledger, 99, page_size=3)] == [100, 101, 102]
    assert read(ledger, 119) == []
    assert read(ledger, 10**12) == []
    assert len(read(ledger, None)) == 120
    assert len(read(ledger, -(10**12))) == 120


def test_only_what_is_sealed_is_read(ledger: AnyConnection) -> None:
    assert read(ledger) == []
    first = emit(ledger)
    assert read(ledger) == []
    seal(ledger)
    emit(ledger)
    assert [event["id"] for event in read(ledger)] == [first]


def test_a_row_is_the_event_with_its_position(ledger: AnyConnection) -> None:
    emit(ledger, stream="1")
    seal(ledger)
    (row,) = read(ledger)
    assert row == {"position": 0} | rows(ledger, "select * from ledger.events")[0]
    assert row == rows(ledger, "select * from ledger.log")[0]
    assert next(iter(row)) == "position"
    ledger.execute("set ledger.tenant_id = 'acme'")
    assert rows(ledger, "select * from ledger.read_log()") == [row]


@pytest.mark.parametrize("size", [0, -1, 10_001, None])
def test_page_size_has_limits(ledger: AnyConnection, refused: Refused, size: int | None) -> None:
    refused(ledger, "LG009", "select ledger.read_log(page_size => %s)", [size])
    assert read(ledger, page_size=1) == read(ledger, page_size=10_000) == []


def test_event_types_filter_and_pages_stay_full(ledger: AnyConnection) -> None:
    """Rare events over more positions than are looked at in one go."""
    insert_many(ledger, 12_000, rare_every=999)
    seal(ledger)
    insert_many(ledger, 12_000, rare_every=1_500)
    emit(ledger, event_type="test.other")
    seal(ledger)
    query = """
        select position from ledger.log
        where tenant_id = 'acme' and event_type = any(%s) order by position
    """
    for types in (["test.rare"], ["test.rare", "test.other"], ["test.other"], ["no.such"], []):
        expected = [row["position"] for row in rows(ledger, query, types)]
        for size in (1, 7, 1000):
            followed = list(follow(ledger, forever([size]), event_types=types))
            assert [event["position"] for event in followed] == expected
            assert {event["event_type"] for event in followed} <= set(types)
        assert len(read(ledger, page_size=7, event_types=types)) == min(7, len(expected))
    assert len(rows(ledger, query, ["test.rare"])) == 12 + 8


def test_waiting_ends_when_a_seal_commits(
    ledger: AnyConnection, connect: Connect, login_role: LoginRole
) -> None:
    emit(ledger)
    seal(ledger)
    reader = connect(user=login_role("reader", {"acme": ["read"]}))
    sealer = connect(autocommit=False)
    with ThreadPoolExecutor(1) as thread:
        waits = thread.submit(read, reader, 0, wait="1 minute")
        while ledger.execute(SLEEPS, [reader.info.backend_pid]).fetchone() is None:
            assert not waits.done()
        event = emit(ledger)
        emit(ledger, "other")
        seal(ledger, "other")
        seal(sealer)
        assert not waits.done()
        sealer.commit()
        (found,) = waits.result(timeout=20)
    assert (found["position"], found["id"]) == (1, event)


def test_waiting_ends_with_nothing_when_the_time_is_over(ledger: AnyConnection) -> None:
    emit(ledger)
    seal(ledger)
    with ledger.transaction():
        assert read(ledger, 0, wait="150 ms") == []
        waited = ledger.execute(
            "select clock_timestamp() - now() between interval '150 ms' and interval '30 s'"
        ).fetchone()
    assert waited == (True,)


def test_what_is_there_is_not_waited_for(ledger: AnyConnection) -> None:
    emit(ledger)
    seal(ledger)
    with ledger.transaction():
        assert len(read(ledger, wait="1 minute")) == 1
        assert read(ledger, 0, wait="0") == []
        soon = "select clock_timestamp() < now() + interval '30 s'"
        assert ledger.execute(soon).fetchone() == (True,)


@pytest.mark.parametrize("wait", ["-1 s", "1 minute 1 ms", "1 month", "infinity"])
def test_a_wait_has_limits(
    ledger: AnyConnection, refused: Refused, server_version: int, wait: str
) -> None:
    sqlstate = "22007" if wait == "infinity" and server_version < 17 else "LG009"
    refused(ledger, sqlstate, "select ledger.read_log(wait => %s::interval)", [wait])


def test_position_of(ledger: AnyConnection) -> None:
    events = emit_many(ledger, 3)
    theirs = emit(ledger, "other")
    assert position(ledger, events[0]) is None
    seal(ledger)
    seal(ledger, "other")
    assert [position(ledger, event) for event in events] == [0, 1, 2]
    assert position(ledger, theirs) is None
    assert position(ledger, theirs, "other") == 0
    assert position(ledger, uuid4()) is None
    assert position(ledger, None) is None
    ledger.execute("set ledger.tenant_id = 'acme'")
    assert ledger.execute("select ledger.position_of(%s)", [events[2]]).fetchone() == (2,)


def position(connection: AnyConnection, event: UUID | None, tenant_id: str = "acme") -> int | None:
    row = connection.execute("select ledger.position_of(%s, %s)", [event, tenant_id]).fetchone()
    assert row is not None
    return row[0]  # type: ignore[no-any-return]


def test_archived_events_stay_in_the_log(ledger: AnyConnection) -> None:
    insert_many(ledger, 300, age="40 days")
    seal(ledger)
    insert_many(ledger, 10)
    emit(ledger, stream="1")
    insert_many(ledger, 20, age="40 days")
    seal(ledger)
    before = read(ledger)
    archive_oldest(ledger)
    after = read(ledger)
    assert [row["tier"] for row in after].count("archive") == 320
    assert [row | {"tier": "hot"} for row in after] == before
    assert len(list(follow(ledger, forever([50])))) == 331
    seal(ledger)
    check_log(ledger, "acme")


def test_a_reader_sees_its_tenants_only(
    ledger: AnyConnection, connect: Connect, login_role: LoginRole, refused: Refused
) -> None:
    for tenant_id in ("acme", "other"):
        emit_many(ledger, 300, tenant_id)
        seal(ledger, tenant_id)
    tables = ["log", "log_entries", "log_tiles", "log_edges", "log_blocks", "log_heads"]

    def seen(connection: AnyConnection, table: str) -> set[str]:
        found = rows(connection, f"select distinct tenant_id from ledger.{table}")
        return {row["tenant_id"] for row in found}

    mine = connect(user=login_role("reader", {"acme": ["read"]}))
    every = connect(user=login_role("auditor", {"*": ["read", "audit"]}))
    blind = connect(user=login_role("blind", {"third": ["audit"]}))
    writer = connect(user=login_role("writer", {"*": ["write"]}))
    for table in tables:
        assert seen(mine, table) == {"acme"}
        assert seen(every, table) == {"acme", "other"}
        assert seen(blind, table) == set()
        refused(writer, "42501", f"select * from ledger.{table}")
    for connection in (mine, every, blind, writer):
        refused(connection, "42501", "select * from ledger.log_sweep")

    assert len(read(mine)) == 300
    assert len(read(every, tenant_id="other")) == 300
    refused(mine, "LG005", "select ledger.read_log(tenant_id => 'other')")
    refused(blind, "LG005", "select ledger.read_log(tenant_id => 'acme')")
    refused(writer, "42501", "select ledger.read_log(tenant_id => 'acme')")


def test_a_follower_neither_skips_nor_repeats(ledger: AnyConnection, connect: Connect) -> None:
    """Against two writers, of which one always has an older transaction open, and two sealers."""
    rounds = 40
    written = threading.Event()

    def write(number: int) -> None:
        connection = connect(autocommit=False)
        order = random.Random(number)
        for turn in range(rounds):
            emit(connection, stream=f"{number} {turn % 3}")
            emit_many(connection, order.randrange(1, 20))
            if order.random() < 0.2:
                connection.rollback()
            elif order.random() < 0.6:
                connection.commit()
        connection.commit()

    def keep_sealing() -> None:
        connection = connect()
        while not written.is_set():
            seal(connection)
        seal(connection)

    def keep_reading() -> list[Row]:
        connection = connect()
        sizes = forever([1, 3, 50])
        found: list[Row] = []
        while True:
            last = written.is_set() and sealed.done()
            after = found[-1]["position"] if found else -1
            page = read(connection, after, page_size=next(sizes), wait="20 ms")
            found += page
            if last and not page:
                return found

    with ThreadPoolExecutor(4) as threads:
        sealed = threads.submit(keep_sealing)
        reading = threads.submit(keep_reading)
        try:
            writers = [threads.submit(write, number) for number in range(2)]
            for writer in writers:
                writer.result(timeout=60)
        finally:
            written.set()
        found = reading.result(timeout=60)
        sealed.result()
    assert [event["position"] for event in found] == list(range(len(found)))
    assert [event["id"] for event in found] == sealed_ids(ledger)
    check_log(ledger, "acme")
