"""What a journal on disk promises: durable, in order, bounded, shared by threads and processes."""

from __future__ import annotations

import errno
import os
import resource
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from textwrap import dedent
from typing import Any
from uuid import uuid4

import pytest
from spooling.conftest import Open, drained, drained_events, in_child, note, only_segment

from agent_events import errors
from agent_events.spooling import DiskJournal
from agent_events.spooling.folders import bytes_in
from agent_events.spooling.names import segments_in

THREADS = 8


def test_events_come_back_as_they_were(open_journal: Open) -> None:
    event = note(
        'Größe "x"\n\x00',
        tenant_id="acme",
        run_id=uuid4(),
        metadata={"at": datetime(2026, 1, 1, tzinfo=UTC)},
        private={"phone": "1"},
        occurred_at=datetime(2026, 3, 4, 5, 6, 7, 890123, tzinfo=UTC),
        publish=False,
        actor_id=None,
    )
    journal = open_journal()
    journal.append([event])
    [back] = drained_events(journal)
    assert back == {
        **{name: value for name, value in event.items() if value is not None},
        "run_id": str(event["run_id"]),
        "metadata": {"at": "2026-01-01T00:00:00+00:00"},
    }


def test_order_is_kept_over_several_files(folder: Path, open_journal: Open) -> None:
    journal = open_journal(max_bytes=200_000)
    texts = [f"{number}" for number in range(1000)]
    for text in texts:
        journal.append([note(text)])
    assert len(segments_in(folder)) > 1
    assert drained(journal) == texts
    assert journal.is_empty()
    assert list(folder.iterdir()) == []


