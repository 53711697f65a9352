"""Pages of lines over several connections at a time, given out in their order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from queue import Full, Queue
from threading import Event
from typing import Any
from uuid import UUID

import psycopg

from agent_events.exporting.pages import Pages

Piece = tuple[bytes, int]
"""Some lines, and how many."""

_BYTES = 1 << 20
_AHEAD = 8  # pieces that a page may be ahead of being written: memory does not grow with events
_PATIENCE = 0.1  # seconds, between looks at whether all is off


@contextmanager
def pieces(
    pages: Pages, page_size: int, connections: int, line: Callable[[bytes], bytes]
) -> Iterator[Iterator[Piece]]:
    """Give all lines of an export, in order.

    Args:
        pages: of the export.
        page_size: events of a page, which one connection reads.
        connections: how many, which read at the same time.
        line: what becomes of a line.
    """
    with ExitStack() as stack:
        free: Queue[psycopg.Connection[Any]] = Queue()
        opened = [stack.enter_context(pages.another()) for _ in range(connections)]
        for each in opened:
            free.put(each)
        off = Event()
        threads = stack.enter_context(ThreadPoolExecutor(max_workers=connections))

        def read(after_id: UUID | None, into: Queue[Piece | None]) -> None:
            connection = free.get()
            try:
                for piece in _joined(map(line, pages.lines(connection, after_id, page_size))):
                    _put(into, piece, off)
            finally:
                free.put(connection)
                _put(into, None, off)

        try:
            yield _in_order(pages, page_size, connections, threads, read)
        except BaseException:
            off.set()
            for each in opened:
                each.cancel()
            raise


def _in_order(
    pages: Pages,
    page_size: int,
    connections: int,
    threads: ThreadPoolExecutor,
    read: Callable[[UUID | None, Queue[Piece | None]], None],
) -> Iterator[Piece]:
    """Have the next pages read while the first of them is given out."""
    under_way: deque[tuple[Future[None], Queue[Piece | None]]] = deque()
    after_id: UUID | None = None
    is_last = False
    while under_way or not is_last:
        while not is_last and len(under_way) <= connections:
            into: Queue[Piece | None] = Queue(_AHEAD)
            under_way.append((threads.submit(read, after_id, into), into))
            after_id = pages.end(after_id, page_size)
            is_last = after_id is None
        done, into = under_way.popleft()
        while (piece := into.get()) is not None:
            yield piece
        done.result()


def _joined(lines: Iterator[bytes]) -> Iterator[Piece]:
    piece, count = bytearray(), 0
    for line in lines:
        piece += line
        count += 1
        if len(piece) >= _BYTES:
            yield bytes(piece), count
            piece, count = bytearray(), 0
    if count:
        yield bytes(piece), count


def _put(into: Queue[Piece | None], piece: Piece | None, off: Event) -> None:
    """Wait for room, unless nobody reads any more."""
    while not off.is_set():
        try:
            into.put(piece, timeout=_PATIENCE)
        except Full:
            continue
        return
