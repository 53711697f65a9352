"""Records of Python's logging as events log.recorded.

    logging.getLogger("shop").addHandler(LedgerHandler(emitter))

Each belongs to the run, the trace and the cause around the call that logged. Message and exception
are masked; arguments, extras and stack traces are not recorded.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

from agent_events import errors
from agent_events._failure import message_of, type_of
from agent_events._masking import mask_text
from agent_events.emitting import AuditEmitter

_STORING = ("agent_events", "psycopg")


class LedgerHandler(logging.Handler):
    """Buffers records of `level` and above in an emitter, and never waits for the database.

    What finds no room in the buffer, or cannot be made an event, is lost and counted: `lost`. The
    emitter's logger says so at the first, the tenth, the hundredth, … What the emitter cannot store
    goes its usual way (`on_error`, `flush`). Records of `agent_events`, of psycopg and of the
    emitter's own logger are left out, and those that are made while the emitter stores.

    Flushing the handler does nothing: the emitter stores what it has, at its end at the latest.
    """

    def __init__(
        self,
        emitter: AuditEmitter[Any],
        level: int | str = logging.WARNING,
        *,
        tenant_id: str | None = None,
    ) -> None:
        super().__init__(level)
        if not isinstance(emitter, AuditEmitter):
            raise errors.InvalidArgument(
                f"a {type(emitter).__name__} cannot take log records",
                hint="Use an AuditEmitter, in asyncio too: its buffer does not hold up the loop.",
            )
        self._emitter = emitter
        self._tenant_id = tenant_id
        self._left_out = (*_STORING, emitter._logger.name)
        self.lost = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Buffer the record."""
        if self._is_of_storing(record.name):
            return
        try:
            is_taken = self._emitter._offer(
                "log.recorded",
                payload_of(record),
                tenant_id=self._tenant_id,
                occurred_at=datetime.fromtimestamp(record.created, UTC),
            )
        except Exception:  # noqa: BLE001 - a log call never raises
            self._lose()
            self.handleError(record)
        else:
            if not is_taken:
                self._lose()

    def _is_of_storing(self, name: str) -> bool:
        of_logger = any(name == each or name.startswith(f"{each}.") for each in self._left_out)
        return of_logger or self._emitter._buffer.is_sending()

    def _lose(self) -> None:
        self.lost += 1
        if str(self.lost).strip("0") == "1":
            self._emitter._logger.error("log records are lost: %d so far", self.lost)


def payload_of(record: logging.LogRecord) -> dict[str, Any]:
    """Return the payload of log.recorded: what was said, where, and which exception it was about.

    The message is cut to 10,000 characters.
    """
    error = record.exc_info[1] if record.exc_info else None
    said = {
        "logger": record.name,
        "level": record.levelname,
        "message": mask_text(record.getMessage()),
        "exception_type": error and type_of(error),
        "exception_message": error and message_of(error),
        "module": record.module,
        "function": record.funcName,
        "line": record.lineno,
    }
    return {name: value for name, value in said.items() if value is not None}
