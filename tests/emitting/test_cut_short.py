"""`close` that a timeout or Ctrl-C cuts short: what it had not stored yet is not lost."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from textwrap import dedent
from typing import Any

import psycopg
import pytest

from agent_events import AsyncAuditEmitter

Connection = psycopg.Connection[Any]
Texts = Callable[[], list[str]]


@contextmanager
def program(source: str, dsn: str) -> Iterator[subprocess.Popen[str]]:
    """A program that runs, whose database is the test's; it ends with the block at the latest."""
    with subprocess.Popen(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", dedent(source)],
        env=os.environ | {"AGENT_EVENTS_DSN": dsn},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def test_end_of_the_process_stores_what_a_timeout_left(
    dsn: str, locked: Connection, texts: Texts
) -> None:
    source = """
        import asyncio
        import gc
        from agent_events import AsyncAuditEmitter

        async def main():
            emitter = AsyncAuditEmitter()
            for text in "12":
                await emitter.buffer(
                    "test.noted", {"text": text}, aggregate_type="note", aggregate_id="1"
                )
            async with asyncio.timeout(0.1), emitter:
                pass

        try:
            asyncio.run(main())
        except TimeoutError:
            print("cut short", flush=True)
        gc.collect()  # nobody else has the emitter
    """
    with program(source, dsn) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "cut short\n"
        locked.rollback()
        _, said = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "close() was not awaited, or was cut short" in said
    assert texts() == ["1", "2"]


def test_end_of_the_process_stores_what_an_interrupt_left(
    dsn: str, locked: Connection, texts: Texts, pg: Connection
) -> None:
    source = """
        import signal
        from agent_events import AuditEmitter

        signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            with AuditEmitter() as emitter:
                for text in "12":
                    emitter.buffer(
                        "test.noted", {"text": text}, aggregate_type="note", aggregate_id="1"
                    )
        except KeyboardInterrupt:
            print("cut short", flush=True)
    """
    with program(source, dsn) as process:
        await_lock(pg)
        process.send_signal(signal.SIGINT)
        assert process.stdout is not None
        assert process.stdout.readline() == "cut short\n"
        locked.rollback()
        _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (0, "")
    assert texts() == ["1", "2"]


def test_timeout_holds_while_the_worker_sends(dsn: str, locked: Connection, texts: Texts) -> None:
    """And closing again goes on where it was."""

    async def close_twice() -> None:
        emitter = AsyncAuditEmitter(dsn, buffer_size=1)
        await emitter.buffer("test.noted", {"text": "1"}, aggregate_type="note", aggregate_id="1")
        while not emitter._buffer._sending:
            await asyncio.sleep(0)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(emitter.close(), 0.1)
        locked.rollback()
        await emitter.close()

    asyncio.run(asyncio.wait_for(close_twice(), 60))
    assert texts() == ["1"]


@pytest.mark.usefixtures("noted")
def test_loop_ends_although_the_worker_was_just_woken(dsn: str, texts: Texts) -> None:
    source = """
        import asyncio
        from agent_events import AsyncAuditEmitter

        async def main():
            emitter = AsyncAuditEmitter(buffer_size=2, flush_interval=60)
            await emitter.buffer("test.noted", {"text": "1"})
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            await emitter.buffer("test.noted", {"text": "2"})

        asyncio.run(main())
    """
    with program(source, dsn) as process:
        _, said = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "close() was not awaited" in said
    assert texts() == ["1", "2"]


def await_lock(pg: Connection) -> None:
    """Until somebody waits for the stream."""
    query = """
        select from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock'
    """
    while pg.execute(query).fetchone() is None:
        pass
