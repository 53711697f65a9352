"""Checkpoints in a file of JSON lines, that is only ever appended to."""

from __future__ import annotations

import fcntl
import json
import os
from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agent_events.anchors.layout import sync_folder
from agent_events.anchors.store import AnchorError, AnchorStore, Entry
from agent_events.proofs.note import Checkpoint, MalformedNote, read_checkpoint


class FileStore(AnchorStore):
    """A file with one line for each checkpoint: origin, tree_size, root, recorded_at and note.

    Any number of processes may append at once, and read meanwhile. A line that a crash or a full
    disk cut off stays as it is: the next line begins below it, and every reader reports it.

    Args:
        path: the file; the first append makes it, in a folder that exists.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)

    def append(self, note: str) -> str:
        """Append a line and bring it to disk; see `AnchorStore.append`."""
        line = _line(read_checkpoint(note), note)
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                offset = self._append(descriptor, line)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise AnchorError(f"{self.path} cannot be appended to: {error.strerror}") from error
        return f"{self.path}, byte {offset}"

    def _append(self, descriptor: int, line: bytes) -> int:
        size = os.fstat(descriptor).st_size
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            line = b"\n" + line
        while line:  # a write may stop short where the disk is full; the next one then says so
            line = line[os.write(descriptor, line) :]
        os.fsync(descriptor)
        if not size:
            sync_folder(self.path.absolute().parent)
        return size

    def entries(self, origin: str | None = None) -> Iterator[Entry]:
        """Read the lines; see `AnchorStore.entries`. A file that is not there has none."""
        try:
            file = self.path.open("rb")
        except FileNotFoundError:
            return
        except OSError as error:
            raise AnchorError(f"{self.path} cannot be read: {error.strerror}") from error
        with file:
            fcntl.flock(file, fcntl.LOCK_SH)  # nobody is in the middle of a line now
            left = os.fstat(file.fileno()).st_size
            fcntl.flock(file, fcntl.LOCK_UN)
            number = 0
            while left > 0 and (line := file.readline(left)):
                left -= len(line)
                number += 1
                entry, found = _read(f"{self.path}, line {number}", line)
                if entry.problem or origin in (None, found):
                    yield entry


def _line(checkpoint: Checkpoint, note: str) -> bytes:
    fields = {
        **_summary(checkpoint),
        "recorded_at": datetime.now(UTC).isoformat(),
        "note": note,
    }
    return json.dumps(fields, ensure_ascii=False).encode() + b"\n"


def _summary(checkpoint: Checkpoint) -> dict[str, Any]:
    root = b64encode(checkpoint.root).decode()
    return {"origin": checkpoint.origin, "tree_size": checkpoint.tree_size, "root": root}


def _read(where: str, line: bytes) -> tuple[Entry, str | None]:
    """Return what a line holds, and its origin."""
    try:
        fields = json.loads(line)
        note, recorded_at = fields["note"], datetime.fromisoformat(fields["recorded_at"])
        checkpoint = read_checkpoint(note)
        summary = _summary(checkpoint)
    except (ValueError, TypeError, KeyError, RecursionError):
        return Entry(where, None, problem=_damage(line)), None
    except MalformedNote as error:
        return Entry(where, note, recorded_at, f"the line holds no checkpoint: {error}"), None
    if not line.endswith(b"\n"):
        return Entry(where, note, recorded_at, _damage(line)), checkpoint.origin
    for name, value in summary.items():
        if fields.get(name) != value:
            problem = f"the line says {name} {fields.get(name)!r}, but its note {value!r}"
            return Entry(where, note, recorded_at, problem), checkpoint.origin
    return Entry(where, note, recorded_at), checkpoint.origin


def _damage(line: bytes) -> str:
    if line.endswith(b"\n"):
        return "the line is damaged: it is no record of a checkpoint"
    return "the last line is cut off: a crash, or a full disk, while it was written"
