"""docs/projections.md: its blocks run, and what it promises holds: kill -9, rebuilds, failures."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from psycopg import IsolationLevel
from python_client.test_docs import ROOT, blocks

from agent_events import Ledger

AnyConnection = psycopg.Connection[Any]
Connect = Callable[..., AnyConnection]
Board = list[tuple[str, str, str, int]]
Emitted = tuple[str, dict[str, Any]]

PAGE = ROOT / "docs" / "projections.md"
CREATE, PROJECT, BEHIND, REBUILD, CREATE_2, PROJECT_2, SWITCH, DROP = blocks(PAGE, "sql")
(PYTHON,) = blocks(PAGE, "python")
BOARD = "select deal_id, name, stage, moves from {} order by deal_id"
STAGES = ["new", "qualified", "won", "lost"]
WAITING = """
    select pid from pg_stat_activity
    where wait_event_type = 'Lock' and datname = current_database() and pid <> pg_backend_pid()
"""
IN_SQL = """
import sys, psycopg
with psycopg.connect(sys.argv[1], autocommit=True) as connection:
    while True:
        connection.execute("select app.project_deals_1(7)")
"""
IN_PYTHON = f"{PYTHON}\nimport sys\nfollow(sys.argv[1])\n"


def emit_deals(pg: AnyConnection, count: int, chance: random.Random) -> None:
    """So many events of ten deals, and some of other types; sealed."""
    ledger = Ledger(pg)
    open_deals = {row[0] for row in pg.execute(BOARD.format(f"({EXPECTED}) as e"))}
    for _ in range(count):
        deal = f"d{chance.randrange(10)}"
        stage = chance.choice(STAGES)
        if deal not in open_deals:
            emitted: Emitted = ("deal.created", {"name": f"Deal {deal}", "stage": stage})
            open_deals.add(deal)
        elif chance.random() < 0.1:
            emitted = ("deal.archived", {})
            open_deals.remove(deal)
        else:
            emitted = ("deal.stage_changed", {"old_stage": None, "new_stage": stage})
        ledger.emit_event(*emitted, aggregate_type="deal", aggregate_id=deal)
        if chance.random() < 0.2:
            ledger.emit_event("run.paused")
    ledger.seal()


# The board by one query over all events, which is no fold: what each deal is since it was created.
EXPECTED = """
    select
      c.aggregate_id as deal_id,
      c.payload ->> 'name' as name,
      coalesce(m.stages[cardinality(m.stages)], c.payload ->> 'stage') as stage,
      coalesce(cardinality(m.stages), 0) as moves
    from (
      select distinct on (aggregate_id) * from ledger.events
      where event_type = 'deal.created' order by aggregate_id, sequence desc
    ) as c
    left join lateral (
      select array_agg(e.payload ->> 'new_stage' order by e.sequence) as stages
      from ledger.events as e
      where e.aggregate_id = c.aggregate_id
        and e.sequence > c.sequence
        and e.event_type = 'deal.stage_changed'
    ) as m on true
    where not exists (
      select from ledger.events as e
      where e.aggregate_id = c.aggregate_id
        and e.sequence > c.sequence
        and e.event_type = 'deal.archived'
    )
"""


def board(pg: AnyConnection, source: str) -> Board:
    return pg.execute(BOARD.format(source)).fetchall()


def expected(pg: AnyConnection) -> Board:
    return board(pg, f"({EXPECTED}) as e")


def call_until_done(pg: AnyConnection, statement: str) -> None:
    while pg.execute(statement).fetchone() != (0,):
        pass


@pytest.fixture
def chance() -> random.Random:
    return random.Random(6)


@pytest.fixture
def deals(pg: AnyConnection, chance: random.Random) -> AnyConnection:
    """The page's first projection, and 150 events of ten deals; also a table for the Python one."""
    pg.execute(CREATE)
    pg.execute("create table app.deal_board_py (like app.deal_board_1 including all)")
    emit_deals(pg, 150, chance)
    return pg


