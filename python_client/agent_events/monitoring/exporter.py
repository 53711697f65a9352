"""Asks the database for metrics, and passes them on over HTTP or in a file."""

from __future__ import annotations

import asyncio
import os
from contextlib import AbstractAsyncContextManager
from http import HTTPStatus
from pathlib import Path
from time import monotonic, time
from typing import Any

import psycopg
from psycopg import AsyncConnection

from agent_events import AsyncLedger, _http
from agent_events._log import Log, reason_of
from agent_events.dsn import lasting
from agent_events.errors import LedgerError
from agent_events.models import Sample
from agent_events.monitoring.families import text

FRESH = 2.0
"""Seconds; who asks again sooner gets the same answer."""

DOCTOR_EVERY = 60.0
"""Seconds between two calls of doctor(), which costs more than all else."""

LONGEST_ANSWER = 8.0
"""Seconds that the database may take: less than Prometheus waits by default."""

DOWN = text([Sample("up", {}, 0)])


class Exporter:
    """Keeps one connection, opened when it is needed, and asks one question at a time."""

    def __init__(self, dsn: str, log: Log, max_tenants: int) -> None:
        self._dsn = lasting(dsn, connect_timeout="5")
        self._log = log
        self._max_tenants = max_tenants
        self._connection: AsyncConnection[Any] | None = None
        self._lock = asyncio.Lock()
        self._answer = b""
        self._answered_at = float("-inf")
        self._findings: list[Sample] = []
        self._examined_at = float("-inf")
        self._is_failing = False
        self._given_up: set[asyncio.Task[list[Sample]]] = set()

    async def read(self) -> bytes:
        """Return everything in Prometheus' text format.

        Raises:
            psycopg.Error, LedgerError: the database does not answer, or refuses.
        """
        async with self._lock:
            if monotonic() - self._answered_at >= FRESH:
                self._answer = await self._ask()
                self._answered_at = monotonic()
            return self._answer

    async def read_or_log(self) -> bytes | None:
        """Return the same, or None; the log is told when that begins and when it ends."""
        try:
            answer = await self.read()
        except (psycopg.Error, LedgerError) as error:
            if not self._is_failing:
                self._log("failed", **reason_of(error))
            self._is_failing = True
            return None
        if self._is_failing:
            self._log("recovered")
        self._is_failing = False
        return answer

    async def close(self) -> None:
        """Close the connection, if there is one."""
        if self._connection is not None:
            await self._connection.close()
            self._connection = None

    async def _ask(self) -> bytes:
        started = monotonic()
        asking = asyncio.create_task(self._fetch())
        try:
            await asyncio.wait([asking], timeout=LONGEST_ANSWER)
        finally:
            if not asking.done():
                self._give_up(asking)
        if asking in self._given_up:
            message = f"the database took longer than {LONGEST_ANSWER:g} s"
            raise psycopg.OperationalError(message)
        samples = asking.result()
        took = Sample("scrape_duration_seconds", {}, monotonic() - started)
        return text([Sample("up", {}, 1), took, *samples, *self._findings])

    def _give_up(self, asking: asyncio.Task[list[Sample]]) -> None:
        """Wait no more; the connection is closed behind us, after psycopg tried to cancel."""
        self._connection = None
        self._given_up.add(asking)
        asking.add_done_callback(self._forget)
        asking.cancel()

    def _forget(self, asking: asyncio.Task[list[Sample]]) -> None:
        self._given_up.discard(asking)
        if not asking.cancelled():
            asking.exception()  # else asyncio would tell of it

    async def _fetch(self) -> list[Sample]:
        connection = self._connection
        try:
            if connection is None:
                connection = await AsyncConnection.connect(self._dsn, autocommit=True)
                self._connection = connection
            return await self._samples(AsyncLedger(connection))
        except BaseException:
            if connection is not None:
                await connection.close()
                if self._connection is connection:
                    self._connection = None
            raise

    async def _samples(self, ledger: AsyncLedger) -> list[Sample]:
        """Return all but the findings of doctor(), which are kept for a minute."""
        is_due = monotonic() - self._examined_at >= DOCTOR_EVERY
        samples = await ledger.metrics(max_tenants=self._max_tenants, with_findings=is_due)
        if is_due:
            self._examined_at = monotonic()
            examined = Sample("doctor_last_run_timestamp_seconds", {}, time())
            self._findings = [s for s in samples if s.name == "doctor_findings"] + [examined]
        return [sample for sample in samples if sample.name != "doctor_findings"]


def serve(exporter: Exporter, host: str, port: int) -> AbstractAsyncContextManager[int]:
    """Answer GET /metrics while the block runs: 503 when the database does not.

    Yields the port, which is chosen where 0 was given.

    Raises:
        OSError: the address is taken, or is none.
    """

    async def content(path: str) -> _http.Answer:
        if path != "/metrics":
            return HTTPStatus.NOT_FOUND, _http.TEXT, b"/metrics\n"
        answer = await exporter.read_or_log()
        if answer is None:
            return HTTPStatus.SERVICE_UNAVAILABLE, _http.TEXT, b"no answer from the database\n"
        return HTTPStatus.OK, _http.METRICS, answer

    return _http.serve(content, host, port)


def write(path: Path, content: bytes) -> None:
    """Replace a file at once, so that nobody reads half of it."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        partial.write_bytes(content)
        partial.chmod(0o644)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
