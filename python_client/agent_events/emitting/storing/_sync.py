"""Storing. Generated from `_async.py` by scripts/unasync."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from agent_events._sync import Ledger
from agent_events.emitting.connections._sync import Source
from agent_events.emitting.options import Observer
from agent_events.emitting.unavailable import is_unavailable
from agent_events.errors import FailedEvent
from agent_events.models import EventArguments, Receipt


class Store:
    """Commits events, and tells the observers."""

    def __init__(self, source: Source, logger: logging.Logger) -> None:
        self.observers: list[Observer] = []
        self._source = source
        self._logger = logger

    def store(self, event: EventArguments) -> Receipt:
        """Commit one event."""
        with self._source.connection() as connection:
            receipt = Ledger(connection)._append(event)
        self.tell([event], [receipt])
        return receipt

    def store_all(self, events: Sequence[EventArguments]) -> list[FailedEvent]:
        """Commit events, a batch per tenant; return those that are refused.

        Raises what `is_unavailable`. Then some may be stored, which a key makes harmless.
        """
        failed: list[FailedEvent] = []
        for batch in by_tenant(events):
            try:
                self._store_batch(batch)
            except Exception as error:
                if is_unavailable(error):
                    raise
                failed += self._store_each(batch)
        return failed

    def _store_batch(self, batch: Sequence[EventArguments]) -> None:
        with self._source.connection() as connection, connection.transaction():
            tenant_id = batch[0].get("tenant_id")
            receipts = Ledger(connection)._append_all(untenanted(batch), tenant_id)
        self.tell(batch, receipts)

    def _store_each(self, batch: Sequence[EventArguments]) -> list[FailedEvent]:
        failed = []
        for event in batch:
            try:
                self.store(event)
            except Exception as error:
                if is_unavailable(error):
                    raise
                failed.append(FailedEvent(event, error))
        return failed

    def tell(self, events: Sequence[EventArguments], receipts: Sequence[Receipt]) -> None:
        """Tell the observers of events that are committed: nothing of theirs can undo that."""
        for observer in self.observers:
            for event, receipt in zip(events, receipts, strict=True):
                try:
                    observer(event, receipt)
                except Exception:
                    self._logger.exception("an observer failed; event %s is stored", receipt.id)


def by_tenant(events: Sequence[EventArguments]) -> list[list[EventArguments]]:
    """Divide into batches; the events of each tenant keep their order."""
    batches: dict[str | None, list[EventArguments]] = {}
    for event in events:
        batches.setdefault(event.get("tenant_id"), []).append(event)
    return [*batches.values()]


def untenanted(batch: Sequence[EventArguments]) -> list[dict[str, object]]:
    """Leave out what a batch has once."""
    return [
        {name: value for name, value in event.items() if name != "tenant_id"} for event in batch
    ]
