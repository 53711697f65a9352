"""`buffer`: taken now, stored soon and together; what is refused, kept, spooled, or raised."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from inspect import iscoroutinefunction
from textwrap import dedent
from threading import Event, Thread
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from agent_events import EventArguments, Ledger, Receipt, context, errors
from agent_events.emitting import AuditEmitter

Connection = psycopg.Connection[Any]
MakeEmitter = Callable[..., Any]
Texts = Callable[[], list[str]]

BY_HAND = {"buffer_size": 10_000, "flush_interval": 3600}


class Stored:
    """An observer that says when so many events are stored."""

    def __init__(self, count: int) -> None:
        self._left = count
        self._all = Event()

    def __call__(self, *_: object) -> None:
        self._left -= 1
        if not self._left:
            self._all.set()

    def wait(self) -> None:
        assert self._all.wait(60)


def transactions(pg: Connection) -> list[int]:
    """How many of the notes each transaction stored, in order."""
    rows = pg.execute(
        "select count(*) from ledger.agent_events where event_type = 'test.noted' "
        "group by xmin order by min(created_at)"
    ).fetchall()
    return [count for (count,) in rows]


def test_flush_stores_all_in_one_batch(
    make_emitter: MakeEmitter, noted: str, texts: Texts, pg: Connection
) -> None:
    emitter = make_emitter(**BY_HAND)
    for number in range(5):
        emitter.buffer(noted, {"text": str(number)})
    assert texts() == []
    emitter.flush()
    assert texts() == ["0", "1", "2", "3", "4"]
    assert transactions(pg) == [5]


def test_full_batch_is_sent_by_itself(
    make_emitter: MakeEmitter, noted: str, texts: Texts, pg: Connection
) -> None:
    emitter = make_emitter(buffer_size=3, flush_interval=3600)
    stored = Stored(6)
    emitter.observers.append(stored)
    for number in range(7):
        emitter.buffer(noted, {"text": str(number)})
    stored.wait()
    assert texts() == ["0", "1", "2", "3", "4", "5"]
    assert transactions(pg) == [3, 3]


def test_interval_sends_what_there_is(make_emitter: MakeEmitter, noted: str) -> None:
    emitter = make_emitter(buffer_size=100, flush_interval=0.05)
    stored = Stored(2)
    emitter.observers.append(stored)
    emitter.buffer(noted, {"text": "1"})
    emitter.buffer(noted, {"text": "2"})
    stored.wait()


def test_close_stores_the_rest_and_ends_the_worker(
    make_emitter: MakeEmitter, noted: str, texts: Texts
) -> None:
    emitter = make_emitter(**BY_HAND)
    emitter.buffer(noted, {"text": "x"})
    emitter.close()
    assert texts() == ["x"]
    with pytest.raises(errors.InvalidArgument, match="closed"):
        emitter.buffer(noted, {"text": "y"})
    with pytest.raises(errors.InvalidArgument, match="closed"):
        emitter.emit(noted, {"text": "y"})


def test_end_of_the_block_stores_the_rest(dsn: str, noted: str, texts: Texts) -> None:
    with AuditEmitter(dsn, buffer_size=10_000) as emitter:
        emitter.buffer(noted, {"text": "x"})
    assert texts() == ["x"]


def test_event_has_the_time_and_the_context_of_its_call(
    make_emitter: MakeEmitter, noted: str, pg: Connection
) -> None:
    emitter = make_emitter(**BY_HAND)
    with context.use(tenant_id="acme", actor_id="ann"):
        emitter.buffer(noted, {"text": "x"})
    with context.use(tenant_id="other", actor_id="bob"):
        emitter.flush()
    [event] = Ledger(pg).find_events(event_types=[noted], tenant_id="acme")
    assert event.actor_id == "ann"
    assert event.occurred_at is not None
    assert event.occurred_at < event.created_at


def test_batches_are_per_tenant(make_emitter: MakeEmitter, noted: str, pg: Connection) -> None:
    emitter = make_emitter(**BY_HAND)
    for number in range(6):
        emitter.buffer(noted, {"text": str(number)}, tenant_id=("acme", "other")[number % 2])
    emitter.flush()
    assert transactions(pg) == [3, 3]


def test_refused_event_takes_no_other_down(
    make_emitter: MakeEmitter, noted: str, texts: Texts, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[errors.FailedEvent] = []
    emitter = make_emitter(on_error=told.append, **BY_HAND)
    for text in ("0", 1, "2", "3", 4, "5"):
        emitter.buffer(noted, {"text": text})
    with pytest.raises(errors.EventsNotStored) as caught:
        emitter.flush()
    assert texts() == ["0", "2", "3", "5"]
    assert [each.event["payload"] for each in caught.value.failed] == [{"text": 1}, {"text": 4}]
    assert all(isinstance(each, errors.InvalidPayload) for each in caught.value.exceptions)
    assert told == [*caught.value.failed]
    assert caplog.text.count("event not stored: LG003") == 2
    emitter.flush()


def test_refused_event_is_raised_by_close(make_emitter: MakeEmitter, noted: str) -> None:
    emitter = make_emitter(**BY_HAND)
    emitter.buffer("no.such_type")
    emitter.buffer(noted, {"text": "x"})
    with pytest.raises(errors.EventsNotStored, match=r"no\.such_type"):
        emitter.close()


def test_payload_without_json_form_is_refused_alone(
    make_emitter: MakeEmitter, noted: str, texts: Texts
) -> None:
    emitter = make_emitter(**BY_HAND)
    emitter.buffer(noted, {"text": object()})
    emitter.buffer(noted, {"text": "x"})
    with pytest.raises(errors.EventsNotStored) as caught:
        emitter.flush()
    assert isinstance(caught.value.exceptions[0], TypeError)
    assert texts() == ["x"]


def test_events_are_kept_while_the_database_is_down(
    make_emitter: MakeEmitter, noted: str, outage: Any, texts: Texts
) -> None:
    emitter = make_emitter(buffer_size=2, flush_interval=3600)
    stored = Stored(4)
    emitter.observers.append(stored)
    with outage():
        for number in range(4):
            emitter.buffer(noted, {"text": str(number)})
        with pytest.raises(psycopg.OperationalError):
            emitter.flush()
    stored.wait()
    assert texts() == ["0", "1", "2", "3"]


@pytest.mark.parametrize("setting", ["lock_timeout", "statement_timeout"])
def test_events_whose_statement_times_out_are_kept(
    make_emitter: MakeEmitter, noted: str, dsn: str, locked: Connection, texts: Texts, setting: str
) -> None:
    emitter = make_emitter(database=make_conninfo(dsn, options=f"-c {setting}=500ms"), **BY_HAND)
    emitter.buffer(noted, {"text": "1"}, aggregate_type="note", aggregate_id="1")
    with pytest.raises((psycopg.errors.LockNotAvailable, psycopg.errors.QueryCanceled)):
        emitter.flush()
    locked.rollback()
    emitter.flush()
    assert texts() == ["1"]


def test_events_whose_transaction_times_out_are_kept(
    make_emitter: MakeEmitter,
    noted: str,
    dsn: str,
    pg: Connection,
    locked: Connection,
    texts: Texts,
) -> None:
    setting = "transaction_timeout" if pg.info.server_version >= 170000 else "statement_timeout"
    emitter = make_emitter(database=make_conninfo(dsn, options=f"-c {setting}=500ms"), **BY_HAND)
    emitter.buffer(noted, {"text": "1"}, aggregate_type="note", aggregate_id="1")
    with pytest.raises((psycopg.errors.InternalError, psycopg.OperationalError)):
        emitter.flush()
    locked.rollback()
    emitter.flush()
    assert texts() == ["1"]


def test_events_are_spooled_while_the_database_is_down(
    make_emitter: MakeEmitter, noted: str, outage: Any, journal: Any, texts: Texts
) -> None:
    emitter = make_emitter(on_unavailable="spool", journal=journal, **BY_HAND)
    with outage():
        emitter.buffer(noted, {"text": "1"})
        with pytest.raises(psycopg.OperationalError):
            emitter.flush()
        assert [event["payload"] for event in journal.events] == [{"text": "1"}]
    emitter.buffer(noted, {"text": "2"})
    emitter.flush()
    assert texts() == ["1", "2"]


def test_what_cannot_be_stored_at_close_is_raised_with_its_events(
    make_emitter: MakeEmitter, noted: str, outage: Any
) -> None:
    emitter = make_emitter(**BY_HAND)
    emitter.buffer(noted, {"text": "1"})
    emitter.buffer(noted, {"text": "2"}, tenant_id="acme")
    with outage(), pytest.raises(errors.EventsNotStored) as caught:
        emitter.close()
    assert [each.event["payload"] for each in caught.value.failed] == [{"text": "1"}, {"text": "2"}]


def test_what_cannot_be_stored_at_close_is_spooled(
    make_emitter: MakeEmitter, noted: str, outage: Any, journal: Any
) -> None:
    emitter = make_emitter(on_unavailable="spool", journal=journal, **BY_HAND)
    emitter.buffer(noted, {"text": "1"})
    with outage():
        emitter.close()
    assert len(journal.events) == 1


def test_full_buffer_raises(make_emitter: MakeEmitter, noted: str, texts: Texts) -> None:
    emitter = make_emitter(buffer_size=2, flush_interval=3600, max_buffered=2, when_full="raise")
    with held_up(emitter):
        emitter.buffer(noted, {"text": "1"})
        emitter.buffer(noted, {"text": "2"})
        with pytest.raises(errors.BufferFull, match="2 events are buffered"):
            emitter.buffer(noted, {"text": "3"})
    emitter.flush()
    assert texts() == ["1", "2"]


def test_full_buffer_waits_for_room(make_emitter: MakeEmitter, noted: str, texts: Texts) -> None:
    emitter = make_emitter(buffer_size=2, flush_interval=3600, max_buffered=2)
    stored = Stored(2)
    emitter.observers.append(stored)
    third = Thread(target=lambda: emitter.buffer(noted, {"text": "3"}))
    with held_up(emitter):
        emitter.buffer(noted, {"text": "1"})
        emitter.buffer(noted, {"text": "2"})
        third.start()
    third.join()
    stored.wait()
    emitter.flush()
    assert texts() == ["1", "2", "3"]


def test_full_buffer_goes_to_the_journal(
    make_emitter: MakeEmitter, noted: str, outage: Any, journal: Any, texts: Texts
) -> None:
    emitter = make_emitter(
        on_unavailable="spool",
        journal=journal,
        buffer_size=3,
        flush_interval=3600,
        max_buffered=3,
        when_full="spool",
    )
    with outage():
        for number in range(8):
            emitter.buffer(noted, {"text": str(number)})
        assert len(journal.events) >= 6
    emitter.flush()
    assert texts() == [str(number) for number in range(8)]


def test_full_buffer_can_be_spooled_only_where_there_is_a_journal(dsn: str) -> None:
    with pytest.raises(errors.InvalidArgument, match="there is no journal"):
        AuditEmitter(dsn, when_full="spool")


def test_failures_nobody_asked_for_fill_the_buffer_too(
    make_emitter: MakeEmitter, noted: str, texts: Texts
) -> None:
    failed = Event()
    emitter = make_emitter(
        buffer_size=1, flush_interval=3600, max_buffered=1, on_error=lambda _: failed.set()
    )
    emitter.buffer("no.such_type")
    assert failed.wait(60)
    with pytest.raises(errors.EventsNotStored) as caught:
        emitter.buffer(noted, {"text": "1"})
    assert [each.event.get("payload") for each in caught.value.failed] == [None, {"text": "1"}]
    assert isinstance(caught.value.exceptions[1], errors.BufferFull)
    emitter.buffer(noted, {"text": "2"})
    emitter.flush()
    assert texts() == ["2"]


def test_threads_buffer_at_once(dsn: str, noted: str, texts: Texts) -> None:
    def work(thread: int) -> None:
        for number in range(200):
            emitter.buffer(noted, {"text": f"{thread} {number}"})

    with AuditEmitter(dsn, buffer_size=50, max_buffered=100) as emitter:
        threads = [Thread(target=work, args=[number]) for number in range(4)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
    stored = [text.split() for text in texts()]
    for thread in "0123":
        assert [int(n) for t, n in stored if t == thread] == [*range(200)]


@contextmanager
def held_up(emitter: Any) -> Iterator[None]:
    """Nothing is sent in the block, as if the server were slow."""
    send_all = emitter._sender.send_all
    goes_on = Event()

    def wait(batches: Any) -> Any:
        assert goes_on.wait(60)
        return send_all(batches)

    async def wait_async(batches: Any) -> None:
        assert await asyncio.to_thread(goes_on.wait, 60)
        await send_all(batches)

    emitter._sender.send_all = wait_async if iscoroutinefunction(send_all) else wait
    yield
    goes_on.set()


def run(program: str, dsn: str) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, whose database is the test's."""
    return subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", dedent(program)],
        env=os.environ | {"AGENT_EVENTS_DSN": dsn},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.usefixtures("noted")
