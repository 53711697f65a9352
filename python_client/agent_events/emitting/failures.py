"""Events that could not be stored: told to the logger and to `on_error`, and kept to be raised."""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Lock

import psycopg

from agent_events.errors import EventsNotStored, FailedEvent, LedgerError

OnError = Callable[[FailedEvent], None]


class Failures:
    """What failed since it was last raised; at most `limit`, if any, of those kept elsewhere."""

    def __init__(self, logger: logging.Logger, on_error: OnError | None, limit: int | None) -> None:
        self._logger = logger
        self._on_error = on_error
        self._limit = limit
        self.forget()

    def forget(self) -> None:
        """Begin anew, in a process that was forked."""
        self._lock = Lock()
        self._kept: list[FailedEvent] = []

    def __len__(self) -> int:
        return len(self._kept)

    def report(self, failed: FailedEvent) -> None:
        """Say that an event was refused; the journal has it, if there is one. From any thread."""
        self._tell(failed)
        if self._limit is None or len(self._kept) < self._limit:
            self._keep(failed)

    def give_up(self, failed: FailedEvent) -> None:
        """Say that an event is neither stored nor spooled, and that nobody will try again."""
        self._tell(failed)
        self._keep(failed)

    def _keep(self, failed: FailedEvent) -> None:
        with self._lock:
            self._kept.append(failed)

    def _tell(self, failed: FailedEvent) -> None:
        reason = reason_of(failed.error)
        fields = {"event_type": failed.event.get("event_type"), "reason": reason}
        self._logger.error("event not stored: %s", reason, extra=fields)
        if self._on_error:
            try:
                self._on_error(failed)
            except Exception:
                self._logger.exception("on_error failed")

    def raise_kept(self, *more: FailedEvent) -> None:
        """Raise what has failed, once, and with it what the caller had given."""
        with self._lock:
            failed, self._kept = [*self._kept, *more], []
        if failed:
            raise EventsNotStored.of(failed)


def reason_of(error: Exception) -> str:
    """Say why, without the values that details and messages of other errors may quote."""
    if isinstance(error, LedgerError):
        return f"{error.sqlstate}: {error.message}"
    if isinstance(error, psycopg.Error) and error.sqlstate:
        return f"{error.sqlstate}: {type(error).__name__}"
    if isinstance(error, psycopg.OperationalError):  # about the connection
        return " ".join(str(error).split())
    if isinstance(error, OSError) and error.strerror:
        return f"{type(error).__name__}: {error.strerror}"
    return type(error).__name__