def test_it_catches_up_and_says_how_far_it_is_behind(
    deals: AnyConnection, chance: random.Random
) -> None:
    assert (deals.execute(BEHIND).fetchone() or (0,))[0] > 150
    call_until_done(deals, PROJECT)
    assert board(deals, "app.deal_board") == expected(deals) != []
    assert deals.execute(BEHIND).fetchone() == (0,)
    emit_deals(deals, 20, chance)
    call_until_done(deals, PROJECT)
    assert board(deals, "app.deal_board") == expected(deals)


def test_a_role_with_the_privileges_named_projects(
    deals: AnyConnection, connect: Connect, login_role: Callable[..., str]
) -> None:
    role = login_role("projector", {"default": ["read", "consume"]})
    deals.execute(f"grant usage on schema app to {role}; grant all on app.deal_board_1 to {role}")
    call_until_done(connect(user=role), PROJECT)
    assert board(deals, "app.deal_board") == expected(deals)


def test_of_two_sessions_the_second_goes_on_behind_the_first(
    deals: AnyConnection, connect: Connect
) -> None:
    first, second = connect(autocommit=False), connect(autocommit=False)
    first.execute("select app.project_deals_1(20)")
    with ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(second.execute, "select app.project_deals_1(20)")
        await_waiting(deals)
        first.commit()
        waiting.result()
    second.commit()
    position = "select ledger.subscription_position('deal-board-1')"
    assert deals.execute(position).fetchone() == (39,)
    call_until_done(deals, PROJECT)
    assert board(deals, "app.deal_board") == expected(deals)


def test_without_the_lock_the_second_is_refused(deals: AnyConnection, connect: Connect) -> None:
    """The deals are there already; both see the same new events."""
    call_until_done(deals, PROJECT)
    stream = {"aggregate_type": "deal", "aggregate_id": expected(deals)[0][0]}
    change = {"old_stage": None, "new_stage": "won"}
    Ledger(deals).emit_event("deal.stage_changed", change, **stream)  # type: ignore[arg-type]
    Ledger(deals).seal()
    lock = "perform pg_advisory_xact_lock(hashtextextended('deal-board-1', 0));"
    assert lock in CREATE
    function = CREATE[CREATE.index("create function") :].replace(lock, "")
    deals.execute(function.replace("create function", "create or replace function"))
    for level in (IsolationLevel.READ_COMMITTED, IsolationLevel.REPEATABLE_READ):
        first, second = connect(autocommit=False), connect(autocommit=False)
        second.isolation_level = level
        first.execute(PROJECT)
        with ThreadPoolExecutor(1) as thread:
            waiting = thread.submit(second.execute, PROJECT)
            await_waiting(deals)
            first.commit()
            with pytest.raises(psycopg.errors.SerializationFailure):
                waiting.result()
        second.rollback()
        assert board(deals, "app.deal_board") == expected(deals)
        Ledger(deals).emit_event("deal.stage_changed", change, **stream)  # type: ignore[arg-type]
        Ledger(deals).seal()


def await_waiting(pg: AnyConnection) -> None:
    deadline = time.monotonic() + 60
    while not pg.execute(WAITING).fetchall():
        assert time.monotonic() < deadline


@pytest.mark.parametrize(
    ("program", "table"),
    [(IN_SQL, "app.deal_board_1"), (IN_PYTHON, "app.deal_board_py")],
    ids=["sql", "python"],
)
def test_exactly_once_with_kill_9_in_the_middle(
    deals: AnyConnection,
    connect: Connect,
    dsn: str,
    chance: random.Random,
    program: str,
    table: str,
) -> None:
    """Killed while it waits for a row that the test has locked, with others changed before it."""
    kills = 0
    for _ in range(6):
        locker = connect(autocommit=False)
        locker.execute(f"select from {table} where deal_id = %s for update", [f"d{kills}"])
        emit_deals(deals, 30, chance)
        process = subprocess.Popen([sys.executable, "-c", program, dsn])
        try:
            kills += kill_when_waiting(process, deals, table)
        finally:
            process.kill()
            process.wait()
        locker.rollback()
    assert kills >= 3
    process = subprocess.Popen([sys.executable, "-c", program, dsn])
    try:
        await_end(deals, table)
    finally:
        process.kill()
        process.wait()
    assert board(deals, table) == expected(deals) != []