def test_end_of_the_process_stores_the_rest(dsn: str, texts: Texts) -> None:
    program = """
        from agent_events import AuditEmitter
        AuditEmitter().buffer("test.noted", {"text": "x"})
    """
    done = run(program, dsn)
    assert (done.returncode, done.stderr) == (0, "")
    assert texts() == ["x"]


@pytest.mark.usefixtures("noted")
def test_end_of_the_process_stores_what_asyncio_left(dsn: str, texts: Texts) -> None:
    program = """
        import asyncio
        from agent_events import AsyncAuditEmitter

        async def main():
            await emitter.buffer("test.noted", {"text": "x"})

        emitter = AsyncAuditEmitter()
        asyncio.run(main())
    """
    done = run(program, dsn)
    assert done.returncode == 0
    assert "close() was not awaited" in done.stderr
    assert texts() == ["x"]


@pytest.mark.usefixtures("noted")
@pytest.mark.parametrize("kwargs", ["arguments", "function"])
def test_end_of_the_process_stores_what_a_pool_was_to_take(
    dsn: str, texts: Texts, kwargs: str
) -> None:
    """Also where not the pool's connection string but its `kwargs` say which database."""
    program = f"""
        import asyncio, os
        from psycopg.conninfo import conninfo_to_dict
        from psycopg.rows import dict_row
        from psycopg_pool import AsyncConnectionPool
        from agent_events import AsyncAuditEmitter

        async def function():
            return arguments

        async def main():
            async with AsyncConnectionPool(kwargs={kwargs}, open=False) as pool:
                emitter = AsyncAuditEmitter(pool)
                await emitter.buffer("test.noted", {{"text": "x"}})

        dsn = os.environ["AGENT_EVENTS_DSN"]
        os.environ["AGENT_EVENTS_DSN"] = "dbname=another"
        arguments = conninfo_to_dict(dsn) | {{"row_factory": dict_row, "prepare_threshold": None}}
        asyncio.run(main())
    """
    done = run(program, dsn)
    assert done.returncode == 0
    assert texts() == ["x"]


