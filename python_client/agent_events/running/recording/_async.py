"""Recording over asyncio. `_sync.py` is generated from this file."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Protocol

from psycopg.pq import TransactionStatus

from agent_events.models import EventArguments, Receipt, Spooled
from agent_events.running.starting import run_of

if TYPE_CHECKING:
    from agent_events._async import AsyncLedger
    from agent_events.context import Context
    from agent_events.emitting._async import AsyncAuditEmitter

Settings = dict[str, str | None]


class AsyncRecorder(Protocol):
    """Takes a block's events, and is told when it is entered and left."""

    @property
    def logger(self) -> logging.Logger:
        """Where it is said that an event could not be recorded."""

    async def start(self, event: EventArguments) -> Receipt | Spooled:
        """Record the first event of a run, and the run."""

    async def record(self, event: EventArguments) -> Receipt | Spooled:
        """Record an event; what it leaves out comes from the context."""

    async def enter(self, context: Context) -> Settings:
        """Be in this context; return what `leave` needs."""

    async def leave(self, before: Settings) -> None:
        """Be in the context before."""


class AsyncEmitterRecorder:
    """Every event is committed, or spooled, by itself."""

    def __init__(self, emitter: AsyncAuditEmitter[Any]) -> None:
        self._emitter = emitter
        self.logger = emitter._logger

    async def start(self, event: EventArguments) -> Receipt | Spooled:
        return await self.record(event)  # the run comes with it, see AsyncStore

    async def record(self, event: EventArguments) -> Receipt | Spooled:
        return await self._emitter.emit(**_spread(event))  # type: ignore[no-any-return]

    async def enter(self, context: Context) -> Settings:
        return {}

    async def leave(self, before: Settings) -> None:
        pass


class AsyncLedgerRecorder:
    """Every event belongs to the transaction, which knows the context too.

    So what SQL of that transaction emits, such as triggers, belongs to the run.
    """

    def __init__(self, ledger: AsyncLedger) -> None:
        self._ledger = ledger
        self.logger = ledger._logger

    async def start(self, event: EventArguments) -> Receipt | Spooled:
        await self._ledger.add_run(**run_of(event))
        return await self.record(event)

    async def record(self, event: EventArguments) -> Receipt | Spooled:
        return await self._ledger.emit_event(**_spread(event))

    async def enter(self, context: Context) -> Settings:
        if self._status() != TransactionStatus.INTRANS:
            return {}
        known = {name: str(value) for name, value in asdict(context).items() if value is not None}
        return await self._ledger._swap_settings({"context": "on", **known})

    async def leave(self, before: Settings) -> None:
        if before and self._status() == TransactionStatus.INTRANS:
            await self._ledger._swap_settings({n: value or "" for n, value in before.items()})

    def _status(self) -> TransactionStatus:
        return self._ledger._connection.info.transaction_status


def _spread(event: Mapping[str, Any]) -> Any:
    return event
