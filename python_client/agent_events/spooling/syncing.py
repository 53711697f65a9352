"""Having the disk keep what was written, and finding how far that came."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path

_BLOCK = 65536


def sync(descriptor: int) -> None:
    """Wait until the disk has it; on macOS fsync alone would not."""
    if full_sync := getattr(fcntl, "F_FULLFSYNC", None):
        with suppress(OSError):  # not every file system has it
            fcntl.fcntl(descriptor, full_sync)
            return
    os.fsync(descriptor)


def sync_folder(folder: Path) -> None:
    """Wait until the disk has the names in a folder."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        sync(descriptor)
    finally:
        os.close(descriptor)


def write(descriptor: int, data: bytes, offset: int) -> None:
    """Write all of it, and wait until the disk has it; raises OSError, with a part written."""
    rest = memoryview(data)
    while rest:
        written = os.pwrite(descriptor, rest, offset)
        rest, offset = rest[written:], offset + written
    sync(descriptor)


def last_line_end(descriptor: int, end: int) -> int:
    """Return where the last line that is written to its end does end; 0 where there is none."""
    while end > 0:
        start = max(0, end - _BLOCK)
        found = os.pread(descriptor, end - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0