@pytest.mark.usefixtures("noted")
def test_end_of_the_process_says_what_a_source_of_ones_own_left(dsn: str) -> None:
    program = """
        import asyncio
        from agent_events import AsyncAuditEmitter

        class Source:
            def connection(self):
                raise NotImplementedError

        async def main():
            await emitter.buffer("test.noted", {"text": "x"})

        emitter = AsyncAuditEmitter(Source())
        asyncio.run(main())
    """
    done = run(program, dsn)
    assert "EventsNotStored: events that were not stored, of test.noted" in done.stderr


def test_end_of_the_process_says_what_could_not_be_stored(dsn: str) -> None:
    program = """
        from agent_events import AuditEmitter
        AuditEmitter().buffer("no.such_type")
    """
    done = run(program, dsn)
    assert "EventsNotStored: events that were not stored, of no.such_type" in done.stderr


@pytest.mark.usefixtures("noted")
def test_forked_process_begins_anew(dsn: str, texts: Texts) -> None:
    """What the parent had buffered is stored once; the child has a worker of its own."""
    program = """
        import os
        from agent_events import AuditEmitter

        emitter = AuditEmitter(buffer_size=10, flush_interval=3600)
        emitter.emit("test.noted", {"text": "first"})
        emitter.buffer("test.noted", {"text": "parent"})
        if child := os.fork():
            assert os.waitpid(child, 0)[1] == 0
        else:
            emitter.emit("test.noted", {"text": "child"})
            for number in range(10):
                emitter.buffer("test.noted", {"text": f"child {number}"})
            emitter.buffer("test.noted", {"text": "last of the child"})
    """
    done = run(program, dsn)
    assert (done.returncode, done.stderr) == (0, "")
    numbers = [f"child {number}" for number in range(10)]
    assert texts() == ["first", "child", *numbers, "last of the child", "parent"]


