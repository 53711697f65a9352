"""How pages ask the database: as the login role, read only, and not for long."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from time import monotonic, perf_counter
from typing import Any, Literal, LiteralString, TypeVar

from psycopg import AsyncConnection
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.errors import InsufficientPrivilege, QueryCanceled
from psycopg.rows import dict_row
from psycopg.types.json import set_json_loads
from psycopg_pool import AsyncConnectionPool
from starlette.exceptions import HTTPException
from starlette.requests import Request

from agent_events import AsyncLedger
from agent_events.dsn import lasting
from agent_events.errors import TenantNotPermitted
from agent_events.explorer.settings import Settings

MOST_TENANTS = 200
"""Tenants that the switch lists; any other is reached by its name in the URL."""

LONGEST_WAIT = 5.0
"""Seconds to wait for a connection."""

Lane = Literal["search", "replay", "doctor"]
LANES: dict[Lane, int] = {"search": 4, "replay": 4, "doctor": 2}
"""How many pages at a time may look for what no index finds, read much at once, ask the doctor."""

ALWAYS_LEFT = 4
"""Connections for all other pages, which are quick."""

LONGEST_TURN = 2.0
"""Seconds to wait for a place in a lane."""

_FRESH = 10.0
"""Seconds for which the list of tenants is kept."""

_LONGEST_INT = 4000  # digits, a little less than int() takes

_TENANTS = f"""
    select t
    from unnest(ledger.permitted_tenants('read')) as t
    where t <> '*'
    union
    select tenant_id from ledger.tenants
    order by 1
    limit {MOST_TENANTS + 1}
