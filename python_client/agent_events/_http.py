"""A small HTTP server for probes and Prometheus: one short request per connection, GET only."""

from __future__ import annotations

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus

HOST = "127.0.0.1"
TIMEOUT = 5.0  # seconds, for a request to arrive, and for its answer to be taken
LONGEST_REQUEST = 8192  # bytes

TEXT = "text/plain; charset=utf-8"
METRICS = "text/plain; version=0.0.4; charset=utf-8"

Answer = tuple[HTTPStatus, str, bytes]
Content = Callable[[str], Awaitable[Answer]]
"""Takes a path; returns status, content type and body."""


@asynccontextmanager
async def serve(content: Content, host: str, port: int) -> AsyncIterator[int]:
    """Answer while the block runs; yields the port, which is chosen where 0 was given.

    Raises:
        OSError: the address is taken, or is none.
    """

    async def answer(reader: StreamReader, writer: StreamWriter) -> None:
        await _answer(content, reader, writer)

    server = await asyncio.start_server(answer, host, port, limit=LONGEST_REQUEST)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def _answer(content: Content, reader: StreamReader, writer: StreamWriter) -> None:
    with suppress(OSError, ValueError, EOFError, asyncio.LimitOverrunError):
        async with asyncio.timeout(TIMEOUT):
            request = await reader.readuntil(b"\r\n\r\n")
        method, path, _ = request.split(b"\r\n", 1)[0].decode("ascii").split(" ")
        if method in ("GET", "HEAD"):
            status, content_type, body = await content(path.partition("?")[0])
        else:
            status, content_type, body = HTTPStatus.METHOD_NOT_ALLOWED, TEXT, b"only GET\n"
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: {content_type}\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        async with asyncio.timeout(TIMEOUT):
            writer.write(head.encode() + (b"" if method == "HEAD" else body))
            await writer.drain()
    writer.close()
