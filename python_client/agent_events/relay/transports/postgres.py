"""Another ledger: the event is emitted there, with its own id, hash and place in its stream.

The idempotency key is the id of the event here, so that what is delivered twice is there once.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from json.encoder import encode_basestring as quoted
from typing import Any, ClassVar

import psycopg
from psycopg import AsyncConnection

from agent_events import errors
from agent_events.dsn import lasting
from agent_events.relay.envelope import Outgoing
from agent_events.relay.failures import Refused, Unavailable
from agent_events.relay.transport import Settled, Transport, shown

EMIT = "select count(*) from ledger.emit_events(events => %s::jsonb, tenant_id => %s)"
APPLICATION = "agent-events relay"

# Not the message's fault: no privilege, no schema or function, no time or room, a conflict.
_UNAVAILABLE = ("42501", "3F000", "42883", "40", "53", "55", "57", "58")


class PostgresTransport(Transport):
    """`postgresql://…` or `postgres://…`, as libpq takes it.

    Args:
        url: of the other ledger's database.
        tenant: which tenant there an event belongs to; {tenant_id} stands for the tenant here.
        publish: 'yes' or 'no', whether the other ledger publishes it in turn; default as the event
            type says there. Say no in one direction where two ledgers relay to each other.
    """

    header_prefix: ClassVar[str] = "ce-"
    keeps_order: ClassVar[bool] = True

    def __init__(self, url: str, tenant: str = "{tenant_id}", publish: str | None = None) -> None:
        super().__init__(url)
        if publish not in (None, "yes", "no"):
            raise ValueError("publish is yes or no")
        try:
            self._dsn = lasting(url, application_name=APPLICATION)
        except psycopg.ProgrammingError:
            raise ValueError(f"{shown(url)} is no address of a database") from None
        self._tenant = tenant
        self._publish = "" if publish is None else f',"publish":{json.dumps(publish == "yes")}'
        self._connection: AsyncConnection[Any] | None = None

    async def open(self) -> None:
        """Connect. See `Transport.open`."""
        try:
            self._connection = await AsyncConnection.connect(
                self._dsn, autocommit=True, prepare_threshold=None
            )
        except psycopg.OperationalError as error:
            raise Unavailable(_reason(error)) from error

    async def send(self, batch: Sequence[Outgoing], settled: Settled) -> None:
        """Emit, tenant by tenant. See `Transport.send`."""
        for tenant_id, outgoings in groupby(batch, lambda outgoing: outgoing.message.tenant_id):
            there = self._tenant.replace("{tenant_id}", tenant_id)
            await self._emit(there, list(outgoings), settled)

    async def close(self) -> None:
        """Disconnect. See `Transport.close`."""
        if self._connection is not None:
            await self._connection.close()
            self._connection = None

    async def _emit(self, tenant_id: str, batch: list[Outgoing], settled: Settled) -> None:
        failure = await self._try_to_emit(tenant_id, batch)
        if isinstance(failure, Refused) and len(batch) > 1:
            await self._emit_one_by_one(tenant_id, batch, settled)
            return
        settled(batch, failure)

    async def _emit_one_by_one(
        self, tenant_id: str, batch: Iterable[Outgoing], settled: Settled
    ) -> None:
        """One of them is refused: find out which, and keep what comes behind it from going out."""
        standing: dict[tuple[str, str], Refused] = {}
        lost: Unavailable | None = None
        for outgoing in batch:
            lane = outgoing.message.lane
            failure: Refused | Unavailable | None = lost
            if failure is None and lane is not None:
                failure = standing.get(lane)
            if failure is None:
                failure = await self._try_to_emit(tenant_id, [outgoing])
                if isinstance(failure, Unavailable):
                    lost = failure
                elif failure is not None and lane is not None:
                    standing[lane] = failure
            settled([outgoing], failure)

    async def _try_to_emit(
        self, tenant_id: str, batch: Sequence[Outgoing]
    ) -> Refused | Unavailable | None:
        if self._connection is None:
            return Unavailable("not connected")
        events = f"[{','.join(self._event(outgoing) for outgoing in batch)}]"
        try:
            await self._connection.execute(EMIT, (events, tenant_id))
        except psycopg.Error as error:
            state = error.sqlstate
            if state is None or self._connection.closed or state.startswith(_UNAVAILABLE):
                return Unavailable(_reason(error))
            return Refused(_reason(error))
        return None

    def _event(self, outgoing: Outgoing) -> str:
        """An element of emit_events(): the payload goes through as the text that it is."""
        message = outgoing.message
        optional = self._publish
        if message.aggregate_type is not None:
            optional += f',"aggregate_type":{quoted(message.aggregate_type)}'
            optional += f',"aggregate_id":{quoted(message.aggregate_id or "")}'
        if message.headers:
            optional += f',"headers":{json.dumps(message.headers)}'
        relayed_from = {
            "source": _source(outgoing.headers),
            "tenant_id": message.tenant_id,
            "id": message.id,
            "position": message.position,
        }
        return (
            f'{{"event_type":{quoted(message.event_type)},"payload":{message.payload},'
            f'"schema_version":{message.schema_version},"trace_id":"{message.trace_id}",'
            f'"correlation_id":"{message.correlation_id}","causation_id":"{message.id}",'
            f'"occurred_at":"{message.created_at}","idempotency_key":"{message.id}",'
            f'"metadata":{{"relayed_from":{json.dumps(relayed_from)}}}{optional}}}'
        )


def _source(headers: Mapping[str, str]) -> str | None:
    return headers.get("ce-source")


def _reason(error: psycopg.Error) -> str:
    """What happened and where, in a line."""
    if refused := errors.translated(error):
        text = f"{refused.sqlstate} {refused.message}"
        return f"{text} ({refused.detail})" if refused.detail else text
    return " ".join((error.diag.message_primary or str(error)).split())
