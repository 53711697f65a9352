"""Files that are not as they were written: what is torn is cut, what is damaged is kept apart."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spooling.conftest import Open, drained, note, only_segment

from agent_events.spooling import DiskJournal
from agent_events.spooling.names import damaged_in

TEXTS = ["first", "second", "Größe 3"]


@pytest.fixture
def written(folder: Path, open_journal: Open) -> Path:
    """A file with three events, whose process has ended."""
    journal = open_journal()
    for text in TEXTS:
        journal.append([note(text)])
    journal.close()
    return only_segment(folder)


def test_last_line_torn_anywhere_is_cut(folder: Path, written: Path) -> None:
    data = written.read_bytes()
    start = data[:-1].rfind(b"\n") + 1
    for end in range(start, len(data)):
        written.write_bytes(data[:end])
        journal = DiskJournal(folder)
        expected = TEXTS if end == len(data) - 1 else TEXTS[:2]  # there only its end is missing
        assert drained(journal) == expected, end
        journal.close()
        assert damaged_in(folder) == []


def test_torn_first_line_leaves_nothing(folder: Path, written: Path) -> None:
    data = written.read_bytes()
    for end in range(data.index(b"\n") + 1):
        written.write_bytes(data[:end])
        journal = DiskJournal(folder)
        assert journal.is_empty(), end
        assert not written.exists()
        journal.close()


def test_zeros_at_the_end_are_cut(folder: Path, written: Path) -> None:
    """As a file system may leave them, whose machine lost its power."""
    written.write_bytes(written.read_bytes() + bytes(5000))
    journal = DiskJournal(folder)
    assert drained(journal) == TEXTS
    journal.close()


def test_what_comes_after_a_torn_line_is_kept(written: Path, open_journal: Open) -> None:
    written.write_bytes(written.read_bytes()[:-5])
    journal = open_journal()
    assert not journal.is_empty()
    journal.append([note("new")])
    assert drained(journal) == [*TEXTS[:2], "new"]


def test_damaged_line_is_set_aside_and_said(
    folder: Path, written: Path, open_journal: Open, caplog: pytest.LogCaptureFixture
) -> None:
    lines = written.read_bytes().splitlines(keepends=True)
    lines[2] = lines[2].replace(b"second", b"secund")
    written.write_bytes(b"".join(lines))
    with caplog.at_level(logging.ERROR, "agent_events"):
        assert drained(open_journal()) == ["first", "Größe 3"]
    [path] = damaged_in(folder)
    assert path.read_bytes() == lines[2]
    assert [record.getMessage() for record in caplog.records] == [
        f"damaged in the spool, and set aside: 1 lines, in {path}"
    ]


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_a_damaged_byte_costs_at_most_two_lines(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """And no event is ever another one."""
    folder = tmp_path_factory.mktemp("spool")
    folder.chmod(0o700)
    journal = DiskJournal(folder)
    texts = [str(number) for number in range(6)]
    for text in texts:
        journal.append([note(text)])
    journal.close()
    path = only_segment(folder)
    content = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)

    journal = DiskJournal(folder)
    left = drained(journal)
    journal.close()
    assert left == [text for text in texts if text in left]
    assert len(left) >= len(texts) - 2


def test_first_line_that_is_damaged_costs_no_event(
    folder: Path, written: Path, open_journal: Open
) -> None:
    written.write_bytes(b"X" + written.read_bytes()[1:])
    assert drained(open_journal()) == TEXTS
    assert len(damaged_in(folder)) == 1


@pytest.mark.parametrize("delivered", [b"999999999999", b"        70  ", b"           0"])
def test_place_in_the_file_that_is_none_begins_anew(
    written: Path, open_journal: Open, delivered: bytes
) -> None:
    head, _, rest = written.read_bytes().partition(b"\n")
    head = head[: head.rindex(b":") + 2] + delivered.strip().rjust(12) + b"}"
    written.write_bytes(head + b"\n" + rest)
    assert drained(open_journal()) == TEXTS


def test_file_of_a_version_to_come_is_left_alone(
    written: Path, open_journal: Open, caplog: pytest.LogCaptureFixture
) -> None:
    data = written.read_bytes().replace(b"spool/v1", b"spool/v2")
    written.write_bytes(data)
    with caplog.at_level(logging.ERROR, "agent_events"):
        assert open_journal().is_empty()
    assert written.read_bytes() == data
    assert "is of version 2: a newer release reads it" in caplog.text


def test_deleted_file_is_delivered_by_who_holds_it(
    folder: Path, open_journal: Open, caplog: pytest.LogCaptureFixture
) -> None:
    """And what comes then goes to a new one, which outlives the process."""
    journal = open_journal()
    journal.append([note("1")])
    only_segment(folder).unlink()
    journal.append([note("2")])
    assert "was deleted" in caplog.text
    assert only_segment(folder).stat().st_size > 0
    assert drained(journal) == ["1", "2"]
    assert journal.is_empty()


def test_deleted_folder_is_an_error_and_what_is_held_is_delivered(
    folder: Path, open_journal: Open
) -> None:
    journal = open_journal()
    journal.append([note("1")])
    shutil.rmtree(folder)
    with pytest.raises(FileNotFoundError):
        journal.append([note("2")])
    assert drained(journal) == ["1"]
