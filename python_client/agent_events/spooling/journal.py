"""The journal on disk of one emitter, or of several in one process."""

from __future__ import annotations

import logging
import os
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import Lock
from weakref import WeakSet

from agent_events import errors
from agent_events._records import LOGGER
from agent_events.emitting.journal import Store
from agent_events.models import EventArguments
from agent_events.spooling import damaged, refused
from agent_events.spooling.folders import bytes_in, make_folder
from agent_events.spooling.names import damaged_path, segment_name, segments_in, time_of
from agent_events.spooling.records import Portion, event_line, header
from agent_events.spooling.segment import Segment

MAX_BYTES = 256 * 1024 * 1024
"""How much a spool holds where nobody says."""

_BATCH = 100  # events
_MAX_SEGMENT = 8 * 1024 * 1024  # bytes
_SHARE = 8  # of max_bytes: a segment has at most this part, so that room comes back in parts

_journals: WeakSet[DiskJournal] = WeakSet()


@dataclass(eq=False)
class Entry:
    """Lines that a thread waits for, and how they fared."""

    data: bytes
    is_done: bool = False
    error: Exception | None = None


class DiskJournal:
    """Events that wait in files in `folder`, which is theirs; see `agent_events.spooling`.

    It takes at most `max_bytes` in all its files, those of other processes included. It belongs to
    any number of threads, begins anew in a process that is forked, and holds its files until
    `close`, or the end of the process.

    `append` raises `errors.SpoolFull`, and OSError when the disk is full or broken: then nothing of
    these events is kept, and all others are.
    """

    def __init__(
        self, folder: Path, *, max_bytes: int = MAX_BYTES, logger: logging.Logger = LOGGER
    ) -> None:
        if max_bytes < 1:
            raise errors.InvalidArgument(
                f"max_spool_bytes is {max_bytes}", hint="How many bytes may wait on the disk."
            )
        make_folder(folder)
        self.folder = folder
        self._max_bytes = max_bytes
        self._logger = logger
        self._begin()
        _journals.add(self)

    def _begin(self) -> None:
        self._queue: deque[Entry] = deque()
        self._writing = Lock()
        self._draining = Lock()
        self._held: list[Segment] = []
        self._last: Segment | None = None
        self._last_time: datetime | None = None
        self._is_open = self._is_closed = False

    def forget_parent(self) -> None:
        """Begin anew: a process that was forked leaves its parent's files to the parent."""
        for segment in self._held:
            segment.close()
        self._begin()

    def append(self, events: Sequence[EventArguments], /) -> None:
        """Put events at the end; they are on disk when this returns, or it raises.

        Those of several threads go there together.
        """
        entry = Entry(b"".join(event_line(event) for event in events))
        self._queue.append(entry)
        with self._writing:
            if not entry.is_done:
                self._write_queue(entry)
        if entry.error:
            raise entry.error

    def is_empty(self) -> bool:
        """Whether nothing waits that this process is to deliver; at first it looks what does."""
        if not self._is_open:
            with self._writing:
                self._open()
        return not self._held

    def drain(self, store: Store, /) -> int:
        """Hand everything to `store`, also what ended processes have left since the last time."""
        with self._draining:
            with self._writing:
                self._open()
                self._adopt()
            count = 0
            while self._held:
                count += self._deliver(self._held[0], store)
            return count

    def set_aside(self, event: EventArguments, reason: str, /) -> None:
        """Keep an event that the ledger refuses in `events.refused`."""
        refused.keep(self.folder, event, reason)

    def requeue_refused(self) -> int:
        """Put the events that were refused at the end, to be tried again; return how many."""
        with refused.taken(self.folder) as (events, unreadable):
            self.append([each.event for each in events])
            if unreadable:
                name, _ = segment_name(None)
                damaged.keep(damaged_path(self.folder / name, 0), b"".join(unreadable))
        return len(events)

    def close(self) -> None:
        """Leave what waits to others; nothing can be appended afterwards."""
        with self._draining, self._writing:
            self._is_open = self._is_closed = True
            for segment in self._held:
                segment.close()
            self._held = []
            self._last = None

    def _open(self) -> None:
        if not self._is_open:
            self._adopt()
            self._is_open = True

    def _adopt(self) -> None:
        """Hold what ended processes have left, in the order of time."""
        if self._is_closed:
            return
        known = {segment.path for segment in self._held}
        adopted = []
        for path in segments_in(self.folder):
            if path not in known and (segment := self._adopted(path)):
                adopted.append(segment)
        if adopted:
            self._held = sorted([*self._held, *adopted], key=lambda segment: segment.path)
            times = [time_of(segment.path) for segment in self._held]
            self._last_time = max((time for time in times if time), default=None)

    def _adopted(self, path: Path) -> Segment | None:
        try:
            segment = Segment.adopt(path, self._logger)
        except OSError as error:
            self._logger.error("%s cannot be read: %s", path, error.strerror)
            return None
        if segment and segment.is_done():
            segment.remove()
            return None
        return segment

    def _write_queue(self, own: Entry) -> None:
        entries = []
        while self._queue:
            entries.append(self._queue.popleft())
        try:
            self._write(entries)
        except BaseException:  # this thread is interrupted: the others write theirs themselves
            rest = [entry for entry in entries if not entry.is_done and entry is not own]
            self._queue.extendleft(reversed(rest))
            raise

    def _write(self, entries: Sequence[Entry]) -> None:
        data = b"".join(entry.data for entry in entries)
        try:
            self._put(data)
        except (OSError, errors.SpoolFull, errors.InvalidArgument) as error:
            if len(entries) > 1:
                for entry in entries:
                    self._write([entry])
                return
            entries[0].error = error
        for entry in entries:
            entry.is_done = True

    def _put(self, data: bytes) -> None:
        if self._is_closed:
            raise errors.InvalidArgument("the spool is closed")
        if not data:
            return
        self._open()
        self._require_room(len(data))
        last, self._last = self._last, None  # it is the last no more, should this fail
        if last and not last.is_there():
            self._logger.error(
                "%s was deleted: it is delivered unless this process ends", last.path
            )
            last = None
        if last is None or last.end + len(data) > min(_MAX_SEGMENT, self._max_bytes // _SHARE):
            self._last = self._begin_segment(data)
        else:
            last.append(data)
            self._last = last

    def _require_room(self, size: int) -> None:
        in_use = bytes_in(self.folder)
        if in_use + size + len(header()) > self._max_bytes:
            raise errors.SpoolFull(str(self.folder), size, in_use, self._max_bytes)

    def _begin_segment(self, data: bytes) -> Segment:
        """Make a segment with its first events, and hold it."""
        segment = self._new_segment()
        try:
            segment.append(data)
        except BaseException:
            segment.remove()
            raise
        self._held = [*self._held, segment]
        return segment

    def _new_segment(self) -> Segment:
        while True:
            name, self._last_time = segment_name(self._last_time)
            if segment := Segment.create(self.folder / name):
                return segment

    def _deliver(self, segment: Segment, store: Store) -> int:
        portion = segment.read(_BATCH)
        if portion.damaged:
            self._set_damaged_aside(segment, portion)
        if portion.events:
            store(portion.events)
        segment.deliver(portion.end)
        with self._writing:
            if segment.is_done():
                self._remove(segment)
        return len(portion.events)

    def _remove(self, segment: Segment) -> None:
        self._held = [each for each in self._held if each is not segment]
        if segment is self._last:
            self._last = None
        segment.remove()

    def _set_damaged_aside(self, segment: Segment, portion: Portion) -> None:
        path = damaged_path(segment.path, segment.delivered)
        count = damaged.keep(path, portion.damaged)
        self._logger.error("damaged in the spool, and set aside: %d lines, in %s", count, path)


def _forget_parent() -> None:
    for journal in list(_journals):
        journal.forget_parent()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_parent)
