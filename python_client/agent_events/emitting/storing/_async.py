"""Storing over asyncio. `_sync.py` is generated from this file."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence

import psycopg

from agent_events._async import AsyncLedger
from agent_events._queries import TRANSACTION_ID, TRANSACTION_STATUS
from agent_events._records import log_receipts
from agent_events.emitting.batch import Batch
from agent_events.emitting.connections._async import AsyncSource
from agent_events.emitting.options import Observer
from agent_events.emitting.passing import is_passing
from agent_events.errors import FailedEvent
from agent_events.models import EventArguments, Receipt


class AsyncStore:
    """Commits events, and tells the logger and the observers."""

    def __init__(self, source: AsyncSource, logger: logging.Logger) -> None:
        self.observers: list[Observer] = []
        self.source = source
        self._logger = logger

    async def store(self, event: EventArguments) -> Receipt:
        """Commit one event."""
        async with self.source.connection() as connection:
            receipt = await AsyncLedger(connection)._append(event)
        self._tell([event], [receipt])
        return receipt

    async def store_all(self, batches: deque[Batch], report: Callable[[FailedEvent], None]) -> None:
        """Commit batches from the left; what is done leaves the queue.

        A batch that is refused is halved until it is known which events are at fault; these are
        reported. What `is_passing` is raised, and the batch stays: the next call finds out what
        became of it.
        """
        while batches:
            batch = batches[0]
            try:
                await self._commit(batch)
            except Exception as error:
                if is_passing(error):
                    raise
                if len(batch.events) == 1:
                    report(FailedEvent(batch.events[0], error))
                    batches.popleft()
                else:
                    batches.popleft()
                    batches.extendleft(reversed(batch.halves()))
            else:
                batches.popleft()
                self._tell(batch.events, batch.receipts)

    async def _commit(self, batch: Batch) -> None:
        if batch.transaction_id and await self._is_committed(batch.transaction_id):
            return
        batch.transaction_id = None
        async with self.source.connection() as connection, connection.transaction():
            ledger = AsyncLedger(connection)
            batch.receipts = await ledger._append_all(batch.untenanted(), batch.tenant_id)
            cursor = await connection.execute(TRANSACTION_ID)
            [batch.transaction_id] = await cursor.fetchone()

    async def _is_committed(self, transaction_id: str) -> bool:
        try:
            async with self.source.connection() as connection:
                cursor = await connection.execute(TRANSACTION_STATUS, [transaction_id])
                [status] = await cursor.fetchone()
        except psycopg.errors.InvalidParameterValue:  # another server, which never saw it
            return False
        if status == "in progress":
            raise psycopg.OperationalError("the server has not noticed yet that a client is gone")
        return bool(status == "committed")

    def _tell(self, events: Sequence[EventArguments], receipts: Sequence[Receipt]) -> None:
        """Tell the logger and the observers of what is committed: nothing of theirs can undo it."""
        log_receipts(self._logger, "stored", events, receipts)
        for observer in self.observers:
            for event, receipt in zip(events, receipts, strict=True):
                try:
                    observer(event, receipt)
                except Exception:
                    self._logger.exception("an observer failed; event %s is stored", receipt.id)
