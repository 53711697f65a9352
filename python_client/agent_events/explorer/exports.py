"""An export as the answer to a request, written by the code of `agent-events export`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, Full, Queue
from threading import BoundedSemaphore, Event
from typing import Any, BinaryIO, cast

from agent_events.exporting import export_events
from agent_events.models import EventFilter

MOST_AT_A_TIME = 3
_AHEAD = 4  # pieces of about a megabyte that an export may be ahead of whoever downloads it
_PATIENCE = 0.2  # seconds, between looks at whether it was given up

_room = BoundedSemaphore(MOST_AT_A_TIME)
_threads = ThreadPoolExecutor(2 * MOST_AT_A_TIME, "export")


class TooManyExports(Exception):
    """As many as may run at a time run already."""


class Download:
    """The bytes of an export, while it runs in a thread of its own. Iterate over it once.

    Memory holds a few pieces of it, however slow the reader is.
    """

    def __init__(self) -> None:
        self._pipe = _Pipe()
        self._first: bytes | None = None

    async def begin(
        self, dsn: str, format: str, tenant_id: str, filters: EventFilter, **options: Any
    ) -> None:
        """Start, and wait for the first bytes, so that what is refused is known before.

        Raises:
            TooManyExports: later, please.
            ExportRefused, LedgerError, psycopg.Error, ModuleNotFoundError: as `export_events`.
        """
        if not _room.acquire(blocking=False):
            raise TooManyExports

        def run() -> None:
            try:
                target = cast(BinaryIO, self._pipe)
                export_events(
                    dsn, target, format, tenant_id=tenant_id, connections=1, **options, **filters
                )
            finally:
                self._pipe.end()
                _room.release()

        self._run = asyncio.get_running_loop().run_in_executor(_threads, run)
        self._run.add_done_callback(_look_at)
        try:
            self._first = await self._next()
        except BaseException:
            self._pipe.give_up()
            raise

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Give the bytes; an export that fails ends in its error, so it never passes for whole."""
        try:
            piece = self._first
            while piece is not None:
                yield piece
                piece = await self._next()
        finally:
            self._pipe.give_up()

    async def _next(self) -> bytes | None:
        loop = asyncio.get_running_loop()
        piece = await loop.run_in_executor(_threads, self._pipe.read)
        if piece is None:
            await self._run
        return piece


class _Pipe:
    """A file to write to in one thread whose pieces are read in another."""

    def __init__(self) -> None:
        self._pieces: Queue[bytes | None] = Queue(_AHEAD)
        self._is_given_up = Event()

    def write(self, data: bytes) -> int:
        if data:
            self._put(data)
        return len(data)

    def flush(self) -> None:
        """Do nothing: whoever reads has it when it comes."""

    def end(self) -> None:
        try:
            self._put(None)
        except BrokenPipeError:
            return

    def read(self) -> bytes | None:
        """Return the next piece, None at the end."""
        while not self._is_given_up.is_set():
            try:
                return self._pieces.get(timeout=_PATIENCE)
            except Empty:
                continue
        return None

    def give_up(self) -> None:
        self._is_given_up.set()

    def _put(self, piece: bytes | None) -> None:
        while not self._is_given_up.is_set():
            try:
                self._pieces.put(piece, timeout=_PATIENCE)
            except Full:
                continue
            return
        raise BrokenPipeError("nobody reads any more")


def _look_at(run: asyncio.Future[None]) -> None:
    """Take note of how an export that was given up ended, which asyncio else complains about."""
    if not run.cancelled():
        run.exception()
