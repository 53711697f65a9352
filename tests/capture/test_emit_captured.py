"""Events of what was kept: once, in order, whoever else is at it or is killed."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

import psycopg
import pytest
from capture.folding import captured, emit_captured, fold, made, stored, waiting
from capture.shopping import KEYS, shop
from log.emitting import await_lock

AnyConnection = psycopg.Connection[Any]
Connect = Callable[..., AnyConnection]
Refused = Callable[..., psycopg.Error]


def test_so_many_at_a_time(stock: AnyConnection, pg: AnyConnection) -> None:
    for number in range(5):
        stock.execute("insert into stock values (%s), (%s + 10)", [number, number])
    assert [emit_captured(pg, 3) for _ in range(4)] == [4, 4, 2, 0]


def test_many_rows_that_are_large(stock: AnyConnection, pg: AnyConnection) -> None:
    """4,000,000 bytes is the limit of a row, not of a statement."""
    stock.execute(
        "insert into stock select n, 0, repeat('x', 3999000) from generate_series(1, 3) as n"
    )
    stock.execute("update stock set note = note || 'y'")
    assert emit_captured(pg) == 6
    assert fold(captured(pg, "stock")) == stored(stock, "stock", "id")


def test_one_at_a_time(stock: AnyConnection, pg: AnyConnection, connect: Connect) -> None:
    stock.execute("insert into stock values (1)")
    other = connect()
    with pg.transaction():
        assert emit_captured(pg) == 1
        assert emit_captured(other) == 0
    assert emit_captured(other) == 0
    assert made(pg) == [("created", "1", 1)]


@pytest.mark.parametrize("isolation", ["REPEATABLE_READ", "SERIALIZABLE"])
def test_an_old_snapshot_makes_nothing_twice(
    stock: AnyConnection, pg: AnyConnection, connect: Connect, isolation: str
) -> None:
    stock.execute("insert into stock values (1)")
    other = connect(autocommit=False)
    other.isolation_level = psycopg.IsolationLevel[isolation]
    other.execute("select count(*) from ledger.capture_queue")
    assert emit_captured(pg) == 1
    with pytest.raises(psycopg.errors.SerializationFailure):
        emit_captured(other)
    other.rollback()
    assert made(pg) == [("created", "1", 1)]


def test_a_stream_that_is_locked_waits(
    stock: AnyConnection, pg: AnyConnection, connect: Connect
) -> None:
    """And other types of streams do not, nor what is older; and nothing is said to be wrong."""
    pg.execute("select ledger.register_event_type('stock.counted', '{}')")
    stock.execute("create table other (id int primary key)")
    stock.execute("select ledger.track_table('other', deferred => true)")
    stock.execute("insert into other values (1)")
    emit_captured(pg)
    for key in ("0", "1", "2"):
        stock.execute("insert into stock values (%s)", [key])
    stock.execute("insert into other values (2)")
    emitter = connect(autocommit=False, options="-c ledger.tenant_id=acme")
    emitter.execute(
        "select ledger.emit_event('stock.counted', aggregate_type => 'stock', aggregate_id => '1')"
    )
    assert emit_captured(pg) == 2
    assert pg.execute("select error from ledger.capture_queue").fetchall() == [(None,)] * 2
    emitter.commit()
    assert emit_captured(pg) == 2
    assert made(pg) == [
        ("created", "0", 1), ("counted", "1", 1), ("created", "1", 2), ("created", "2", 1),
    ]  # fmt: skip


def test_who_emits_is_no_deadlock_victim(
    stock: AnyConnection, pg: AnyConnection, connect: Connect
) -> None:
    """However early it looks for a deadlock: emit_captured() ends once it has held one stream for
    long, and does not wait for another."""
    emit = (
        "select ledger.emit_event('stock.counted', aggregate_type => 'stock', aggregate_id => %s)"
    )
    pg.execute("select ledger.register_event_type('stock.counted', '{}')")
    stock.execute("insert into stock values (1), (2)")
    assert emit_captured(pg) == 2
    stock.execute("update stock set n = 1 where id = 1")
    stock.execute("insert into stock select n from generate_series(3, 60000) as n")
    stock.execute("update stock set n = 1 where id = 2")
    emitter = connect(autocommit=False, options="-c ledger.tenant_id=acme -c deadlock_timeout=1ms")
    emitter.execute(emit, ["2"])
    maker = connect()
    with ThreadPoolExecutor(1) as pool:
        made_events = pool.submit(emit_captured, maker, 100000)
        is_free = "select from ledger.streams where aggregate_id = '1' for update skip locked"
        while pg.execute(is_free).rowcount:
            assert not made_events.done()
        emitter.execute(emit, ["1"])
        assert made_events.result() == 59999
    assert emit_captured(pg, 100000) == 0
    emitter.commit()
    assert emit_captured(pg, 100000) == 1


def test_what_is_older_and_commits_later(
    stock: AnyConnection, app: Connect, pg: AnyConnection
) -> None:
    """A change of the same row waits for it, and so has the greater id."""
    stock.execute("grant all on stock to public; insert into stock values (1), (2)")
    first, second = app(autocommit=False), app(autocommit=False)
    first.execute("update stock set n = 1 where id = 1")
    second.execute("update stock set n = 2 where id = 2")
    with ThreadPoolExecutor(1) as pool:
        blocked = pool.submit(second.execute, "update stock set n = 3 where id = 1")
        await_lock(pg, second)
        assert emit_captured(pg) == 2
        first.commit()
        blocked.result()
    assert emit_captured(pg) == 1
    second.commit()
    assert fold(captured(pg, "stock")) == stored(stock, "stock", "id")
    assert made(pg)[-3:] == [("updated", "1", 3), ("created", "2", 1), ("updated", "2", 2)]


def test_everything_is_rebuilt_while_events_are_made(
    owner: AnyConnection, app: Connect, pg: AnyConnection, connect: Connect
) -> None:
    """Six connections write nine tables, two make events meanwhile; one of those is killed again
    and again."""
    app()
    owner.execute((Path(__file__).parent / "chinook.sql").read_text())
    for table in KEYS:
        owner.execute("select ledger.track_table(%s::regclass, deferred => true)", [table])
    connections = [app() for _ in range(6)]
    is_over = Event()

    def make() -> int:
        connection, count = connect(), 0
        while not is_over.is_set():
            count += emit_captured(connection, 50)
        return count

    def kill() -> None:
        while not is_over.wait(0.05):
            connection = connect()
            pid = connection.info.backend_pid
            victim = killers.submit(emit_captured, connection, 500)
            pg.execute("select pg_sleep(0.01), pg_terminate_backend(%s)", [pid])
            victim.exception()

    with ThreadPoolExecutor(6) as pool, ThreadPoolExecutor(3) as killers:
        makers = [killers.submit(make), killers.submit(kill)]
        list(pool.map(shop, connections, range(6), [40] * 6))
        is_over.set()
        assert makers[0].result() > 0
        makers[1].result()
    while emit_captured(pg):
        pass
    assert waiting(pg) == 0
    for table, key in KEYS.items():
        assert fold(captured(pg, table)) == stored(owner, table, key), table
    assert pg.execute("select * from ledger.verify('acme')").fetchall() == []


def test_maintenance_goes_on_to_other_steps(stock: AnyConnection, pg: AnyConnection) -> None:
    """It takes another batch when time was too short for all, not whenever something was made."""
    step = "select ledger.maintenance_step('emit captured')"
    stock.execute("insert into stock values (0)")
    assert pg.execute(step).fetchone() == (False,)
    stock.execute("insert into stock select n from generate_series(1, 60000) as n")
    stock.execute("insert into stock values (-1)")
    assert pg.execute(step).fetchone() == (True,)
    assert pg.execute(step).fetchone() == (False,)
    assert waiting(pg) == 0


def test_maintain_makes_them(stock: AnyConnection, pg: AnyConnection) -> None:
    stock.execute("insert into stock values (1)")
    plan = "select array_agg(step) from ledger.maintenance_plan()"
    assert "emit captured" in (pg.execute(plan).fetchone() or ())[0]
    pg.execute("call ledger.maintain()")
    assert made(pg) == [("created", "1", 1)]
    assert "emit captured" not in (pg.execute(plan).fetchone() or ())[0]
    sealed = "select count(*) from ledger.log as l where l.event_type = 'stock.created'"
    assert pg.execute(sealed).fetchone() == (1,)


@pytest.mark.parametrize("privileges", [["write", "read"], ["register"]])
def test_operators_of_every_tenant_make_events(
    stock: AnyConnection,
    connect: Connect,
    login_role: Callable[..., str],
    refused: Refused,
    privileges: list[str],
) -> None:
    stock.execute("insert into stock values (1)")
    refused(
        connect(user=login_role("other", {"*": privileges})), "42501",
        "select ledger.emit_captured()",
    )  # fmt: skip
    part = connect(user=login_role("part", {"acme": ["operate"]}))
    refused(part, "LG005", "select ledger.emit_captured()")
    assert emit_captured(connect(user=login_role("operator", {"*": ["operate"]}))) == 1