"""

Row = dict[str, Any]
T = TypeVar("T")


class TooBusy(Exception):
    """As many pages as may be slow at a time are being made, and none got ready meanwhile."""


@dataclass(frozen=True)
class Reader:
    """A transaction of one request, about one tenant.

    ledger     the client over it; give each call `tenant_id=reader.tenant_id`
    timeout    how long each statement may take
    """

    connection: AsyncConnection[Any]
    ledger: AsyncLedger
    tenant_id: str
    timeout: timedelta

    @asynccontextmanager
    async def within(self, timeout: timedelta) -> AsyncIterator[None]:
        """Allow less time for the questions of a block.

        Raises:
            psycopg.errors.QueryCanceled: it was too short; the transaction can go on.
        """
        async with self.connection.transaction():
            await _limit(self.connection, timeout)
            yield
        await _limit(self.connection, self.timeout)

    async def rows(self, query: LiteralString, **parameters: Any) -> list[Row]:
        """Return the rows of a query, by name; `%(tenant_id)s` in it is the tenant."""
        async with self.connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(query, {"tenant_id": self.tenant_id, **parameters})
            return await cursor.fetchall()

    async def row(self, query: LiteralString, **parameters: Any) -> Row | None:
        """Return the first row of a query, None where there is none."""
        found = await self.rows(query, **parameters)
        return found[0] if found else None

    async def unless_refused(
        self, question: Callable[[], Awaitable[T]]
    ) -> T | Literal["refused", "too slow"]:
        """Ask what this role may not be told, or what may take too long, and go on then."""
        try:
            async with self.connection.transaction():
                return await question()
        except (InsufficientPrivilege, TenantNotPermitted):
            return "refused"
        except QueryCanceled:
            return "too slow"


class Database:
    """The connections of the explorer, opened when they are needed."""

    def __init__(self, settings: Settings) -> None:
        self._timeout = settings.statement_timeout
        self._tenants: list[str] = []
        self._tenants_until = float("-inf")
        self._lanes = {lane: asyncio.Semaphore(places) for lane, places in LANES.items()}
        self._pool = AsyncConnectionPool(
            lasting(settings.dsn, application_name="agent-events explore", connect_timeout="5"),
            kwargs={"options": _options(settings, "on")},
            configure=_configure,
            check=AsyncConnectionPool.check_connection,
            min_size=0,
            max_size=sum(LANES.values()) + ALWAYS_LEFT,
            timeout=LONGEST_WAIT,
            reconnect_timeout=LONGEST_WAIT,
            open=False,
        )

    async def open(self) -> None:
        """Begin; the database need not answer yet."""
        await self._pool.open()

    async def close(self) -> None:
        """Close all connections."""
        await self._pool.close()

    @asynccontextmanager
    async def transaction(
        self, request: Request, timeout: timedelta | None = None, *, read_only: bool = True
    ) -> AsyncIterator[Reader]:
        """Begin a transaction for a request, about the tenant in its URL."""
        started = perf_counter()
        try:
            async with self._pool.connection() as connection:
                await connection.set_read_only(read_only)
                allowed = timeout or self._timeout
                await _limit(connection, allowed)
                request.state.tenants = await self._granted(connection)
                reader = Reader(connection, AsyncLedger(connection), tenant_of(request), allowed)
                yield reader
        finally:
            request.state.database_seconds += perf_counter() - started

    @asynccontextmanager
    async def turn(self, lane: Lane) -> AsyncIterator[None]:
        """Wait for a place among the pages of a kind that may be slow.

        Raises:
            TooBusy: none became free.
        """
        places = self._lanes[lane]
        try:
            async with asyncio.timeout(LONGEST_TURN):
                await places.acquire()
        except TimeoutError:
            raise TooBusy from None
        try:
            yield
        finally:
            places.release()

    async def _granted(self, connection: AsyncConnection[Any]) -> list[str]:
        if monotonic() >= self._tenants_until:
            cursor = await connection.execute(_TENANTS)
            self._tenants = [tenant for (tenant,) in await cursor.fetchall()]
            self._tenants_until = monotonic() + _FRESH
        return self._tenants


@asynccontextmanager
async def reading(
    request: Request, timeout: timedelta | None = None, *, lane: Lane | None = None
) -> AsyncIterator[Reader]:
    """Read for a request; `timeout` is how long each statement may take, unless the usual.

    What may be slow waits in its `lane`, so that the pages that are quick find a connection.

    Raises:
        TooBusy: it would wait there for long.
    """
    database: Database = request.app.state.database
    async with (
        database.turn(lane) if lane else nullcontext(),
        database.transaction(request, timeout) as reader,
    ):
        yield reader


@asynccontextmanager
async def writing(
    request: Request, timeout: timedelta | None = None, *, lane: Lane | None = None
) -> AsyncIterator[Reader]:
    """Write for a request: where its role may, and `security.form` says that the user wants it.

    Raises:
        TooBusy: as `reading`.
    """
    database: Database = request.app.state.database
    async with (
        database.turn(lane) if lane else nullcontext(),
        database.transaction(request, timeout, read_only=False) as writer,
    ):
        yield writer


def tenant_of(request: Request) -> str:
    """Return the tenant that the URL names, else 'default' where it is granted, else the first."""
    named = request.query_params.get("tenant")
    if named:
        if "\0" in named:
            raise HTTPException(400, "That is no tenant.")
        return named
    granted: list[str] = getattr(request.state, "tenants", [])
    return granted[0] if granted and "default" not in granted else "default"


def loads(text: str | bytes) -> Any:
    """Read JSON as it is: numbers to their last digit; what is nested too deep stays text."""
    try:
        return json.loads(text, parse_float=Decimal, parse_int=_int)
    except RecursionError:
        return text if isinstance(text, str) else text.decode()


def _int(digits: str) -> int | Decimal:
    return int(digits) if len(digits) < _LONGEST_INT else Decimal(digits)


async def _configure(connection: AsyncConnection[Any]) -> None:
    set_json_loads(loads, connection)


async def _limit(connection: AsyncConnection[Any], timeout: timedelta) -> None:
    milliseconds = str(round(timeout.total_seconds() * 1000))
    await connection.execute(
        "select set_config('statement_timeout', %s, true)", [milliseconds], prepare=True
    )


def standalone_dsn(settings: Settings, *, read_only: bool) -> str:
    """Return a connection string for what needs a connection of its own, as the same role."""
    options = _options(settings, "on" if read_only else "off")
    return make_conninfo(lasting(settings.dsn), options=options)


def _options(settings: Settings, read_only: Literal["on", "off"]) -> str:
    """Add to the options of the connection string: nothing is written unless a page says so."""
    given = conninfo_to_dict(settings.dsn).get("options") or ""
    ours = f"{given} -c default_transaction_read_only={read_only} -c timezone=UTC"
    if settings.role is not None:
        escaped = settings.role.replace("\\", "\\\\").replace(" ", "\\ ")
        ours += f" -c role={escaped}"
    return ours.strip()
