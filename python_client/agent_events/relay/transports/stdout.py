"""Lines of JSON: on standard output, or appended to a file.

A line is an event as CloudEvents has it in JSON; with the envelope binary it is an object with
topic, key, content_type, headers and data.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import stat
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import ClassVar

from agent_events.relay.envelope import EVENT_TYPE, Mode, Outgoing
from agent_events.relay.failures import Unavailable
from agent_events.relay.transport import Settled, Transport

_TAIL = 65536  # bytes read at once to find where the last whole line ends


class StdoutTransport(Transport):
    """`stdout:`, or `file:PATH`, which is made when it is not there.

    A file is written through to the disk (fsync) before a message counts as delivered. What a crash
    cut off in the middle of a line is cut off entirely: it was not acknowledged, and comes again.
    Several processes may append to one file.
    """

    header_prefix: ClassVar[str] = "ce-"
    default_envelope: ClassVar[Mode] = "structured"
    keeps_order: ClassVar[bool] = True

    def __init__(self, url: str) -> None:
        super().__init__(url)
        scheme, _, path = url.partition(":")
        if scheme == "stdout":
            if path.strip("/"):
                raise ValueError(f"{url} is no destination: nothing follows stdout:")
            self._path = None
        elif path.startswith("//") and not path.startswith("///"):
            raise ValueError(f"{url} is no destination: it names another machine")
        elif not path:
            raise ValueError("file: is no destination: a path is missing")
        else:
            self._path = Path(path.removeprefix("//")).expanduser()
        self._file: int | None = None
        self._is_regular = False

    async def open(self) -> None:
        """Open the file. See `Transport.open`."""
        await _apart(self._open)

    async def send(self, batch: Sequence[Outgoing], settled: Settled) -> None:
        """Write, and have it written through. See `Transport.send`."""
        lines = b"".join(map(_line, batch))
        failure: Unavailable | None = None
        try:
            await _apart(lambda: self._write(lines))
        except (OSError, ValueError) as error:
            failure = Unavailable(f"{self.destination}: {error}")
        settled(batch, failure)

    async def close(self) -> None:
        """Close the file. See `Transport.close`."""
        if self._file is not None and self._path is not None:
            os.close(self._file)
        self._file = None

    def _open(self) -> None:
        if self._path is None:
            self._file = sys.stdout.fileno()
            return
        try:
            self._file = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o640)
        except OSError as error:
            raise Unavailable(f"{self.destination}: {error.strerror}") from error
        self._is_regular = stat.S_ISREG(os.fstat(self._file).st_mode)
        if self._is_regular:
            fcntl.flock(self._file, fcntl.LOCK_EX)
            try:
                os.ftruncate(self._file, _end_of_lines(self._file))
                _sync_folder(self._path.parent)
            finally:
                fcntl.flock(self._file, fcntl.LOCK_UN)

    def _write(self, lines: bytes) -> None:
        if self._file is None:
            raise ValueError("it is not open")
        if not self._is_regular:
            _write_all(self._file, lines)
            return
        fcntl.flock(self._file, fcntl.LOCK_EX)
        try:
            end = os.fstat(self._file).st_size
            try:
                _write_all(self._file, lines)
                os.fsync(self._file)
            except OSError:
                os.ftruncate(self._file, end)
                raise
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)


async def _apart(work: Callable[[], None]) -> None:
    """Do it in a thread that, unlike asyncio's, does not keep the process from ending."""
    loop = asyncio.get_running_loop()
    done = loop.create_future()

    def settle(error: Exception | None) -> None:
        if done.done():
            return
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)

    def run() -> None:
        error: Exception | None = None
        try:
            work()
        except Exception as caught:  # noqa: BLE001 - raised again where it is awaited
            error = caught
        with suppress(RuntimeError):  # nobody waits any more
            loop.call_soon_threadsafe(settle, error)

    Thread(target=run, daemon=True).start()
    await done


def _line(outgoing: Outgoing) -> bytes:
    if outgoing.content_type == EVENT_TYPE:
        return outgoing.body + b"\n"
    described = json.dumps(
        {
            "topic": outgoing.topic,
            "key": outgoing.key,
            "content_type": outgoing.content_type,
            "headers": outgoing.headers,
        },
        ensure_ascii=False,
    )
    return described[:-1].encode() + b', "data": ' + outgoing.body + b"}\n"


def _write_all(file: int, lines: bytes) -> None:
    rest = memoryview(lines)
    while rest:
        rest = rest[os.write(file, rest) :]


def _end_of_lines(file: int) -> int:
    """Return the size of a file up to its last newline, 0 if there is none."""
    end = os.fstat(file).st_size
    while end:
        start = max(0, end - _TAIL)
        if (newline := os.pread(file, end - start, start).rfind(b"\n")) >= 0:
            return start + newline + 1
        end = start
    return 0


def _sync_folder(folder: Path) -> None:
    """Make sure that a file that was just made is found after a crash."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
