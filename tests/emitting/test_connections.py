"""The emitter's own connections: few, shared, kept, replaced when they are broken."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event, Thread
from typing import Any

import psycopg
import pytest

from agent_events import errors
from agent_events.emitting.connections._async import AsyncConnections
from agent_events.emitting.connections._sync import Connections


def pid(connections: Connections) -> int:
    with connections.connection() as connection:
        row = connection.execute("select pg_backend_pid()").fetchone()
    assert row is not None
    return int(row[0])


def test_connection_is_kept(dsn: str) -> None:
    connections = Connections(dsn, size=2)
    assert pid(connections) == pid(connections)
    connections.close()


def test_no_more_than_its_size_at_once(dsn: str) -> None:
    connections = Connections(dsn, size=3)
    all_lent, pids = Barrier(3), set()

    def hold_together() -> None:
        with connections.connection() as connection:
            all_lent.wait(60)
            pids.add(connection.info.backend_pid)

    def hold() -> None:
        with connections.connection() as connection:
            pids.add(connection.info.backend_pid)

    with ThreadPoolExecutor(12) as threads:
        runs = [threads.submit(hold_together) for _ in range(3)]
        runs += [threads.submit(hold) for _ in range(200)]
        for run in runs:
            run.result()
    assert len(pids) == 3
    connections.close()


def test_connection_with_something_left_undone_is_not_kept(dsn: str) -> None:
    connections = Connections(dsn, size=1)
    with connections.connection() as connection:
        connection.execute("begin")
    assert connection.closed
    assert pid(connections)
    connections.close()


def test_place_of_a_connection_that_failed_is_free_again(dsn: str, outage: Any) -> None:
    connections = Connections(dsn, size=1)
    with outage():
        for _ in range(3):
            with pytest.raises(psycopg.OperationalError):
                pid(connections)
    assert pid(connections)
    connections.close()


def test_those_that_wait_when_it_is_closed_are_refused(dsn: str) -> None:
    connections = Connections(dsn, size=1)
    is_lent, refused = Event(), Event()

    def wait() -> None:
        is_lent.set()
        with pytest.raises(errors.InvalidArgument, match="closed"):
            pid(connections)
        refused.set()

    with connections.connection():
        waiting = Thread(target=wait)
        waiting.start()
        assert is_lent.wait(60)
        connections.close()
    waiting.join()
    assert refused.is_set()


def test_connection_for_a_task_that_is_cancelled_goes_to_the_next(dsn: str) -> None:
    async def scenario() -> None:
        connections = AsyncConnections(dsn, size=1)

        async def borrow() -> None:
            async with connections.connection():
                pass

        async with connections.connection():
            cancelled, next_one = asyncio.create_task(borrow()), asyncio.create_task(borrow())
            while connections._waiting < 2:
                await asyncio.sleep(0)
        cancelled.cancel()
        await next_one
        await connections.close()

    asyncio.run(asyncio.wait_for(scenario(), 60))
