"""The calls of the database, each text once: rows become messages without a detour.

Nothing is prepared, so a connection may go through PgBouncer; and the time zone and the format of
times are set by statements that PgBouncer keeps apart for its clients.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import Any, NamedTuple

import psycopg
from psycopg import AsyncConnection, AsyncCursor
from psycopg.types.string import TextLoader

from agent_events import errors
from agent_events.dsn import lasting
from agent_events.relay.message import Message
from agent_events.relay.window import Progress

SETTINGS = "set time zone 'UTC'; set datestyle to iso"
CLAIM = """
    select relay, tenant_id, token, after_position, through_position, retries
    from ledger.claim_outbox(%s, %s, %s, %s, %s)
"""
READ = f"""
    select {", ".join("headers::json" if name == "headers" else name for name in Message._fields)}
    from ledger.read_outbox(row(%s, %s, %s, %s, %s, %s::bigint[])::ledger.outbox_claim)
"""
CONFIRM = """
    select ledger.confirm_outbox(
      %(relay)s, %(token)s, %(through_position)s, %(retried)s::bigint[], %(release)s, %(tenant_id)s
    )
"""
FAIL = """
    select attempts, is_dead, extract(epoch from next_attempt_at - clock_timestamp())::float8
    from ledger.fail_outbox(%s, %s, %s, %s, %s, %s, %s)
"""
LEDGER_NAME = (
    "select coalesce(nullif(current_setting('ledger.name', true), ''), current_database())"
)
LAG = """
    select count(*), coalesce(sum(lag_messages), 0)::bigint,
      coalesce(max(lag_seconds), 0)::float8, coalesce(sum(parked), 0)::bigint,
      coalesce(sum(dead), 0)::bigint
    from ledger.relay_status
    where relay = %s and (%s::text is null or tenant_id = %s)
"""


class Claim(NamedTuple):
    """What `ledger.claim_outbox` hands out: a range of positions, and parked messages to retry."""

    relay: str
    tenant_id: str
    token: int
    after_position: int
    through_position: int
    retries: list[int]


class Fate(NamedTuple):
    """What became of a message that was refused; `next_attempt_in` in seconds, None when dead."""

    attempts: int
    is_dead: bool
    next_attempt_in: float | None


class Lag(NamedTuple):
    """How far behind a relay is, over all its tenants; `seconds` of the one furthest behind."""

    tenants: int
    messages: int
    seconds: float
    parked: int
    dead: int


class Outbox:
    """A relay's side of the outbox, over one connection in autocommit.

    What the ledger refuses is raised as `errors.LedgerError`; other errors are psycopg's.
    """

    def __init__(self, connection: AsyncConnection[Any], relay: str) -> None:
        self.relay = relay
        self._connection = connection
        self._messages: AsyncCursor[Message] = connection.cursor(row_factory=_message_rows)

    @classmethod
    async def connect(cls, dsn: str, relay: str) -> Outbox:
        """Connect, for as long as the server is there."""
        connection = await AsyncConnection.connect(
            lasting(dsn, application_name=f"agent-events relay {relay}"),
            autocommit=True,
            prepare_threshold=None,
        )
        for name in ("uuid", "jsonb", "timestamptz"):
            connection.adapters.register_loader(name, TextLoader)
        outbox = cls(connection, relay)
        try:
            await connection.execute(SETTINGS)
        except BaseException:
            await outbox.close()
            raise
        return outbox

    async def close(self) -> None:
        """Disconnect."""
        await self._connection.close()

    @property
    def database(self) -> str:
        """Its name."""
        return self._connection.info.dbname

    async def claim(
        self, batch_size: int, lease: timedelta, tenant_id: str | None, token: int | None
    ) -> Claim | None:
        """Return the next messages' positions, under a new lease, or going on with a token."""
        row = await self._row(CLAIM, (self.relay, batch_size, lease, tenant_id, token))
        return Claim(*row) if row else None

    async def read(self, claim: Claim) -> list[Message]:
        """Return the messages of a claim, retries first, then in order."""
        with _translated():
            await self._messages.execute(READ, claim)
            return await self._messages.fetchall()

    async def confirm(
        self, tenant_id: str, token: int, progress: Progress, *, release: bool
    ) -> None:
        """Confirm, and renew the lease or give it back."""
        await self._row(
            CONFIRM,
            {
                "relay": self.relay,
                "token": token,
                "through_position": progress.through_position,
                "retried": progress.retried,
                "release": release,
                "tenant_id": tenant_id,
            },
        )

    async def fail(
        self,
        tenant_id: str,
        token: int,
        position: int,
        error: str,
        *,
        retry_after: timedelta | None,
        is_permanent: bool,
    ) -> Fate:
        """Say that a message was refused."""
        arguments = (self.relay, token, position, error, retry_after, is_permanent, tenant_id)
        return Fate(*(await self._row(FAIL, arguments) or (0, False, None)))

    async def ledger_name(self) -> str:
        """Return the name of the ledger, as checkpoints have it."""
        name: str = (await self._row(LEDGER_NAME, ()) or ("",))[0]
        return name

    async def lag(self, tenant_id: str | None) -> Lag:
        """Return how far behind the relay is, for a tenant or for all."""
        return Lag(*(await self._row(LAG, (self.relay, tenant_id, tenant_id)) or (0,) * 5))

    async def _row(
        self, query: str, arguments: Sequence[Any] | dict[str, Any]
    ) -> tuple[Any, ...] | None:
        with _translated():
            cursor = await self._connection.execute(query, arguments)
            row: tuple[Any, ...] | None = await cursor.fetchone()
            return row


def _message_rows(_: Any) -> Any:
    """Make a row the Message that it is: in C, and nothing in between."""
    return partial(tuple.__new__, Message)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except psycopg.Error as error:
        if refused := errors.translated(error):
            raise refused from error
        raise