def test_what_threads_append_together_keeps_their_order(open_journal: Open) -> None:
    journal = open_journal()

    def work(name: str) -> None:
        for number in range(50):
            journal.append([note(f"{name} {number}")])

    threads = [threading.Thread(target=work, args=[str(n)]) for n in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    texts = drained(journal)
    for name in map(str, range(THREADS)):
        mine = [text for text in texts if text.startswith(f"{name} ")]
        assert mine == [f"{name} {number}" for number in range(50)]


def test_threads_append_while_it_is_drained(open_journal: Open) -> None:
    journal = open_journal(max_bytes=300_000)
    journal.append([note("first")])
    got: list[Any] = []
    thread = threading.Thread(target=lambda: [journal.append([note(f"{n}")]) for n in range(500)])
    thread.start()
    while thread.is_alive():
        journal.drain(got.extend)
    thread.join()
    journal.drain(got.extend)
    assert [each["idempotency_key"] for each in got] == ["first", *(f"{n}" for n in range(500))]


def test_batch_that_is_not_stored_stays(open_journal: Open) -> None:
    journal = open_journal()
    journal.append([note(str(number)) for number in range(250)])
    seen: list[int] = []

    def store(events: Any) -> None:
        if len(seen) == 2:
            raise ConnectionError
        seen.append(len(events))

    with pytest.raises(ConnectionError):
        journal.drain(store)
    assert not journal.is_empty()
    assert drained(journal) == [str(number) for number in range(200, 250)]


def test_next_journal_goes_on_where_the_last_one_stopped(open_journal: Open) -> None:
    first = open_journal()
    first.append([note(str(number)) for number in range(150)])
    with pytest.raises(ZeroDivisionError):
        first.drain(lambda events: 1 / (len(events) - 50))  # type: ignore[arg-type, return-value]
    first.close()
    second = open_journal()
    assert not second.is_empty()
    second.append([note("new")])
    assert drained(second) == [*(str(number) for number in range(100, 150)), "new"]


def test_files_of_a_running_process_are_its_own(open_journal: Open) -> None:
    mine, other = open_journal(), open_journal()
    mine.append([note("mine")])
    other.append([note("other's")])
    assert drained(other) == ["other's"]
    assert drained(mine) == ["mine"]


def test_what_killed_processes_left_is_taken_over_in_order_of_time(
    folder: Path, open_journal: Open
) -> None:
    for text in ("1", "2"):
        program = f"""
            import os, signal
            from pathlib import Path
            from agent_events.spooling import DiskJournal
            DiskJournal(Path({str(folder)!r})).append(
                [{{"event_type": "test.noted", "payload": {{"text": {text!r}}}}}]
            )
            os.kill(os.getpid(), signal.SIGKILL)
        """
        done = subprocess.run([sys.executable, "-c", dedent(program)], check=False)
        assert done.returncode == -9
    journal = open_journal()
    assert not journal.is_empty()
    journal.append([note("3")])
    assert drained(journal) == ["1", "2", "3"]


def test_what_ends_later_is_taken_over_at_the_next_drain(open_journal: Open) -> None:
    running, ending = open_journal(), open_journal()
    assert running.is_empty()
    ending.append([note("x")])
    assert drained(running) == []
    ending.close()
    assert drained(running) == ["x"]


def test_forked_process_writes_files_of_its_own(folder: Path, open_journal: Open) -> None:
    journal = open_journal()
    journal.append([note("parent's")])

    def child() -> None:
        assert journal.is_empty()
        journal.append([note("child's")])

    assert in_child(child) == 0
    assert len(segments_in(folder)) == 2
    assert drained(journal) == ["parent's", "child's"]


def test_child_does_not_keep_what_its_parent_held(folder: Path) -> None:
    """The parent ends, its child goes on: what the parent left is free."""
    program = f"""
        import os, sys
        from pathlib import Path
        from agent_events.spooling import DiskJournal
        journal = DiskJournal(Path({str(folder)!r}))
        journal.append([{{"event_type": "test.noted", "payload": {{"text": "x"}}}}])
        if os.fork():
            os._exit(0)
        print("alive", flush=True)
        sys.stdin.read()
    """
    with subprocess.Popen(
        [sys.executable, "-c", dedent(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout
        assert parent.stdout.readline() == b"alive\n"
        parent.wait()
        journal = DiskJournal(folder)
        assert drained(journal) == ["x"]
        journal.close()


def test_more_than_the_bound_is_refused(folder: Path, open_journal: Open) -> None:
    journal = open_journal(max_bytes=5000)
    kept: list[str] = []
    with pytest.raises(errors.SpoolFull, match=r"5,000 bytes: \d+ more do not fit") as caught:
        fill(journal, kept)
    assert "spool list" in str(caught.value)
    assert bytes_in(folder) <= 5000
    assert drained(journal) == kept
    journal.append([note("again")])
    assert drained(journal) == ["again"]


def test_bound_counts_what_other_processes_wrote(open_journal: Open) -> None:
    open_journal().append([note("x" * 4000)])
    with pytest.raises(errors.SpoolFull):
        open_journal(max_bytes=5000).append([note("y" * 1000)])


def fill(journal: DiskJournal, kept: list[str]) -> None:
    """Append until that is refused; `kept` are the texts that were not."""
    for number in range(1000):
        journal.append([note(str(number))])
        kept.append(str(number))


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """The kernel writes no file of this process any further."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_disk_that_takes_no_more_is_an_error(folder: Path, open_journal: Open) -> None:
    """The kernel writes a part of the line, and then no more: like a disk that is full."""
    journal = open_journal()
    kept: list[str] = []
    with pytest.raises(OSError, match=str(folder)) as caught, largest_file(10_000):
        fill(journal, kept)
    assert caught.value.errno == errno.EFBIG
    assert only_segment(folder).read_bytes().endswith(b"\n")
    journal.append([note("room again")])
    assert drained(journal) == [*kept, "room again"]


def test_disk_without_room_for_a_first_event(folder: Path, open_journal: Open) -> None:
    journal = open_journal()
    with pytest.raises(OSError, match="File too large"), largest_file(10):
        journal.append([note("x")])
    assert journal.is_empty()
    assert list(folder.iterdir()) == []


def test_threads_that_wait_for_each_other_learn_of_the_full_disk(open_journal: Open) -> None:
    journal = open_journal(max_bytes=3000)
    kept: list[str] = []
    refused: list[str] = []

    def work(name: str) -> None:
        for number in range(20):
            text = f"{name} {number}"
            try:
                journal.append([note(text)])
            except errors.SpoolFull:
                refused.append(text)
            else:
                kept.append(text)

    threads = [threading.Thread(target=work, args=[str(n)]) for n in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(kept) + len(refused) == THREADS * 20
    assert refused
    assert sorted(drained(journal)) == sorted(kept)


def test_event_without_a_json_form_is_refused_alone(open_journal: Open) -> None:
    journal = open_journal()
    with pytest.raises(TypeError, match="object has no JSON form"):
        journal.append([note("x"), note("y", metadata={"z": object()})])
    assert journal.is_empty()


def test_only_this_user_can_read_it(folder: Path, open_journal: Open) -> None:
    journal = open_journal()
    journal.append([note("x")])
    journal.set_aside(note("y"), "because")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_folder_where_others_write_is_refused(folder: Path) -> None:
    folder.mkdir()
    folder.chmod(0o777)
    with pytest.raises(errors.InvalidArgument, match=r"its mode is 777\nHINT: .*chmod 700"):
        DiskJournal(folder)


def test_folder_that_is_none_is_refused(folder: Path) -> None:
    folder.write_text("")
    with pytest.raises(errors.InvalidArgument, match=r"the spool cannot be in .*: Not a directory"):
        DiskJournal(folder / "below")


def test_closed_journal_takes_no_more(open_journal: Open) -> None:
    journal = open_journal()
    journal.close()
    with pytest.raises(errors.InvalidArgument, match="the spool is closed"):
        journal.append([note("x")])


def test_is_empty_makes_no_system_call(open_journal: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = open_journal()
    assert journal.is_empty()
    for name in ("open", "stat", "scandir", "listdir"):
        monkeypatch.delattr(os, name)
    assert journal.is_empty()
