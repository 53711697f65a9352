"""A file of the spool, which one process holds."""

from __future__ import annotations

import fcntl
import logging
import os
from contextlib import suppress
from pathlib import Path
from typing import Self

from agent_events.models import EventArguments
from agent_events.spooling.records import (
    VERSION,
    Portion,
    header,
    parse_event,
    parse_header,
    parse_line,
)
from agent_events.spooling.syncing import last_line_end, sync_folder, write

_BLOCK = 4096


class Segment:
    """Events in their order; nobody else writes or delivers them while this process holds it.

    They begin at `delivered`, once those before are stored, and end at `end`; both in bytes.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self.delivered = self.end = 0
        self._descriptor = descriptor
        self._has_header = True

    @classmethod
    def create(cls, path: Path) -> Self | None:
        """Make a new one; None where the name is taken."""
        try:
            segment = cls(path, os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        except FileExistsError:
            return None
        try:
            if not segment._lock():  # who looks for those of ended processes was quicker
                segment.close()
                return None
            segment.append(header())
            sync_folder(path.parent)
        except BaseException:
            segment.remove()
            raise
        segment.delivered = segment.end
        return segment

    @classmethod
    def adopt(cls, path: Path, logger: logging.Logger) -> Self | None:
        """Take one over; None where a process holds it, it is gone, or of a version to come."""
        try:
            segment = cls(path, os.open(path, os.O_RDWR))
        except FileNotFoundError:
            return None
        try:
            if segment._lock() and segment.is_there() and segment._examine(logger):
                return segment
        except BaseException:
            segment.close()
            raise
        segment.close()
        return None

    def append(self, data: bytes) -> None:
        """Add to the end: on the disk when this returns. If it raises, nothing was added.

        After an OSError write to another one: what the disk has of this one is not known.
        """
        try:
            write(self._descriptor, data, self.end)
        except BaseException as error:
            with suppress(OSError):
                os.ftruncate(self._descriptor, self.end)
            if isinstance(error, OSError):
                error.filename = str(self.path)
            raise
        self.end += len(data)

    def read(self, limit: int) -> Portion:
        """Read on: up to so many events, or the damaged lines that come before any."""
        events: list[EventArguments] = []
        position = self.delivered
        damaged = b""
        with open(self._descriptor, "rb", closefd=False) as file:  # also if it is deleted
            file.seek(position)
            while position < self.end and len(events) < limit:
                line = file.readline(self.end - position)
                if not line:  # somebody has made it shorter
                    return Portion(events, damaged, self.end)
                event = parse_event(line)
                if (event is None and events) or (event is not None and damaged):
                    break
                if event is None:
                    damaged += line
                else:
                    events.append(event)
                position += len(line)
        return Portion(events, damaged, position)

    def deliver(self, end: int) -> None:
        """Note that all before `end` need not be delivered again."""
        self.delivered = end
        if self._has_header:
            with suppress(OSError):  # delivered twice, it is stored once
                os.pwrite(self._descriptor, header(end), 0)

    def is_done(self) -> bool:
        """Whether all is delivered."""
        return self.delivered >= self.end

    def is_there(self) -> bool:
        """Whether nobody has deleted it: what is added would end with this process."""
        return os.fstat(self._descriptor).st_nlink > 0

    def remove(self) -> None:
        """Delete it: gone for those who look for files before it can be held by them."""
        self.path.unlink(missing_ok=True)
        self.close()

    def close(self) -> None:
        """Leave it to others; in a process that was forked, to the parent."""
        os.close(self._descriptor)

    def _lock(self) -> bool:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _examine(self, logger: logging.Logger) -> bool:
        """Find out what is in it, and cut off a line that was never written to its end."""
        first = parse_header(os.pread(self._descriptor, _BLOCK, 0))
        if first and first.version != VERSION:
            logger.error("%s is of version %s: a newer release reads it", self.path, first.version)
            return False
        self.end = os.fstat(self._descriptor).st_size
        self._cut_torn(logger)
        self._has_header = first is not None
        if first:
            self.delivered = first.length
            if self._begins_line(first.delivered):
                self.delivered = max(first.length, first.delivered)
        return True

    def _begins_line(self, offset: int) -> bool:
        return 0 < offset <= self.end and os.pread(self._descriptor, 1, offset - 1) == b"\n"

    def _cut_torn(self, logger: logging.Logger) -> None:
        start = last_line_end(self._descriptor, self.end)
        torn = os.pread(self._descriptor, self.end - start, start)
        if not torn:
            return
        if parse_line(torn) is not None:  # all but the end of the line
            return
        logger.warning("%s: cut off a last line that nobody was told is kept", self.path)
        os.ftruncate(self._descriptor, start)
        self.end = start
