"""What the files of a spool are called: by time, so that their names are in the order of time."""

from __future__ import annotations

import os
import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path

SEGMENT = ".spool"
DAMAGED = ".damaged"
REFUSED = "events.refused"
_TIME = "%Y%m%dT%H%M%S.%fZ"


def segment_name(after: datetime | None) -> tuple[str, datetime]:
    """Return a new name, and the time in it: now, but later than `after`."""
    now = datetime.now(UTC)
    if after is not None and now <= after:
        now = after + timedelta(microseconds=1)
    return f"{now.strftime(_TIME)}-{os.getpid()}-{secrets.token_hex(2)}{SEGMENT}", now


def time_of(path: Path) -> datetime | None:
    """Return when a file was begun; None where its name does not say."""
    try:
        return datetime.strptime(path.name.partition("-")[0], _TIME).replace(tzinfo=UTC)
    except ValueError:
        return None


def process_of(path: Path) -> int | None:
    """Return the process that began a file; None where its name does not say."""
    _, _, rest = path.name.partition("-")
    number = rest.partition("-")[0]
    return int(number) if number.isdecimal() else None


def damaged_path(segment: Path, offset: int) -> Path:
    """Return where the damaged lines go that begin there."""
    return segment.with_name(f"{segment.stem}-{offset}{DAMAGED}")


def segments_in(folder: Path) -> list[Path]:
    """Return the files with events that wait, the oldest first."""
    return sorted(folder.glob(f"*{SEGMENT}"))


def damaged_in(folder: Path) -> list[Path]:
    """Return the files with what could not be read."""
    return sorted(folder.glob(f"*{DAMAGED}"))
