"""What waits in a spool, and what is set aside there; nothing is changed by looking."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from agent_events.spooling import refused
from agent_events.spooling.damaged import count_lines
from agent_events.spooling.folders import destination_of
from agent_events.spooling.names import REFUSED, damaged_in, segments_in, time_of
from agent_events.spooling.records import parse_event, parse_header

State = Literal["waiting", "held", "refused", "damaged"]


@dataclass(frozen=True)
class Listed:
    """The files of a folder in one state.

    destination  user, server and database that the events are for
    state        waiting: for who comes first; held: by a running process, which delivers them;
                 refused: by the ledger; damaged: could not be read
    events       how many, of damaged ones how many lines
    oldest       when the first of them happened, None where nothing says
    bytes        of `files` files
    """

    destination: str
    state: State
    events: int
    oldest: datetime | None
    bytes: int
    files: int


@dataclass(frozen=True)
class Content:
    """What a file has."""

    events: int
    oldest: datetime | None
    bytes: int


def folders_in(spool_dir: Path) -> list[Path]:
    """Return the folders that have files of a spool; a folder may itself be one."""
    inside = sorted(path for path in spool_dir.glob("*") if path.is_dir())
    return [folder for folder in (spool_dir, *inside) if list_folder(folder)]


def list_folder(folder: Path) -> list[Listed]:
    """Return what a folder has, by state."""
    segments = segments_in(folder)
    held = {path for path in segments if _is_held(path)}
    groups: tuple[tuple[State, Iterable[Path], Callable[[Path], Content]], ...] = (
        ("waiting", [path for path in segments if path not in held], _segment),
        ("held", held, _segment),
        ("refused", [folder / REFUSED], _refused),
        ("damaged", damaged_in(folder), _damaged),
    )
    return [
        _sum(destination_of(folder), state, contents)
        for state, paths, look in groups
        if (contents := _look(paths, look))
    ]


def _look(paths: Iterable[Path], look: Callable[[Path], Content]) -> list[Content]:
    contents = []
    for path in paths:
        with suppress(FileNotFoundError):  # delivered meanwhile
            contents.append(look(path))
    return contents


def _sum(destination: str, state: State, contents: list[Content]) -> Listed:
    times = [each.oldest.astimezone(UTC) for each in contents if each.oldest]
    return Listed(
        destination,
        state,
        events=sum(each.events for each in contents),
        oldest=min(times, default=None),
        bytes=sum(each.bytes for each in contents),
        files=len(contents),
    )


def _is_held(path: Path) -> bool:
    with suppress(FileNotFoundError):
        file = os.open(path, os.O_RDONLY)
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(file)
    return False


def _segment(path: Path) -> Content:
    data = path.read_bytes()
    first = parse_header(data)
    waiting = data[max(first.delivered, first.length) if first else 0 :]
    events = count_lines(waiting)
    event = parse_event(waiting[: waiting.find(b"\n") + 1])
    oldest = event.get("occurred_at") if event else None
    if events and not isinstance(oldest, datetime):
        oldest = time_of(path)
    return Content(events, oldest, len(data))


def _refused(path: Path) -> Content:
    size = path.stat().st_size
    kept, unreadable = refused.read(path.parent)
    oldest = min((each.refused_at for each in kept), default=None)
    return Content(len(kept) + len(unreadable), oldest, size)


def _damaged(path: Path) -> Content:
    data = path.read_bytes()
    return Content(count_lines(data), time_of(path), len(data))
