"""How a relay does, over HTTP: /healthz, /readyz and /metrics. For a probe and for Prometheus.

It answers on loopback unless told otherwise, and shows no message and no address.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from http import HTTPStatus
from time import monotonic

from agent_events import _http
from agent_events.relay.engine import Engine

LAG_EVERY = 2.0  # seconds; scrapes that come sooner get the lag of the last


def serve(engine: Engine, host: str, port: int) -> AbstractAsyncContextManager[int]:
    """Answer while the block runs; yields the port, which is chosen where 0 was given.

    /healthz is 200 while the process works at all, /readyz while it is connected to the database
    and the destination, else 503.

    Raises:
        OSError: the address is taken, or is none.
    """
    return _http.serve(_Health(engine).content, host, port)


class _Health:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._asked_at = float("-inf")

    async def content(self, path: str) -> _http.Answer:
        """Return what is at this path."""
        if path == "/healthz":
            return HTTPStatus.OK, _http.TEXT, b"ok\n"
        if path == "/readyz":
            if self._engine.is_ready:
                return HTTPStatus.OK, _http.TEXT, b"ready\n"
            return HTTPStatus.SERVICE_UNAVAILABLE, _http.TEXT, b"not connected\n"
        if path == "/metrics":
            await self._ask()
            return HTTPStatus.OK, _http.METRICS, self._engine.metrics.text()
        return HTTPStatus.NOT_FOUND, _http.TEXT, b"/healthz, /readyz, /metrics\n"

    async def _ask(self) -> None:
        metrics = self._engine.metrics
        metrics.is_ready = self._engine.is_ready
        if monotonic() - self._asked_at >= LAG_EVERY:
            self._asked_at = monotonic()
            metrics.lag = await self._engine.lag()
