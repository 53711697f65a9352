"""Sending. Generated from `_async.py` by scripts/unasync."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from time import monotonic
from typing import Any, cast

from agent_events._records import log_spooled
from agent_events.emitting._threads import Condition, append, drain, set_aside, wait
from agent_events.emitting.batch import Batch, batches_of
from agent_events.emitting.failures import Failures, reason_of
from agent_events.emitting.journal import Journal
from agent_events.emitting.keys import masked
from agent_events.emitting.passing import is_passing
from agent_events.emitting.storing._sync import Store
from agent_events.errors import FailedEvent
from agent_events.models import EventArguments, Receipt, Spooled

_PATIENCE = 1.0  # seconds
_NO_JSON = (TypeError, ValueError, RecursionError)


class _Over(Exception):
    """Ends a drain between two batches."""


class Sender:
    """Stores events, or appends them to the journal, if there is one and the database is not."""

    def __init__(
        self,
        store: Store,
        journal: Journal | None,
        failures: Failures,
        logger: logging.Logger,
    ) -> None:
        self._store = store
        self._journal = journal
        self._failures = failures
        self._logger = logger
        self.forget()

    def forget(self) -> None:
        """Begin anew, in a process that was forked."""
        self._changed = Condition()
        self._allowance: int | None = None

    def send(self, event: EventArguments) -> Receipt | Spooled:
        """Send one event, which is keyed where there is a journal."""
        if self._journal is None:
            return self._store.store(event)
        if not self._journal.is_empty():
            self._make_way()
        if self._journal.is_empty():
            try:
                return self._store.store(event)
            except Exception as error:  # noqa: BLE001 - raised if it does not pass
                self._require_passing(error)
        self._append([event])
        return Spooled(cast(str, event["idempotency_key"]), cast(Any, event["occurred_at"]))

    def send_all(self, batches: deque[Batch]) -> None:
        """Send batches from the left; what is done leaves the queue."""
        if self._journal is None:
            self._store.store_all(batches, self._report)
            return
        if self._journal.is_empty():
            try:
                self._store.store_all(batches, self._report)
            except Exception as error:  # noqa: BLE001 - raised if it does not pass
                self._require_passing(error)
        self.spool(batches)

    def spool(self, batches: deque[Batch]) -> None:
        """Append batches to the journal; what is done leaves the queue."""
        events = [event for batch in batches for event in batch.events]
        try:
            self._append(events)
        except _NO_JSON:
            self._spool_each(batches)
        else:
            batches.clear()

    def _spool_each(self, batches: deque[Batch]) -> None:
        """Append event by event: one that has no JSON form is reported, and keeps no others."""
        while batches:
            events = batches[0].events
            while events:
                try:
                    self._append(events[:1])
                except _NO_JSON as error:
                    self._failures.give_up(FailedEvent(events[0], error))
                del events[0]
            batches.popleft()

    def _append(self, events: Sequence[EventArguments]) -> None:
        if events and self._journal is not None:
            append(self._journal, [masked(event) for event in events])
            log_spooled(self._logger, events)

    @property
    def has_journal(self) -> bool:
        """Whether events can be spooled."""
        return self._journal is not None

    def has_spooled(self) -> bool:
        """Whether anything waits in the journal."""
        return self._journal is not None and not self._journal.is_empty()

    def replay(self, is_over: Callable[[], bool]) -> None:
        """Store what waits in the journal, until `is_over`; raises what keeps it from that."""

        def store(events: Sequence[EventArguments]) -> None:
            if is_over():
                raise _Over
            self._store.store_all(batches_of(events), self._report)
            self._allow(len(events) // 2)

        if self._journal is not None:
            try:
                with suppress(_Over):
                    drain(self._journal, store)
            finally:
                self._allow(None)

    def _allow(self, count: int | None) -> None:
        with self._changed:
            self._allowance = count
            self._changed.notify_all()

    def _make_way(self) -> None:
        """While the journal is emptied let half as many in as go out, so that it does get empty.

        Whoever waits does so for a batch that is being stored, and not for long.
        """
        deadline = monotonic() + _PATIENCE
        with self._changed:
            while self._allowance == 0 and (seconds := deadline - monotonic()) > 0:
                wait(self._changed, seconds)
            if self._allowance:
                self._allowance -= 1

    def _report(self, failed: FailedEvent) -> None:
        """Have the journal keep what is refused, if it has a JSON form, and say so."""
        if self._journal is not None:
            try:
                set_aside(self._journal, masked(failed.event), reason_of(failed.error))
            except _NO_JSON:
                self._failures.give_up(failed)
                return
        self._failures.report(failed)

    def _require_passing(self, error: Exception) -> None:
        if not is_passing(error):
            raise error
        self._logger.warning(
            "the database is unavailable, events are spooled: %s", reason_of(error)
        )
