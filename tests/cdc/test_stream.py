"""pgoutput: each committed message once, in the order of the commits, whatever partitions do."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg
from archive.history import emit_at, partition_of, set_interval, start_of_day
from cdc import page
from cdc.outbox import HAPPENED, NAME, Message, Outbox, by_id, consumer, emit, ids

EMITTERS = 8
ROUNDS = 25
STREAMS = ("a", "b", "c")
HEADING = "Only some of the messages"


def test_values_are_those_of_the_table(outbox: Outbox, admin: psycopg.Connection[Any]) -> None:
    emit(admin, "a", "b")
    admin.execute("select ledger.emit_event(%s, publish => true)", [HAPPENED])  # many NULLs
    admin.execute("select ledger.emit_event(%s, publish => false)", [HAPPENED])
    taken = outbox.take()
    assert by_id(taken) == by_id(outbox.table())
    assert len(taken) == 3
    assert outbox.take() == []


def test_order_of_the_commits(outbox: Outbox, admin: psycopg.Connection[Any]) -> None:
    emit(admin, "a")  # who emits a tenant's first event holds up the others
    outbox.take()
    first, second = (outbox.connect(autocommit=False) for _ in range(2))
    one = emit(first, "a")
    other = emit(second, "b", "c")
    three = emit(first, "d")
    second.commit()
    first.commit()
    assert ids(outbox.take()) == [*other, *one, *three]


def test_nothing_of_what_was_rolled_back(outbox: Outbox) -> None:
    connection = outbox.connect(autocommit=False)
    emit(connection, "a")
    connection.rollback()
    kept = emit(connection, "a")
    with connection.transaction(force_rollback=True):
        emit(connection, "a")
    kept += emit(connection, "a")
    connection.commit()
    assert ids(outbox.take()) == kept


def test_many_emitters(outbox: Outbox, admin: psycopg.Connection[Any]) -> None:
    """Taken while they are at work: everything once, each stream in its order."""

    def run(seed: int) -> None:
        chance = random.Random(seed)
        with psycopg.connect(outbox.dsn) as connection:
            for _ in range(ROUNDS):
                emit(connection, *sorted(chance.choices(STREAMS, k=chance.randrange(1, 4))))
                if chance.random() < 0.3:
                    connection.rollback()
                else:
                    connection.commit()

    taken: list[Message] = []
    looks: list[str] = []

    def look() -> int:
        """How many came; where the slot stood before and stands after is kept for a failure."""
        before = outbox.slot("restart_lsn"), outbox.slot("confirmed_flush_lsn")
        more = outbox.take()
        taken.extend(more)
        after = outbox.slot("restart_lsn"), outbox.slot("confirmed_flush_lsn")
        if before != after:
            looks.append(f"{before} -> {after}: {[str(each) for each in ids(more)]}")
        return len(more)

    with ThreadPoolExecutor(EMITTERS) as pool:
        running = [pool.submit(run, seed) for seed in range(EMITTERS)]
        while not all(done.done() for done in running):
            look()
        for done in running:
            done.result()
    while look():
        pass

    assert by_id(taken) == by_id(outbox.table()), outbox.lacking(taken, looks)
    sequences = dict(admin.execute("select id, sequence from ledger.agent_events").fetchall())
    for name in STREAMS:
        found = [sequences[UUID(m["id"])] for m in taken if m["aggregate_id"] == name]
        assert found == list(range(1, len(found) + 1))
        assert len(found) > EMITTERS


def test_partitions_made_later(outbox: Outbox, admin: psycopg.Connection[Any]) -> None:
    emit_at(admin, datetime(2031, 8, 17, tzinfo=UTC), [published("a"), published("b")])
    partition = "select count(*) from ledger.outbox_p20310801"
    assert admin.execute(partition).fetchone() == (2,)
    changes = outbox.reader.execute(consumer.PEEK, [NAME, None, None, NAME]).fetchall()
    tables = {int.from_bytes(data[1:5]) for (data,) in changes if data[:1] == b"I"}
    root = "select 'ledger.outbox'::regclass::oid::int8"
    assert tables == {row[0] for row in admin.execute(root)}
    assert by_id(outbox.take()) == by_id(outbox.table())


def test_archiving(outbox: Outbox, admin: psycopg.Connection[Any]) -> None:
    """What was emitted before and after, and the event that says so."""
    set_interval(admin, "day")
    expected = emit_at(admin, start_of_day(40), [published("a")])
    set_interval(admin, "month")
    admin.execute("select ledger.seal_all()")
    archive = "call ledger.archive_partition(%s)"
    admin.execute(archive, [partition_of(admin, start_of_day(40))])
    expected += emit(admin, "a")
    taken = outbox.take()
    assert by_id(taken) == by_id(outbox.table())
    assert set(expected) <= set(ids(taken))


def test_dropped_partition(outbox: Outbox, admin: psycopg.Connection[Any]) -> None:
    """Its messages are still in the WAL, under the table's name, and come after that."""
    set_interval(admin, "day")
    emit_at(admin, start_of_day(40), [published("a"), published("b")])
    before = by_id(outbox.table())
    with admin.transaction():
        admin.execute("select ledger_guard.open_window('upgrade')")
        admin.execute(f"drop table ledger.outbox_p{start_of_day(40):%Y%m%d}")  # type: ignore[arg-type]
    assert outbox.table() == []
    assert by_id(outbox.take()) == before
    after = emit(admin, "a")
    assert ids(outbox.take()) == after


def test_one_tenant(new_outbox: Outbox) -> None:
    only_acme, only_aggregates = page.sql(HEADING)
    new_outbox.admin.execute(only_acme)
    new_outbox.set_up()
    expected = emit(new_outbox.admin, "a")
    emit(new_outbox.admin, "a", tenant_id="globex")
    assert ids(new_outbox.take(NAME, "ledger_outbox_acme")) == expected
    assert "acme" in only_acme
    assert "aggregate_type is not null" in only_aggregates


def test_only_with_aggregate(new_outbox: Outbox) -> None:
    _, only_aggregates = page.sql(HEADING)
    new_outbox.admin.execute(only_aggregates)
    new_outbox.set_up()
    expected = emit(new_outbox.admin, "a")
    new_outbox.admin.execute("select ledger.emit_event(%s, publish => true)", [HAPPENED])
    assert ids(new_outbox.take(NAME, "ledger_outbox_aggregates")) == expected


def published(name: str) -> dict[str, Any]:
    return {
        "event_type": HAPPENED,
        "payload": {},
        "aggregate_type": "deal",
        "aggregate_id": name,
        "publish": True,
    }
