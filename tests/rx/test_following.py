"""The log as an Observable: what there is, then what comes."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from queue import Queue
from time import monotonic, sleep
from typing import Any

import psycopg
import pytest
from reactivex import operators as ops

from agent_events import AsyncLedger, Ledger, LogEntry
from agent_events.rx import events

Connection = psycopg.Connection[Any]
MOST_SECONDS = 60.0


@pytest.fixture
def ledger(pg: Connection) -> Ledger:
    return Ledger(pg)


def emit(ledger: Ledger, *steps: int) -> None:
    for step in steps:
        ledger.emit_event("run.paused", {"step": step})


def step(entry: LogEntry) -> int:
    found: int = entry.event.payload["step"]
    return found


def followers() -> int:
    return sum(thread.name == "agent-events subscription" for thread in threading.enumerate())


def wait_for(holds: Callable[[], bool]) -> None:
    until = monotonic() + MOST_SECONDS
    while not holds():
        assert monotonic() < until
        sleep(0.02)


def test_catches_up_and_goes_on_until_it_is_disposed(ledger: Ledger) -> None:
    emit(ledger, 1, 2)
    steps: Queue[int] = Queue()
    observable = events(ledger)
    assert followers() == 0
    following = observable.pipe(ops.map(step)).subscribe(steps.put)
    assert [steps.get(timeout=MOST_SECONDS) for _ in range(2)] == [1, 2]
    emit(ledger, 3)
    assert steps.get(timeout=MOST_SECONDS) == 3
    following.dispose()
    assert followers() == 0
    emit(ledger, 4)
    assert steps.empty()


def test_each_subscriber_has_its_own(ledger: Ledger) -> None:
    emit(ledger, 1, 2)
    ledger.emit_event("run.resumed")
    observable = events(ledger, event_types=["run.paused"], page_size=1)
    ends: Queue[list[int]] = Queue()
    for _ in range(2):
        observable.pipe(ops.map(step), ops.take(2), ops.to_list()).subscribe(ends.put)
    assert [ends.get(timeout=MOST_SECONDS) for _ in range(2)] == [[1, 2], [1, 2]]
    wait_for(lambda: followers() == 0)


def test_one_with_a_name_goes_on_where_it_was(ledger: Ledger) -> None:
    """What was handled when it was disposed does not come again."""
    for expected in ([1, 2], [3]):
        emit(ledger, *expected)
        steps: Queue[int] = Queue()
        following = events(ledger, "index").pipe(ops.map(step)).subscribe(steps.put)
        assert [steps.get(timeout=MOST_SECONDS) for _ in expected] == expected
        following.dispose()
    wait_for(lambda: ledger.subscription_position("index") == 2)


def test_what_was_not_handled_for_certain_comes_again(ledger: Ledger) -> None:
    """An operator that fails disposes, as one does that has enough: nobody knows which it was."""
    emit(ledger, 1, 2)
    handled: list[int] = []
    ends: Queue[object] = Queue()

    def handle(entry: LogEntry) -> None:
        handled.append(step(entry))
        if handled == [1, 2]:
            raise ValueError("no")

    following = events(ledger, "index", save_every=1).pipe(ops.do_action(handle))
    following.subscribe(on_error=ends.put)
    assert isinstance(ends.get(timeout=MOST_SECONDS), ValueError)
    wait_for(lambda: followers() == 0)
    assert ledger.subscription_position("index") == 0
    following.pipe(ops.take(1)).subscribe(on_completed=lambda: ends.put("end"))
    assert ends.get(timeout=MOST_SECONDS) == "end"
    wait_for(lambda: followers() == 0)
    assert handled == [1, 2, 2]


def test_observer_that_raises_is_told_so(ledger: Ledger) -> None:
    emit(ledger, 1)
    ends: Queue[object] = Queue()

    def handle(_: LogEntry) -> None:
        raise ValueError("no")

    events(ledger, "index").pipe(ops.map(lambda entry: entry)).subscribe(handle, ends.put)
    wait_for(lambda: followers() == 0)
    assert ledger.subscription_position("index") == -1


def test_lost_connection_is_an_error(
    ledger: Ledger, pg: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    emit(ledger, 1)
    arrived: Queue[LogEntry] = Queue()
    ended: Queue[Exception] = Queue()
    events(ledger).subscribe(arrived.put, ended.put)
    arrived.get(timeout=MOST_SECONDS)
    pg.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity "
        "where datname = current_database() and pid <> pg_backend_pid()"
    )
    assert isinstance(ended.get(timeout=MOST_SECONDS), psycopg.OperationalError)
    wait_for(lambda: followers() == 0)
    assert "the log is not followed any more" in caplog.text


def test_asyncio(ledger: Ledger, dsn: str) -> None:
    async def scenario() -> list[int]:
        steps: asyncio.Queue[int] = asyncio.Queue()
        async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
            observable = events(AsyncLedger(connection), "index")
            following = observable.pipe(ops.map(step)).subscribe(steps.put_nowait)
            async with asyncio.timeout(MOST_SECONDS):
                seen = [await steps.get() for _ in range(2)]
                await AsyncLedger(connection).emit_event("run.paused", {"step": 3})
                seen.append(await steps.get())
            following.dispose()
            tasks = [t for t in asyncio.all_tasks() if t.get_name() == "agent-events subscription"]
            await asyncio.wait(tasks, timeout=MOST_SECONDS)
            assert await AsyncLedger(connection).subscription_position("index") == 2
        return seen

    emit(ledger, 1, 2)
    assert asyncio.run(scenario()) == [1, 2, 3]
