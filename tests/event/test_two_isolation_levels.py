"""Above READ COMMITTED a writer that comes too late gets 40001, and a retry loses nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from event.consistency import check_ledger

Connect = Callable[..., psycopg.Connection[Any]]

ELEMENT = {"event_type": "test.anything", "aggregate_type": "deal", "aggregate_id": "42"}
EMIT = {
    "emit_event": "select sequence from ledger.emit_event('test.anything',"
    " aggregate_type => 'deal', aggregate_id => '42')",
    "emit_events": f"select sequence from ledger.emit_events('{json.dumps([ELEMENT])}')",
}
LEVELS = [psycopg.IsolationLevel.REPEATABLE_READ, psycopg.IsolationLevel.SERIALIZABLE]


@pytest.fixture
def ledger(pg: psycopg.Connection[Any]) -> psycopg.Connection[Any]:
    pg.execute("select ledger.register_event_type('test.anything', '{}')")
    pg.execute("select ledger.emit_event('test.anything')")
    return pg


@pytest.mark.parametrize("level", LEVELS, ids=lambda level: level.name)
@pytest.mark.parametrize("emit", EMIT.values(), ids=EMIT)
@pytest.mark.parametrize("is_new", [True, False], ids=["new stream", "existing stream"])
def test_a_stream_that_moved_on_meanwhile_is_a_serialization_failure(
    ledger: psycopg.Connection[Any],
    connect: Connect,
    level: psycopg.IsolationLevel,
    emit: str,
    is_new: bool,
) -> None:
    if not is_new:
        ledger.execute(EMIT["emit_event"])
    late = connect(autocommit=False)
    late.isolation_level = level
    late.execute("select count(*) from ledger.streams")  # takes the snapshot
    ledger.execute(EMIT["emit_event"])
    with pytest.raises(psycopg.errors.SerializationFailure):
        late.execute(emit)
    late.rollback()
    assert late.execute(emit).fetchone() == (2 if is_new else 3,)
    late.commit()
    check_ledger(ledger)


@pytest.mark.parametrize("level", LEVELS, ids=lambda level: level.name)
@pytest.mark.parametrize("emit", EMIT.values(), ids=EMIT)
def test_waiting_for_a_writer_that_commits_is_one_and_for_one_that_rolls_back_is_none(
    ledger: psycopg.Connection[Any], connect: Connect, level: psycopg.IsolationLevel, emit: str
) -> None:
    ledger.execute(EMIT["emit_event"])
    late = connect(autocommit=False)
    late.isolation_level = level
    with ThreadPoolExecutor(1) as threads:
        for outcome in ("commit", "rollback"):
            first = connect(autocommit=False)
            first.execute(EMIT["emit_event"])
            waiting = threads.submit(late.execute, emit)
            await_lock(ledger, late)
            getattr(first, outcome)()
            if outcome == "commit":
                with pytest.raises(psycopg.errors.SerializationFailure):
                    waiting.result()
                late.rollback()
            else:
                assert waiting.result().fetchone() == (3,)
                late.commit()
    check_ledger(ledger)


@pytest.mark.parametrize("level", LEVELS, ids=lambda level: level.name)
def test_racers_that_retry_all_get_through(
    ledger: psycopg.Connection[Any], connect: Connect, level: psycopg.IsolationLevel
) -> None:
    writers, events = 4, 10

    def write(number: int) -> None:
        connection = connect(autocommit=False)
        connection.isolation_level = level
        for _ in range(events):
            while not committed(connection, list(EMIT.values())[number % 2]):
                pass

    with ThreadPoolExecutor(writers) as threads:
        for done in [threads.submit(write, number) for number in range(writers)]:
            done.result()
    check_ledger(ledger)
    assert ledger.execute("select sequence from ledger.streams").fetchone() == (writers * events,)


def committed(connection: psycopg.Connection[Any], emit: str) -> bool:
    try:
        connection.execute(emit)  # type: ignore[arg-type]
        connection.commit()
    except psycopg.errors.SerializationFailure:
        connection.rollback()
        return False
    return True


def await_lock(observer: psycopg.Connection[Any], waiting: psycopg.Connection[Any]) -> None:
    """Return once the connection's statement waits for another transaction."""
    query = "select cardinality(pg_blocking_pids(%s))"
    while observer.execute(query, [waiting.info.backend_pid]).fetchone() == (0,):
        pass
