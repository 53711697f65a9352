"""The file of JSON lines: complete, in order, never rewritten."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent_events.anchors import AnchorError, DamagedAnchor, open_store
from agent_events.anchors.file import FileStore
from agent_events.proofs import MalformedNote, SigningKey

Sign = Callable[..., str]

APPEND = """
import sys
from agent_events.anchors import open_store
store = open_store(sys.argv[1])
for note in sys.stdin.read().split("\\0"):
    store.append(note)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "anchors.jsonl"


@pytest.fixture
def store(path: Path) -> FileStore:
    return FileStore(path)


def test_what_is_appended_is_there(store: FileStore, path: Path, sign: Sign) -> None:
    before = datetime.now(UTC)
    kept = [sign(1), sign(5), sign(5), sign(3)]
    assert store.append(kept[0]) == f"{path}, byte 0"
    for note in kept[1:]:
        store.append(note)
    assert list(store.notes()) == kept
    first = next(store.entries())
    assert (first.where, first.problem) == (f"{path}, line 1", None)
    assert first.recorded_at is not None
    assert before <= first.recorded_at <= datetime.now(UTC)
    line = json.loads(path.read_text().splitlines()[1])
    assert list(line) == ["origin", "tree_size", "root", "recorded_at", "note"]
    assert (line["origin"], line["tree_size"], line["note"]) == ("ledger.example/acme", 5, kept[1])
    assert line["root"] == kept[1].splitlines()[2]


def test_the_notes_of_one_origin(store: FileStore, sign: Sign) -> None:
    other = SigningKey.generate("ledger.example/other")
    kept = [sign(1), sign(2, key=other), sign(3)]
    for note in kept:
        store.append(note)
    assert list(store.notes("ledger.example/acme")) == [kept[0], kept[2]]
    assert list(store.notes(other.name)) == [kept[1]]
    assert list(store.notes("ledger.example/third")) == []


def test_a_file_that_is_not_there_is_empty(store: FileStore, path: Path) -> None:
    assert list(store.notes()) == []
    assert not path.exists()


def test_only_checkpoints_are_kept(store: FileStore, path: Path) -> None:
    with pytest.raises(MalformedNote):
        store.append("hello\n")
    assert not path.exists()


def test_processes_append_at_once(store: FileStore, path: Path, sign: Sign) -> None:
    notes = [[sign(100 * process + n) for n in range(50)] for process in range(6)]
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", APPEND, f"file:{path}"], stdin=subprocess.PIPE, text=True
        )
        for _ in notes
    ]
    for writer, own in zip(writers, notes, strict=True):
        assert writer.stdin is not None
        writer.stdin.write("\0".join(own))
        writer.stdin.close()
    seen = 0
    while any(writer.poll() is None for writer in writers):
        found = len(list(store.notes()))  # a line that is being written is never seen
        assert found >= seen
        seen = found
    assert [writer.returncode for writer in writers] == [0] * 6
    kept = list(store.notes())
    assert len(kept) == 300
    for own in notes:
        assert [note for note in kept if note in own] == own


@pytest.mark.parametrize("cut", [1, 2, 30, 200])
def test_a_line_that_was_cut_off_is_reported(
    store: FileStore, path: Path, sign: Sign, cut: int
) -> None:
    """And stays as it is, while the next lines are appended below it."""
    store.append(sign(1))
    store.append(sign(2))
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    first, last = store.entries()
    assert first.problem is None
    assert last.where == f"{path}, line 2"
    assert last.problem == "the last line is cut off: a crash, or a full disk, while it was written"
    assert last.note == (sign(2) if cut == 1 else None)
    with pytest.raises(DamagedAnchor, match="line 2: the last line is cut off"):
        list(store.notes("ledger.example/acme"))

    store.append(sign(3))
    assert path.read_bytes().startswith(whole[:-cut] + b"\n")
    first, torn, last = store.entries("ledger.example/acme")
    assert (first.note, last.note) == (sign(1), sign(3))
    if cut == 1:  # nothing but the newline was missing
        assert (torn.note, torn.problem) == (sign(2), None)
    else:
        assert torn.problem == "the line is damaged: it is no record of a checkpoint"


def test_a_full_disk(store: FileStore, path: Path, sign: Sign) -> None:
    """The write stops short: an error at once, and the line is reported as above."""
    store.append(sign(1))
    size = path.stat().st_size
    program = (
        "import resource, signal, sys\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({size + 20}, {resource.RLIM_INFINITY}))\n"
        + APPEND
    )
    done = subprocess.run(
        [sys.executable, "-c", program, f"file:{path}"],
        input=sign(2),
        text=True,
        capture_output=True,
    )
    assert "AnchorError" in done.stderr
    assert "cannot be appended to: File too large" in done.stderr
    assert path.stat().st_size == size + 20
    assert [entry.problem is None for entry in store.entries()] == [True, False]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("", "is damaged"),
        ("{}", "is damaged"),
        ("[]", "is damaged"),
        ("null", "is damaged"),
        ("\xff", "is damaged"),
        ("[" * 100_000, "is damaged"),
        ('{"note": 7, "recorded_at": "2026-01-01"}', "is damaged"),
        ('{"note": "x", "recorded_at": "yesterday"}', "is damaged"),
        ('{"note": "x", "recorded_at": "2026-01-01"}', "the line holds no checkpoint: a note ends"),
    ],
)
def test_other_lines_are_reported(
    store: FileStore, path: Path, sign: Sign, line: str, problem: str
) -> None:
    path.write_bytes(line.encode("latin-1") + b"\n")
    store.append(sign(1))
    damaged, last = store.entries("ledger.example/acme")
    assert problem in str(damaged.problem)
    assert last.note == sign(1)


@pytest.mark.parametrize(
    ("name", "value"), [("origin", "ledger.example/b"), ("tree_size", 2), ("root", "AAAA")]
)
def test_a_line_that_contradicts_its_note_is_reported(
    store: FileStore, path: Path, sign: Sign, name: str, value: object
) -> None:
    store.append(sign(1))
    path.write_text(json.dumps({**json.loads(path.read_text()), name: value}) + "\n")
    (entry,) = store.entries()
    assert str(entry.problem).startswith(f"the line says {name} {value!r}, but its note")
    assert entry.note == sign(1)


def test_a_folder_that_is_not_there(tmp_path: Path, sign: Sign) -> None:
    with pytest.raises(AnchorError, match="cannot be appended to: No such file or directory"):
        FileStore(tmp_path / "folder" / "file").append(sign(1))
    with pytest.raises(AnchorError, match="cannot be read: Is a directory"):
        list(FileStore(tmp_path).notes())


def test_urls(tmp_path: Path, sign: Sign, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    open_store("file:a.jsonl").append(sign(1))
    for url in (f"file:{tmp_path}/a.jsonl", f"file://{tmp_path}/a.jsonl", "file:~/a.jsonl"):
        assert list(open_store(url).notes()) == [sign(1)]
