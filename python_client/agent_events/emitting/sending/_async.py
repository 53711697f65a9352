"""Sending over asyncio. `_sync.py` is generated from this file."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Sequence
from typing import Any, cast

from agent_events._records import log_spooled
from agent_events.emitting._tasks import append, drain
from agent_events.emitting.batch import Batch, batches_of
from agent_events.emitting.failures import Failures, reason_of
from agent_events.emitting.journal import Journal
from agent_events.emitting.keys import masked
from agent_events.emitting.passing import is_passing
from agent_events.emitting.storing._async import AsyncStore
from agent_events.models import EventArguments, Receipt, Spooled


class AsyncSender:
    """Stores events, or appends them to the journal, if there is one and the database is not."""

    def __init__(
        self,
        store: AsyncStore,
        journal: Journal | None,
        failures: Failures,
        logger: logging.Logger,
    ) -> None:
        self._store = store
        self._journal = journal
        self._failures = failures
        self._logger = logger

    async def send(self, event: EventArguments) -> Receipt | Spooled:
        """Send one event, which is keyed where there is a journal."""
        if self._journal is None:
            return await self._store.store(event)
        if self._journal.is_empty():
            try:
                return await self._store.store(event)
            except Exception as error:  # noqa: BLE001 - raised if it does not pass
                self._require_passing(error)
        await append(self._journal, [masked(event)])
        log_spooled(self._logger, [event])
        return Spooled(cast(str, event["idempotency_key"]), cast(Any, event["occurred_at"]))

    async def send_all(self, batches: deque[Batch]) -> None:
        """Send batches from the left; what is done leaves the queue."""
        if self._journal is None:
            await self._store.store_all(batches, self._failures.report)
            return
        if self._journal.is_empty():
            try:
                await self._store.store_all(batches, self._failures.report)
            except Exception as error:  # noqa: BLE001 - raised if it does not pass
                self._require_passing(error)
        await self.spool(batches)

    async def spool(self, batches: deque[Batch]) -> None:
        """Append batches to the journal."""
        events = [event for batch in batches for event in batch.events]
        if events and self._journal is not None:
            await append(self._journal, [masked(event) for event in events])
            log_spooled(self._logger, events)
            batches.clear()

    def has_spooled(self) -> bool:
        """Whether anything waits in the journal."""
        return self._journal is not None and not self._journal.is_empty()

    async def replay(self) -> None:
        """Store what waits in the journal; raises what keeps it from that."""
        if self._journal is not None and self.has_spooled():
            await drain(self._journal, self._store_spooled)

    async def _store_spooled(self, events: Sequence[EventArguments]) -> None:
        await self._store.store_all(batches_of(events), self._failures.report)

    def _require_passing(self, error: Exception) -> None:
        if not is_passing(error):
            raise error
        self._logger.warning(
            "the database is unavailable, events are spooled: %s", reason_of(error)
        )
