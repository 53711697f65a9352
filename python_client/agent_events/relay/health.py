"""How a relay does, over HTTP: /healthz, /readyz and /metrics. For a probe and for Prometheus.

It answers on loopback unless told otherwise, reads one short request per connection, and shows no
message and no address.
"""

from __future__ import annotations

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus
from time import monotonic

from agent_events.relay.engine import Engine

HOST = "127.0.0.1"
TIMEOUT = 5.0  # seconds, for a request
LONGEST_REQUEST = 8192  # bytes
LAG_EVERY = 2.0  # seconds; scrapes that come sooner get the lag of the last

_TEXT = "text/plain; charset=utf-8"
_METRICS = "text/plain; version=0.0.4; charset=utf-8"


@asynccontextmanager
async def serve(engine: Engine, host: str, port: int) -> AsyncIterator[int]:
    """Answer while the block runs; yields the port, which is chosen where 0 was given.

    /healthz is 200 while the process works at all, /readyz while it is connected to the database
    and the destination, else 503.

    Raises:
        OSError: the address is taken, or is none.
    """
    health = _Health(engine)
    server = await asyncio.start_server(health.answer, host, port, limit=LONGEST_REQUEST)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


class _Health:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._asked_at = float("-inf")

    async def answer(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Answer one request, and close."""
        with suppress(OSError, ValueError, EOFError, asyncio.LimitOverrunError):
            async with asyncio.timeout(TIMEOUT):
                request = await reader.readuntil(b"\r\n\r\n")
                method, path, _ = request.split(b"\r\n", 1)[0].decode("ascii").split(" ")
                status, content_type, body = await self._content(method, path.partition("?")[0])
                head = (
                    f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: {content_type}\r\n"
                    f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
                )
                writer.write(head.encode() + (b"" if method == "HEAD" else body))
                await writer.drain()
        writer.close()

    async def _content(self, method: str, path: str) -> tuple[HTTPStatus, str, bytes]:
        if method not in ("GET", "HEAD"):
            return HTTPStatus.METHOD_NOT_ALLOWED, _TEXT, b"only GET\n"
        if path == "/healthz":
            return HTTPStatus.OK, _TEXT, b"ok\n"
        if path == "/readyz":
            if self._engine.is_ready:
                return HTTPStatus.OK, _TEXT, b"ready\n"
            return HTTPStatus.SERVICE_UNAVAILABLE, _TEXT, b"not connected\n"
        if path == "/metrics":
            await self._ask()
            return HTTPStatus.OK, _METRICS, self._engine.metrics.text()
        return HTTPStatus.NOT_FOUND, _TEXT, b"/healthz, /readyz, /metrics\n"

    async def _ask(self) -> None:
        metrics = self._engine.metrics
        metrics.is_ready = self._engine.is_ready
        if monotonic() - self._asked_at >= LAG_EVERY:
            self._asked_at = monotonic()
            metrics.lag = await self._engine.lag()
