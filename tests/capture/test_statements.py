"""Whatever changes a row: every statement, and what it sets off."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from capture.folding import captured, emit_captured, fold, stored
from log.emitting import await_lock

AnyConnection = psycopg.Connection[Any]
Track = Callable[..., None]


STOCK = "create table stock (id int primary key, n int not null default 0)"
FIVE = "insert into stock select n from generate_series(1, 5) as n"


@pytest.fixture
def stock(owner: AnyConnection, track: Track) -> AnyConnection:
    owner.execute(STOCK)
    track("stock")
    owner.execute(FIVE)
    return owner


@pytest.fixture
def stock_at_once(owner: AnyConnection) -> AnyConnection:
    owner.execute(STOCK)
    owner.execute("select ledger.track_table('stock')")
    owner.execute(FIVE)
    return owner


def kinds(connection: AnyConnection, prefix: str = "stock") -> list[tuple[str, str]]:
    return [(event["kind"], event["key"]) for event in captured(connection, prefix)][5:]


def test_on_conflict_do_update(stock: AnyConnection, pg: AnyConnection) -> None:
    stock.execute(
        "insert into stock values (5, 1), (6, 1) on conflict (id) do update set n = excluded.n"
    )
    assert sorted(kinds(pg)) == [("created", "6"), ("updated", "5")]


def test_merge(stock: AnyConnection, pg: AnyConnection) -> None:
    stock.execute(
        "merge into stock as s using (values (1), (2), (9)) as v (id) on s.id = v.id"
        " when matched and v.id = 1 then delete when matched then update set n = 7"
        " when not matched then insert values (v.id, 1)"
    )
    assert sorted(kinds(pg)) == [("created", "9"), ("deleted", "1"), ("updated", "2")]


def test_copy(stock: AnyConnection, pg: AnyConnection) -> None:
    with stock.cursor().copy("copy stock from stdin") as copy:
        copy.write("11\t1\n12\t2\n")
    assert kinds(pg) == [("created", "11"), ("created", "12")]


def test_several_changes_in_one_statement(stock: AnyConnection, pg: AnyConnection) -> None:
    stock.execute(
        "with a as (update stock set n = 1 where id = 1),"
        " b as (update stock set n = 2 where id = 2), c as (delete from stock where id = 3)"
        " insert into stock values (10, 10)"
    )
    assert sorted(kinds(pg)) == [
        ("created", "10"), ("deleted", "3"), ("updated", "1"), ("updated", "2"),
    ]  # fmt: skip


def test_a_statement_that_changes_nothing(stock: AnyConnection, pg: AnyConnection) -> None:
    stock.execute("update stock set n = n; delete from stock where id > 100")
    assert kinds(pg) == []


def test_cascades(owner: AnyConnection, pg: AnyConnection, track: Track) -> None:
    """Also to a table itself, twice in one statement, and with constraints checked at commit."""
    owner.execute(
        "create table node (id int primary key, a int references node on update cascade,"
        " b int references node on update cascade on delete set null deferrable initially deferred)"
    )
    track("node")
    owner.execute("insert into node values (1, null, null), (2, 1, 1), (3, 2, 2), (4, 4, 1)")
    owner.execute("update node set id = id + 10 where id < 3")
    owner.execute("update node set a = null")
    owner.execute("delete from node where id = 11")
    events = captured(pg, "node")
    assert fold(events) == stored(owner, "node", "id")
    assert ("deleted", "11") in [(event["kind"], event["key"]) for event in events]


TYPES = """
create domain positive as int check (value > 0);
create type colour as enum ('red', 'green');
create table kind (
  id uuid primary key, d positive, c colour, b bytea, f double precision, r real, n numeric,
  t timestamp, tz timestamptz, dt date, i interval, a int[], aa text[][], j jsonb, js json,
  p point, rg int4range, ch char(5), bo boolean, "Quoted ""Name" text,
  g int generated always as (d * 2) stored
)
"""
VALUES = """
insert into kind values
  (gen_random_uuid(), 1, 'red', '\\x00ff', 'NaN', 'Infinity', 'NaN', 'infinity', now(), '-infinity',
   '1 year 2 days 03:04:05.6', '{1,null}', '{{a,"b,c"},{"",null}}', '{"a": 1.50}', '{"a":1}',
   '(1,2)', '[1,5)', 'ab', true, 'x'),
  (gen_random_uuid(), null, null, '', 0.1, 1e-7, 123456789012345678901234567890.120, null, null,
   null, '-1 day', '{}', null, 'null', '[]', null, 'empty', null, null, E'\\u20ac \\\\ " \\n')