def kill_when_waiting(process: subprocess.Popen[bytes], pg: AnyConnection, table: str) -> bool:
    """False where it came to the end of the log without meeting the locked row."""
    deadline = time.monotonic() + 60
    while not (waiting := pg.execute(WAITING).fetchall()):
        assert time.monotonic() < deadline
        assert process.poll() is None
        if is_at_end(pg, table):
            return False
    process.kill()
    process.wait()
    pg.execute("select pg_terminate_backend(%s, 10000)", waiting[0])
    return True


def is_at_end(pg: AnyConnection, table: str) -> bool:
    name = table.removeprefix("app.").replace("_", "-")
    row = pg.execute(
        "select tree_size - 1 = ledger.subscription_position(%s)"
        " from ledger.log_heads where tenant_id = 'default'",
        [name],
    ).fetchone()
    return row == (True,)


def await_end(pg: AnyConnection, table: str) -> None:
    deadline = time.monotonic() + 60
    while not is_at_end(pg, table):
        assert time.monotonic() < deadline


def test_rebuild_from_scratch(deals: AnyConnection) -> None:
    call_until_done(deals, PROJECT)
    deals.execute(
        "update app.deal_board_1 set moves = 999; delete from app.deal_board_1 where true"
    )
    for statement in REBUILD.split(";\n"):
        deals.execute(statement)
    call_until_done(deals, PROJECT)
    assert board(deals, "app.deal_board") == expected(deals)


def test_rebuild_beside_the_old_one(deals: AnyConnection, chance: random.Random) -> None:
    call_until_done(deals, PROJECT)
    deals.execute(CREATE_2)
    call_until_done(deals, PROJECT_2)
    emit_deals(deals, 30, chance)
    for statement in (PROJECT, PROJECT_2):
        call_until_done(deals, statement)
    assert board(deals, "app.deal_board") == expected(deals)
    deals.execute(SWITCH)
    assert board(deals, "app.deal_board") == expected(deals)
    moved = "select bool_and((moves > 0) = (last_moved_at is not null)) from app.deal_board"
    assert deals.execute(moved).fetchone() == (True,)
    for statement in DROP.split(";\n"):
        if statement.strip():
            deals.execute(statement)
    call_until_done(deals, PROJECT_2)
    assert deals.execute("select count(*) from app.deal_board_failures").fetchone() == (0,)


def test_throwing_handler_stands_still_or_keeps_a_list(deals: AnyConnection) -> None:
    call_until_done(deals, PROJECT)
    deals.execute(CREATE_2)
    ledger = Ledger(deals)
    stream = {"aggregate_type": "deal", "aggregate_id": "odd"}
    odd = ledger.emit_event("deal.created", {"name": "No stage"}, **stream)  # type: ignore[arg-type]
    fine = {"aggregate_type": "deal", "aggregate_id": "fine"}
    ledger.emit_event("deal.created", {"name": "Fine", "stage": "new"}, **fine)  # type: ignore[arg-type]
    ledger.seal()
    before = (board(deals, "app.deal_board_1"), deals.execute(BEHIND).fetchone())
    for _ in range(2):
        with pytest.raises(psycopg.errors.NotNullViolation):
            deals.execute(PROJECT)
    assert (board(deals, "app.deal_board_1"), deals.execute(BEHIND).fetchone()) == before
    call_until_done(deals, PROJECT_2)
    assert ("fine", "Fine", "new", 0) in board(deals, "app.deal_board_2")
    failures = deals.execute("select event_id from app.deal_board_failures").fetchall()
    assert failures == [(odd.id,)]


def test_every_block_is_run_here() -> None:
    text = PAGE.read_text()
    assert text.count("```sql") == 8
    assert text.count("```python") == 1
