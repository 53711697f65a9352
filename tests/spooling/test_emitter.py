"""An emitter that spools, both kinds, with its journal on disk."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from threading import Event
from typing import Any

import psycopg
import pytest
from psycopg_pool import ConnectionPool
from spooling.conftest import drained, in_child, note

from agent_events import AsyncAuditEmitter, AuditEmitter, Ledger, Receipt, Spooled, errors
from agent_events.spooling import DiskJournal, default_dir, folder_for
from agent_events.spooling.folders import destination
from agent_events.spooling.listing import list_folder
from agent_events.spooling.names import segments_in

Connection = psycopg.Connection[Any]
MakeEmitter = Callable[..., Any]
Texts = Callable[[], list[str]]


@pytest.fixture
def spool(folder: Path, dsn: str) -> Path:
    """The folder of the test's database."""
    return folder_for(dsn, folder)


@pytest.fixture
def make_spooling(make_emitter: MakeEmitter, folder: Path) -> MakeEmitter:
    """Make an emitter, of either kind, that spools to the test's folder."""
    return lambda **options: make_emitter(on_unavailable="spool", spool_dir=folder, **options)


class Noticed:
    """An observer that tells when an event with this text is stored."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._noticed = Event()

    def __call__(self, event: Any, _: Receipt) -> None:
        if event["payload"]["text"] == self._text:
            self._noticed.set()

    def wait(self) -> None:
        assert self._noticed.wait(120)


def test_events_of_an_outage_are_stored_by_themselves_in_order(
    make_spooling: MakeEmitter, noted: str, outage: Any, texts: Texts, spool: Path, pg: Connection
) -> None:
    emitter = make_spooling()
    last = Noticed("last")
    emitter.observers.append(last)
    assert isinstance(emitter.emit(noted, {"text": "1"}), Receipt)
    with outage():
        spooled = [emitter.emit(noted, {"text": text}) for text in "23"]
        assert len(segments_in(spool)) == 1
    emitter.buffer(noted, {"text": "last"})
    emitter.flush()
    last.wait()
    assert all(isinstance(each, Spooled) for each in spooled)
    assert texts() == ["1", "2", "3", "last"]
    assert segments_in(spool) == []
    assert isinstance(emitter.emit(noted, {"text": "5"}), Receipt)
    times = pg.execute(
        "select occurred_at from ledger.events where payload ->> 'text' in ('2', '3') order by id"
    ).fetchall()
    assert times == [(each.occurred_at,) for each in spooled]


def test_spool_empties_when_the_database_is_back_and_nobody_asks(
    make_spooling: MakeEmitter, noted: str, outage: Any, texts: Texts
) -> None:
    emitter = make_spooling()
    stored = Noticed("1")
    emitter.observers.append(stored)
    with outage():
        emitter.emit(noted, {"text": "1"})
    stored.wait()
    assert texts() == ["1"]


def test_new_emitter_stores_what_an_ended_process_left_before_its_own(
    make_spooling: MakeEmitter, noted: str, texts: Texts, spool: Path
) -> None:
    leave(spool, "1", "2")
    emitter = make_spooling()
    assert isinstance(emitter.emit(noted, {"text": "3"}), Spooled)
    emitter.flush()
    assert texts() == ["1", "2", "3"]


def test_entering_the_block_is_enough_to_deliver(
    dsn: str, folder: Path, spool: Path, noted: str, texts: Texts
) -> None:
    assert noted
    leave(spool, "1")
    stored = Noticed("1")
    emitter = AuditEmitter(dsn, on_unavailable="spool", spool_dir=folder)
    emitter.observers.append(stored)
    with emitter:
        stored.wait()
    assert texts() == ["1"]


def test_what_a_closed_emitter_left_is_free(
    make_spooling: MakeEmitter, noted: str, outage: Any, spool: Path
) -> None:
    emitter = make_spooling()
    with outage():
        emitter.emit(noted, {"text": "1"})
        emitter.close()
    [listed] = list_folder(spool)
    assert (listed.state, listed.events) == ("waiting", 1)


def test_refused_event_is_set_aside_and_keeps_nobody(
    make_spooling: MakeEmitter, noted: str, outage: Any, texts: Texts, spool: Path
) -> None:
    emitter = make_spooling()
    with outage():
        for payload in ({"text": "1"}, {"text": 2, "password": "hunter2"}, {"text": "3"}):
            emitter.emit(noted, payload)
    with pytest.raises(errors.EventsNotStored):
        emitter.flush()
    assert texts() == ["1", "3"]
    [listed] = list_folder(spool)
    assert (listed.state, listed.events) == ("refused", 1)
    [line] = (spool / "events.refused").read_text().splitlines()[1:]
    assert "LG003: payload does not match" in line
    assert "hunter2" not in line


def test_buffered_events_are_spooled(
    make_spooling: MakeEmitter, noted: str, outage: Any, texts: Texts, spool: Path
) -> None:
    emitter = make_spooling(flush_interval=3600, max_buffered=10, buffer_size=10, when_full="spool")
    with outage():
        for number in range(25):
            emitter.buffer(noted, {"text": str(number)})
        assert segments_in(spool) != []
    emitter.flush()
    assert texts() == [str(number) for number in range(25)]


def test_full_spool_is_raised(make_spooling: MakeEmitter, noted: str, outage: Any) -> None:
    emitter = make_spooling(max_spool_bytes=1000)
    with (
        outage(),
        pytest.raises(errors.SpoolFull, match=r"has \d+ of 1,000 bytes: 1,\d+ more do not fit"),
    ):
        emitter.emit(noted, {"text": "x" * 1000})


def test_what_is_neither_stored_nor_spooled_is_raised_at_the_end(
    dsn: str, folder: Path, noted: str, outage: Any
) -> None:
    emitter = AuditEmitter(dsn, on_unavailable="spool", spool_dir=folder, max_spool_bytes=1000)
    with outage():
        emitter.buffer(noted, {"text": "x" * 1000})
        with pytest.raises(errors.EventsNotStored) as caught:
            emitter.close()
    [failed] = caught.value.failed
    assert isinstance(failed.error, errors.SpoolFull)


def test_secrets_are_stored_as_without_an_outage(
    make_spooling: MakeEmitter, noted: str, outage: Any, spool: Path, pg: Connection
) -> None:
    payload = {"text": "x", "db_password": "hunter2", "list": [{"token": "hunter2", "tokens": 3}]}
    emitter = make_spooling()
    emitter.emit(noted, payload, metadata={"Cookie": ["hunter2"]})
    with outage():
        emitter.emit(noted, payload, metadata={"Cookie": ["hunter2"]})
        assert b"hunter2" not in b"".join(path.read_bytes() for path in spool.iterdir())
    emitter.flush()
    stored = pg.execute(
        "select distinct payload, metadata from ledger.events where event_type = 'test.noted'"
    ).fetchall()
    assert stored == [
        (
            {"text": "x", "db_password": "***", "list": [{"token": "***", "tokens": 3}]},
            {"Cookie": "***"},
        )
    ]


def test_killed_process_leaves_its_events_to_the_next(
    dsn: str, folder: Path, noted: str, outage: Any, texts: Texts
) -> None:
    program = f"""
        import os, signal
        from agent_events import AuditEmitter
        emitter = AuditEmitter({dsn!r}, on_unavailable="spool", spool_dir={str(folder)!r})
        for number in range(3):
            emitter.emit({noted!r}, {{"text": str(number)}})
        os.kill(os.getpid(), signal.SIGKILL)
    """
    with outage():
        done = subprocess.run([sys.executable, "-c", dedent(program)], check=False)
    assert done.returncode == -9
    with AuditEmitter(dsn, on_unavailable="spool", spool_dir=folder) as emitter:
        emitter.emit(noted, {"text": "3"})
        emitter.flush()
    assert texts() == ["0", "1", "2", "3"]


def test_forked_process_spools_and_stores_its_own(
    dsn: str, folder: Path, noted: str, outage: Any, texts: Texts
) -> None:
    emitter = AuditEmitter(dsn, on_unavailable="spool", spool_dir=folder)
    with outage():
        emitter.emit(noted, {"text": "parent's"})

        def child() -> None:
            assert isinstance(emitter.emit(noted, {"text": "child's"}), Spooled)

        assert in_child(child) == 0
    emitter.flush()
    emitter.close()
    assert sorted(texts()) == ["child's", "parent's"]


def test_tasks_emit_together(
    dsn: str, folder: Path, noted: str, outage: Any, pg: Connection
) -> None:
    async def work(emitter: AsyncAuditEmitter[Any], task: int) -> None:
        for number in range(10):
            await emitter.emit(
                noted, {"text": f"{number}"}, aggregate_type="task", aggregate_id=str(task)
            )

    async def main() -> None:
        async with AsyncAuditEmitter(dsn, on_unavailable="spool", spool_dir=folder) as emitter:
            with outage():
                await asyncio.gather(*(work(emitter, task) for task in range(8)))
            await emitter.flush()

    asyncio.run(main())
    for task in range(8):
        stream = Ledger(pg).read_stream("task", str(task))
        assert [event.payload["text"] for event in stream] == [str(n) for n in range(10)]


def test_loop_that_ends_without_close_keeps_what_waits(
    dsn: str, folder: Path, noted: str, outage: Any, spool: Path
) -> None:
    program = f"""
        import asyncio
        from agent_events import AsyncAuditEmitter

        async def main():
            emitter = AsyncAuditEmitter({dsn!r}, on_unavailable="spool", spool_dir={str(folder)!r})
            await emitter.emit({noted!r}, {{"text": "x"}})

        asyncio.run(main())
    """
    with outage():
        subprocess.run([sys.executable, "-c", dedent(program)], check=True, timeout=60)
    journal = DiskJournal(spool)
    assert drained(journal) == ["x"]
    journal.close()


def test_pool_has_the_folder_of_its_database(
    dsn: str, folder: Path, spool: Path, noted: str, outage: Any
) -> None:
    with ConnectionPool(
        dsn, min_size=0, max_size=1, open=True, timeout=0.5, kwargs={"autocommit": True}
    ) as pool:
        emitter = AuditEmitter(pool, on_unavailable="spool", spool_dir=folder)
        with outage():
            assert isinstance(emitter.emit(noted, {"text": "x"}), Spooled)
            emitter.close()
    assert len(segments_in(spool)) == 1


def test_pool_that_does_not_say_which_database(folder: Path) -> None:
    class Pool:
        def connection(self) -> Any: ...

    with pytest.raises(errors.InvalidArgument, match="nothing says which database this pool leads"):
        AuditEmitter(Pool(), on_unavailable="spool", spool_dir=folder)


def test_each_database_has_a_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AGENT_EVENTS_SPOOL_DIR", str(tmp_path))
    monkeypatch.setenv("PGHOST", "db.example.com")
    assert folder_for("user=app dbname=deals password=hunter2") == (
        tmp_path / "app@db.example.com:5432%2Fdeals"
    )
    assert destination("postgresql://app:hunter2@10.0.0.1:6000/deals") == "app@10.0.0.1:6000/deals"
    assert destination("host=/run/pg user=app").endswith("app@/run/pg:5432/app")
    long = destination(f"host={','.join(['db.example.com'] * 30)} user=app dbname=deals")
    assert len(long) < 120


def test_default_folder_is_the_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("AGENT_EVENTS_SPOOL_DIR", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert default_dir() == tmp_path / "agent-events" / "spool"
    monkeypatch.delenv("XDG_STATE_HOME")
    assert default_dir().expanduser() == Path.home() / ".local/state/agent-events/spool"


def leave(spool: Path, *texts: str) -> None:
    """Leave events in the folder, as an emitter does that was killed."""
    journal = DiskJournal(spool)
    journal.append([note(text) for text in texts])
    journal.close()
