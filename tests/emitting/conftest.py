"""An event type of the tests' own, an outage of the database, and a journal that is a list."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import Context, copy_context
from inspect import iscoroutinefunction
from threading import Thread
from typing import Any

import psycopg
import pytest
from emitting.list_journal import ListJournal
from psycopg import sql

from agent_events import Ledger
from agent_events.emitting import AsyncAuditEmitter, AuditEmitter

MakeEmitter = Callable[..., Any]
Outage = Callable[[], AbstractContextManager[None]]


@pytest.fixture
def journal() -> ListJournal:
    return ListJournal()


@pytest.fixture
def noted(pg: psycopg.Connection[Any]) -> str:
    """The event type test.noted, whose payload needs a text."""
    schema = {
        "type": "object",
        "properties": {"text": {"type": "string"}},
        "required": ["text"],
    }
    Ledger(pg).register_event_type("test.noted", schema, description="A note of the tests.")
    return "test.noted"


@pytest.fixture
def outage(pg: psycopg.Connection[Any]) -> Outage:
    """`with outage():` the server ends every connection to the database and takes no new one."""
    allow = sql.SQL("alter database {} allow_connections {}")
    name = sql.Identifier(pg.info.dbname)

    @contextmanager
    def down() -> Iterator[None]:
        with psycopg.connect(os.environ["AGENT_EVENTS_TEST_DSN"], autocommit=True) as server:
            server.execute(allow.format(name, sql.SQL("false")))
            server.execute(
                "select pg_terminate_backend(pid, 10000) from pg_stat_activity "
                "where datname = %s and pid <> %s",
                [pg.info.dbname, pg.info.backend_pid],
            )
            try:
                yield
            finally:
                server.execute(allow.format(name, sql.SQL("true")))

    return down


@pytest.fixture
def texts(pg: psycopg.Connection[Any]) -> Callable[[], list[str]]:
    """The texts of the stored notes, in their order."""

    def read() -> list[str]:
        rows = pg.execute(
            "select payload ->> 'text' from ledger.events where event_type = 'test.noted' "
            "order by created_at, id"
        )
        return [text for (text,) in rows]

    return read


@pytest.fixture
def locked(connect: Callable[..., Any], noted: str) -> psycopg.Connection[Any]:
    """A transaction that holds the stream note/1, until it is rolled back."""
    holder: psycopg.Connection[Any] = connect(autocommit=False)
    Ledger(holder).emit_event(noted, {"text": "x"}, aggregate_type="note", aggregate_id="1")
    return holder


class Blocking:
    """An asynchronous emitter, called from outside its loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, **options: Any) -> None:
        self._loop = loop
        self._emitter = AsyncAuditEmitter(**options)

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._emitter, name)
        if not iscoroutinefunction(attribute):
            return attribute

        def call(*args: Any, **kwargs: Any) -> Any:
            coroutine = in_context(copy_context(), attribute, args, kwargs)
            return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

        return call


async def in_context(context: Context, function: Any, args: Any, kwargs: Any) -> Any:
    """Await a call in the caller's context, as a task there would."""
    return await asyncio.create_task(function(*args, **kwargs), context=context)


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """An event loop that runs in a thread."""
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever)
    thread.start()
    yield loop
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.fixture(params=["sync", "async"])
def make_emitter(
    request: pytest.FixtureRequest, dsn: str, loop: asyncio.AbstractEventLoop
) -> Iterator[MakeEmitter]:
    """`make_emitter(**options)`: an emitter for the test's database, of either kind."""
    emitters = []

    def make(**options: Any) -> Any:
        options = {"database": dsn} | options
        if request.param == "sync":
            emitters.append(AuditEmitter(**options))
        else:
            emitters.append(Blocking(loop, **options))
        return emitters[-1]

    yield make
    for emitter in emitters:
        emitter.close()