"""


def test_types(owner: AnyConnection, pg: AnyConnection, track: Track) -> None:
    """The same in every session, however it writes values."""
    owner.execute(TYPES)
    track("kind")
    owner.execute(VALUES)
    owner.execute(
        "set timezone = 'Asia/Tokyo'; set bytea_output = escape; set extra_float_digits = -9;"
        "set intervalstyle = iso_8601"
    )
    owner.execute("update kind set d = 7, f = 1/3.0, tz = '2026-01-01 00:00+00', b = b || '\\x01'")
    owner.execute("reset all; set search_path = shop")
    rows = stored(owner, "kind", "id")
    assert len(rows) == 2
    assert fold(captured(pg, "kind")) == rows


def test_partitions(owner: AnyConnection, pg: AnyConnection, track: Track) -> None:
    """Rows that move, statements on a partition, and its partitions' partitions."""
    owner.execute(
        "create table part (id int, n int, primary key (id, n)) partition by range (n);"
        "create table low partition of part for values from (0) to (10);"
        "create table high partition of part for values from (10) to (100) partition by list (n);"
        "create table ten partition of high for values in (10);"
        "create table rest partition of high default"
    )
    track("part")
    owner.execute("insert into part select i, i from generate_series(1, 12) as i")
    owner.execute("insert into low values (50, 5)")
    owner.execute("update part set n = n + 5 where n between 4 and 6")
    owner.execute("update rest set id = id + 90 where n = 11")
    owner.execute("delete from high where n = 12")
    events = captured(pg, "part")
    assert fold(events) == stored(owner, "part", "jsonb_build_array(id, n)")
    assert len(events) == 13 + 2 * 4 + 2 * 2 + 1


def test_rows_of_one_stream_and_events_of_others(
    stock_at_once: AnyConnection, pg: AnyConnection
) -> None:
    """The application's own events share the stream."""
    pg.execute("select ledger.register_event_type('stock.counted', '{}')")
    stock_at_once.execute(
        "select ledger.emit_event('stock.counted', aggregate_type => 'stock', aggregate_id => '1')"
    )
    stock_at_once.execute("update stock set n = 3 where id in (1, 7)")
    stock_at_once.execute("update stock set n = 4")
    sequences = pg.execute(
        "select event_type, sequence from ledger.events where aggregate_id = '1' order by sequence"
    ).fetchall()
    assert sequences == [
        ("stock.created", 1), ("stock.counted", 2), ("stock.updated", 3), ("stock.updated", 4),
    ]  # fmt: skip
    assert pg.execute("select * from ledger.verify('acme')").fetchall() == []


@pytest.mark.parametrize("count", [1, 3])
def test_rows_that_come_back(stock: AnyConnection, pg: AnyConnection, count: int) -> None:
    """Their streams go on, though a row that is created mostly begins one."""
    stock.execute("delete from stock")
    stock.execute("insert into stock select n from generate_series(1, %s::int) as n", [count])
    emit_captured(pg)
    sequences = pg.execute(
        "select sequence from ledger.events where event_type = 'stock.created' and sequence > 1"
    ).fetchall()
    assert sequences == [(3,)] * count
    assert pg.execute("select * from ledger.verify('acme')").fetchall() == []


@pytest.mark.parametrize(("first", "last"), [(20, 22), (21, 22), (21, 21)])
def test_a_stream_that_somebody_else_begins(
    stock_at_once: AnyConnection,
    app: Callable[..., AnyConnection],
    pg: AnyConnection,
    first: int,
    last: int,
) -> None:
    """The statement waits for the other's event, and its own is the stream's second."""
    pg.execute("select ledger.register_event_type('stock.counted', '{}')")
    other = app(autocommit=False)
    other.execute(
        "select ledger.emit_event('stock.counted', aggregate_type => 'stock', aggregate_id => '21')"
    )
    with ThreadPoolExecutor(1) as pool:
        insert = "insert into stock select n from generate_series(%s::int, %s::int) as n"
        waiting = pool.submit(stock_at_once.execute, insert, [first, last])
        await_lock(pg, stock_at_once)
        other.commit()
        waiting.result()
    streams = pg.execute(
        "select aggregate_id, array_agg(sequence order by sequence) from ledger.events"
        " where aggregate_id in ('20', '21', '22') group by aggregate_id order by aggregate_id"
    ).fetchall()
    assert streams == [("20", [1]), ("21", [1, 2]), ("22", [1])][first - 20 : last - 19]
    assert pg.execute("select * from ledger.verify('acme')").fetchall() == []