@pytest.mark.usefixtures("noted")
def test_forked_process_leaves_what_asyncio_buffered_to_its_parent(dsn: str, texts: Texts) -> None:
    program = """
        import asyncio, os
        from agent_events import AsyncAuditEmitter

        emitter = AsyncAuditEmitter()
        asyncio.run(emitter.buffer("test.noted", {"text": "parent"}))
        if child := os.fork():
            assert os.waitpid(child, 0)[1] == 0
    """
    done = run(program, dsn)
    assert done.returncode == 0
    assert texts() == ["parent"]


@pytest.mark.usefixtures("noted")
def test_forked_process_may_not_use_the_pool_of_its_parent(dsn: str, texts: Texts) -> None:
    program = """
        import os
        from psycopg_pool import ConnectionPool
        from agent_events import AuditEmitter, errors

        with (
            ConnectionPool(os.environ["AGENT_EVENTS_DSN"], open=True) as pool,
            AuditEmitter(pool) as emitter,
        ):
            emitter.buffer("test.noted", {"text": "parent"})
            if child := os.fork():
                assert os.waitpid(child, 0)[1] == 0
            else:
                for use in (emitter.emit, emitter.buffer, lambda *_: emitter.flush()):
                    try:
                        use("test.noted", {"text": "child"})
                    except errors.InvalidArgument as error:
                        assert "this pool is the parent's" in str(error)
                    else:
                        os._exit(1)
                emitter.close()
                os._exit(0)
    """
    done = run(program, dsn)
    assert (done.returncode, done.stderr) == (0, "")
    assert texts() == ["parent"]


