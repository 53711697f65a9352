"""Storing over asyncio. `_sync.py` is generated from this file."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, cast

import psycopg
from psycopg import AsyncConnection

from agent_events._async import AsyncLedger
from agent_events._queries import TRANSACTION, TRANSACTION_STATUS
from agent_events._records import log_receipts
from agent_events.emitting.batch import Batch
from agent_events.emitting.connections._async import AsyncSource
from agent_events.emitting.options import Observer
from agent_events.emitting.passing import is_passing
from agent_events.errors import FailedEvent, OutcomeUnknown
from agent_events.models import EventArguments, Receipt
from agent_events.running.starting import run_of, starts_run


class AsyncStore:
    """Commits events, and tells the logger and the observers."""

    def __init__(self, source: AsyncSource, logger: logging.Logger) -> None:
        self.observers: list[Observer] = []
        self.source = source
        self._logger = logger

    async def store(self, event: EventArguments) -> Receipt:
        """Commit one event."""
        async with self.source.connection() as connection:
            if starts_run(event):
                receipt = await start(connection, event)
            else:
                receipt = await AsyncLedger(connection)._append(event)
        self._tell([event], [receipt])
        return receipt

    async def store_all(
        self, batches: deque[Batch], report: Callable[[FailedEvent], Awaitable[None]]
    ) -> None:
        """Commit batches from the left; what is done leaves the queue.

        A batch that is refused is halved until it is known which events are at fault; these are
        reported. What `is_passing` is raised, and the batch stays: the next call finds out what
        became of it.
        """
        while batches:
            batch = batches[0]
            try:
                await self._commit(batch)
            except OutcomeUnknown as error:
                for event in batch.events:
                    await report(FailedEvent(event, error))
                batches.popleft()
            except Exception as error:
                if is_passing(error):
                    raise
                if len(batch.events) == 1:
                    await report(FailedEvent(batch.events[0], error))
                    batches.popleft()
                else:
                    batches.popleft()
                    batches.extendleft(reversed(batch.halves()))
            else:
                batches.popleft()
                self._tell(batch.events, batch.receipts)

    async def _commit(self, batch: Batch) -> None:
        if batch.transaction and not batch.is_keyed and await self._is_committed(batch):
            return
        batch.transaction = None
        async with self.source.connection() as connection, connection.transaction():
            for event in filter(starts_run, batch.events):
                await AsyncLedger(connection).add_run(**run_of(event))
            arguments = {"events": batch.elements(), "tenant_id": batch.tenant_id}
            rows = await AsyncLedger(connection)._rows("emit_events", arguments, TRANSACTION)
            batch.receipts = [Receipt(*row[:-2]) for row in rows]
            batch.transaction = rows[0][-2:]

    async def _is_committed(self, batch: Batch) -> bool:
        """Find out whether the attempt whose commit was not answered is committed."""
        try:
            async with self.source.connection() as connection:
                return await is_committed(connection, batch)
        except psycopg.errors.InvalidParameterValue:  # the server never had that transaction
            return False
        except Exception as error:
            if is_passing(error):
                raise
            raise OutcomeUnknown from error

    def _tell(self, events: Sequence[EventArguments], receipts: Sequence[Receipt]) -> None:
        """Tell the logger and the observers of what is committed: nothing of theirs can undo it."""
        log_receipts(self._logger, "stored", events, receipts)
        for observer in self.observers:
            for event, receipt in zip(events, receipts, strict=True):
                try:
                    observer(event, receipt)
                except Exception:
                    self._logger.exception("an observer failed; event %s is stored", receipt.id)


async def start(connection: AsyncConnection[Any], event: EventArguments) -> Receipt:
    """Append the first event of a run, and with it the run."""
    ledger = AsyncLedger(connection)
    async with connection.transaction():
        await ledger.add_run(**run_of(event))
        return await ledger._append(event)


async def is_committed(connection: AsyncConnection[Any], batch: Batch) -> bool:
    """Ask the server; raises what `is_passing` when it does not know yet."""
    transaction_id, instance = cast("tuple[str, str]", batch.transaction)
    ledger = AsyncLedger(connection)
    [(status, instance_now)] = await ledger._execute(TRANSACTION_STATUS, {"id": transaction_id})
    if status == "in progress":
        raise psycopg.OperationalError("the server has not noticed yet that a client is gone")
    if status == "committed" and instance != instance_now:  # that id may be another's now
        event_id = batch.receipts[0].id
        found = await ledger.get_event(event_id, tenant_id=batch.tenant_id)
        return found is not None
    return bool(status == "committed")
