"""Events that the ledger refuses, kept apart with the reason: `events.refused`.

    {"format": "agent-events/refused/v1"}
    77e01c3d {"refused_at":"2026-03-14T09:15:02+00:00","reason":"LG003: …","event":{…}}

One file for all processes; who writes or takes it locks it for that long.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

from agent_events.models import EventArguments
from agent_events.spooling.names import REFUSED
from agent_events.spooling.records import as_event, given, line, parse_line
from agent_events.spooling.syncing import last_line_end, sync_folder, write

_HEADER = b'{"format": "agent-events/refused/v1"}\n'


@dataclass(frozen=True)
class Refused:
    """An event that the ledger refused, secrets masked, and why."""

    event: EventArguments
    reason: str
    refused_at: datetime


def keep(folder: Path, event: EventArguments, reason: str) -> None:
    """Keep an event; it is on disk when this returns."""
    document = {
        "refused_at": datetime.now(UTC),
        "reason": reason,
        "event": given(event),
    }
    with _locked(folder / REFUSED) as file:
        end = _cut_torn(file)
        data = line(document) if end else _HEADER + line(document)
        try:
            write(file, data, end)
        except BaseException:
            os.ftruncate(file, end)
            raise
        if not end:
            sync_folder(folder)


def read(folder: Path) -> tuple[list[Refused], list[bytes]]:
    """Return what is kept, and the lines that are damaged."""
    try:
        data = (folder / REFUSED).read_bytes()
    except FileNotFoundError:
        return [], []
    return _parse(data)


@contextmanager
def taken(folder: Path) -> Iterator[tuple[list[Refused], list[bytes]]]:
    """Hand out what is kept, as `read` does; it is deleted when the block ends without an error."""
    path = folder / REFUSED
    with _locked(path) as file:
        yield _parse(os.pread(file, os.fstat(file).st_size, 0))
        path.unlink()


def _parse(data: bytes) -> tuple[list[Refused], list[bytes]]:
    refused, damaged = [], []
    for each in BytesIO(data):
        document = parse_line(each)
        if document is not None:
            at = datetime.fromisoformat(document["refused_at"])
            refused.append(Refused(as_event(document["event"]), document["reason"], at))
        elif each != _HEADER and each.endswith(b"\n"):
            damaged.append(each)
    return refused, damaged


@contextmanager
def _locked(path: Path) -> Iterator[int]:
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            if os.fstat(file).st_nlink:  # else somebody has taken it meanwhile
                yield file
                return
        finally:
            os.close(file)


def _cut_torn(file: int) -> int:
    """Cut off what a killed process left of a line: that event still waits. Return the end."""
    end = os.fstat(file).st_size
    whole = last_line_end(file, end)
    if whole < end:
        os.ftruncate(file, whole)
    return whole