def test_observer_that_flushes_is_refused_and_not_a_deadlock(
    dsn: str, noted: str, texts: Texts, caplog: pytest.LogCaptureFixture
) -> None:
    with AuditEmitter(dsn, **BY_HAND) as emitter:  # type: ignore[arg-type]
        emitter.observers.append(lambda *_: emitter.flush())
        emitter.buffer(noted, {"text": "x"})
        emitter.flush()
    assert "waits for the sending that it is called by" in caplog.text
    assert texts() == ["x"]


def test_observer_may_emit_and_buffer(dsn: str, noted: str, texts: Texts) -> None:
    def observe(event: EventArguments, _: Receipt) -> None:
        if event["payload"] == {"text": "1"}:
            emitter.emit(noted, {"text": "2"})
            emitter.buffer(noted, {"text": "3"})

    with AuditEmitter(dsn, **BY_HAND) as emitter:  # type: ignore[arg-type]
        emitter.observers.append(observe)
        emitter.buffer(noted, {"text": "1"})
        emitter.flush()
    assert texts() == ["1", "2", "3"]


@pytest.mark.usefixtures("noted")
def test_what_is_buffered_at_exit_is_stored_too(dsn: str, texts: Texts) -> None:
    """When the interpreter starts no more threads."""
    program = """
        import atexit
        from agent_events import AuditEmitter

        emitter = AuditEmitter()
        atexit.register(emitter.buffer, "test.noted", {"text": "last"})
    """
    done = run(program, dsn)
    assert (done.returncode, done.stderr) == (0, "")
    assert texts() == ["last"]
