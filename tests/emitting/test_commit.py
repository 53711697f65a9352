"""A commit that was not answered: the emitter finds out whether it happened."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from agent_events import errors

Connection = psycopg.Connection[Any]
MakeEmitter = Callable[..., Any]
Texts = Callable[[], list[str]]


class Cut:
    """A transaction whose connection is closed before it can commit."""

    def __init__(self, transaction: Any, pgconn: Any) -> None:
        self._transaction = transaction
        self._pgconn = pgconn

    def __enter__(self) -> None:
        self._transaction.__enter__()

    def __exit__(self, *error: Any) -> Any:
        self._pgconn.finish()
        return self._transaction.__exit__(*error)

    async def __aenter__(self) -> None:
        await self._transaction.__aenter__()

    async def __aexit__(self, *error: Any) -> Any:
        self._pgconn.finish()
        return await self._transaction.__aexit__(*error)


class Losing:
    """Lends a connection that is closed just before, or just after, its transaction commits."""

    def __init__(self, lent: Any, *, is_before: bool, then: Callable[[], None]) -> None:
        self._lent = lent
        self._is_before = is_before
        self._then = then

    def _armed(self, connection: Any) -> Any:
        if self._is_before:
            transaction = connection.transaction
            connection.transaction = lambda: Cut(transaction(), connection.pgconn)
        return connection

    def __enter__(self) -> Any:
        return self._armed(self._lent.__enter__())

    def __exit__(self, *_: object) -> None:
        self._lent.__exit__(None, None, None)
        self._then()
        raise psycopg.OperationalError("lost")

    async def __aenter__(self) -> Any:
        return self._armed(await self._lent.__aenter__())

    async def __aexit__(self, *_: object) -> None:
        await self._lent.__aexit__(None, None, None)
        self._then()
        raise psycopg.OperationalError("lost")


def lose_once(emitter: Any, *, is_before: bool, then: Callable[[], None] = lambda: None) -> None:
    """Have the next connection that is lent lost."""
    source = emitter._store.source
    connection_of = source.connection

    def losing() -> Any:
        source.connection = connection_of
        return Losing(connection_of(), is_before=is_before, then=then)

    source.connection = losing


def crash(emitter: Any) -> Callable[[], None]:
    """The server's memory is lost: its transaction ids prove nothing any more."""

    def crashed() -> None:
        [batch] = emitter._buffer._sending
        batch.transaction = (batch.transaction[0], "before the crash")

    return crashed


@pytest.mark.parametrize("is_before", [True, False], ids=["before", "after"])
@pytest.mark.parametrize("is_crash", [False, True], ids=["connection lost", "server crashed"])
def test_events_are_stored_once(
    make_emitter: MakeEmitter, noted: str, texts: Texts, is_before: bool, is_crash: bool
) -> None:
    """The connection is lost before the server has the COMMIT, or after it has committed."""
    emitter = make_emitter(buffer_size=2, flush_interval=3600)
    is_stored = Event()
    emitter.observers.append(
        lambda event, _: is_stored.set() if event["payload"] == {"text": "2"} else None
    )
    if is_crash:
        lose_once(emitter, is_before=is_before, then=crash(emitter))
    else:
        lose_once(emitter, is_before=is_before)
    emitter.buffer(noted, {"text": "1"})
    emitter.buffer(noted, {"text": "2"})
    assert is_stored.wait(60)
    assert texts() == ["1", "2"]


def test_role_that_may_not_read_is_told_that_nobody_knows(
    make_emitter: MakeEmitter, noted: str, texts: Texts, dsn: str, login_role: Any
) -> None:
    role = login_role("app", {"default": ["write"]})
    is_told = Event()
    emitter = make_emitter(
        database=make_conninfo(dsn, user=role),
        buffer_size=2,
        flush_interval=3600,
        on_error=lambda _: is_told.set(),
    )
    lose_once(emitter, is_before=False, then=crash(emitter))
    emitter.buffer(noted, {"text": "1"})
    emitter.buffer(noted, {"text": "2"})
    assert is_told.wait(60)
    with pytest.raises(errors.EventsNotStored) as caught:
        emitter.flush()
    assert [type(each) for each in caught.value.exceptions] == [errors.OutcomeUnknown] * 2
    assert texts() == ["1", "2"]


def test_transaction_that_the_server_never_had_is_repeated(
    make_emitter: MakeEmitter, noted: str, texts: Texts
) -> None:
    """As after a failover that lost it."""

    def fail_over() -> None:
        [batch] = emitter._buffer._sending
        batch.transaction = ("9000000000000", "the other server")

    emitter = make_emitter(buffer_size=1, flush_interval=3600)
    is_stored = Event()
    emitter.observers.append(lambda *_: is_stored.set())
    lose_once(emitter, is_before=True, then=fail_over)
    emitter.buffer(noted, {"text": "1"})
    assert is_stored.wait(60)
    assert texts() == ["1"]
