"""Recording. Generated from `_async.py` by scripts/unasync."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Protocol

from psycopg.pq import TransactionStatus

from agent_events.models import EventArguments, Receipt, Spooled
from agent_events.running.starting import run_of

if TYPE_CHECKING:
    from agent_events._sync import Ledger
    from agent_events.context import Context
    from agent_events.emitting._sync import AuditEmitter

Settings = dict[str, str | None]


class Recorder(Protocol):
    """Takes a block's events, and is told when it is entered and left."""

    @property
    def logger(self) -> logging.Logger:
        """Where it is said that an event could not be recorded."""

    def start(self, event: EventArguments) -> Receipt | Spooled:
        """Record the first event of a run, and the run."""

    def record(self, event: EventArguments) -> Receipt | Spooled:
        """Record an event; what it leaves out comes from the context."""

    def enter(self, context: Context) -> Settings:
        """Be in this context; return what `leave` needs."""

    def leave(self, before: Settings) -> None:
        """Be in the context before."""


class EmitterRecorder:
    """Every event is committed, or spooled, by itself."""

    def __init__(self, emitter: AuditEmitter[Any]) -> None:
        self._emitter = emitter
        self.logger = emitter._logger

    def start(self, event: EventArguments) -> Receipt | Spooled:
        return self.record(event)  # the run comes with it, see Store

    def record(self, event: EventArguments) -> Receipt | Spooled:
        return self._emitter.emit(**_spread(event))  # type: ignore[no-any-return]

    def enter(self, context: Context) -> Settings:
        return {}

    def leave(self, before: Settings) -> None:
        pass


class LedgerRecorder:
    """Every event belongs to the transaction, which knows the context too.

    So what SQL of that transaction emits, such as triggers, belongs to the run.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.logger = ledger._logger

    def start(self, event: EventArguments) -> Receipt | Spooled:
        self._ledger.add_run(**run_of(event))
        return self.record(event)

    def record(self, event: EventArguments) -> Receipt | Spooled:
        return self._ledger.emit_event(**_spread(event))

    def enter(self, context: Context) -> Settings:
        if self._status() != TransactionStatus.INTRANS:
            return {}
        known = {name: str(value) for name, value in asdict(context).items() if value is not None}
        return self._ledger._swap_settings({"context": "on", **known})

    def leave(self, before: Settings) -> None:
        if before and self._status() == TransactionStatus.INTRANS:
            self._ledger._swap_settings({n: value or "" for n, value in before.items()})

    def _status(self) -> TransactionStatus:
        return self._ledger._connection.info.transaction_status


def _spread(event: Mapping[str, Any]) -> Any:
    return event
