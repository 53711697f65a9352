"""What the ledger refuses, as exceptions.

LedgerError
 +-- AppendOnlyViolation     LG001  something append-only was to be changed or removed
 +-- UnknownEventType        LG002  the event type, or that version of it, is not registered
 +-- InvalidPayload          LG003  the payload does not match its JSON Schema
 +-- WrongExpectedSequence   LG004  the stream is not at the expected sequence
 +-- TenantNotPermitted      LG005  the database role may not do that for this tenant
 +-- UnknownRun              LG006  the run does not exist
 +-- NoPartition             LG007  there is no partition for that time
 +-- LegalHold               LG008  a legal hold forbids it
 +-- InvalidArgument         LG009  an argument is missing, malformed or contradicts another
 +-- LogDoesNotVerify        LG010  stored events or the log are not what was committed to
 +-- IncompatibleSchema      LG011  the new schema version would break readers of the old one
 +-- ClusterChanged          LG012  another cluster, a restore or a clock that went backwards
 +-- MaintenanceRunning      LG013  another session does a step of maintenance
 +-- LeaseLost               LG014  another worker took over, or the lease was given back
 +-- ReducerFailed           LG015  a reducer failed at an event
 +-- EventsMissing           LG016  events that a state needs are in a cold file
 +-- UpcasterFailed          LG017  a function that lifts old payloads threw, or made nothing

The database raises them with these SQLSTATEs; the table in sql/README.md is the same list. Every
other error of PostgreSQL or of the connection stays the `psycopg.Error` that it is.

An emitter that buffers raises EventsNotStored, BufferFull and OutcomeUnknown of its own, one that
spools SpoolFull.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import psycopg

from agent_events.models import EventArguments


class LedgerError(Exception):
    """Something the ledger refused. The psycopg error it came as is its `__cause__`.

    `message` says what happened, `detail` where, `hint` what to do; the last two may be None.
    """

    code: ClassVar[str | None] = None

    def __init__(
        self,
        message: str,
        *,
        detail: str | None = None,
        hint: str | None = None,
        sqlstate: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.detail = detail
        self.hint = hint
        self.sqlstate = sqlstate or self.code

    def __str__(self) -> str:
        lines = [self.message]
        if self.detail:
            lines.append(f"DETAIL: {self.detail}")
        if self.hint:
            lines.append(f"HINT: {self.hint}")
        return "\n".join(lines)


class AppendOnlyViolation(LedgerError):
    """An event, or anything else append-only, was to be changed or removed."""

    code = "LG001"


class UnknownEventType(LedgerError):
    """The event type, or that version of it, is not registered."""

    code = "LG002"


class InvalidPayload(LedgerError):
    """The payload does not match its JSON Schema. `detail` lists `pointer: reason`."""

    code = "LG003"


class WrongExpectedSequence(LedgerError):
    """The stream is not at the expected sequence: read it again, decide again, retry."""

    code = "LG004"


class TenantNotPermitted(LedgerError):
    """The database role may not do that for this tenant. `hint` names the grant to ask for."""

    code = "LG005"


class UnknownRun(LedgerError):
    """The run does not exist for this tenant."""

    code = "LG006"


class NoPartition(LedgerError):
    """There is no partition for that time."""

    code = "LG007"


class LegalHold(LedgerError):
    """A legal hold forbids it."""

    code = "LG008"


class InvalidArgument(LedgerError):
    """An argument is missing, malformed or contradicts another."""

    code = "LG009"


class LogDoesNotVerify(LedgerError):
    """Stored events, or the log over them, are not what was committed to."""

    code = "LG010"


class IncompatibleSchema(LedgerError):
    """The new schema version would break readers of the old one."""

    code = "LG011"


class ClusterChanged(LedgerError):
    """Another cluster, a restore, or a clock that went backwards under the log."""

    code = "LG012"


class MaintenanceRunning(LedgerError):
    """Another session does a step of maintenance, which does what is due."""

    code = "LG013"


class LeaseLost(LedgerError):
    """Another worker took over, or the lease was given back: drop what you hold, claim again."""

    code = "LG014"


class ReducerFailed(LedgerError):
    """A reducer raised an error or returned NULL. The message names the event it failed at."""

    code = "LG015"


class EventsMissing(LedgerError):
    """Events that a state needs are in a cold file, or gone. The message names their sequences."""

    code = "LG016"


class UpcasterFailed(LedgerError):
    """An upcaster threw, or made NULL, of the event that `message` names; `detail` says why."""

    code = "LG017"


class UnversionedLedger(Exception):
    """The database holds a ledger whose revision the migrations do not know.

    It was installed by sql/install.sql, or by revisions mounted in a project's own alembic.
    """

    def __init__(self, database: str) -> None:
        super().__init__(database)
        self.message = f"database {database} holds a ledger, but not its revision"
        self.detail = "It was installed by sql/install.sql, or by the alembic of another project."
        self.hint = (
            "Upgrade it with that project's alembic. One from sql/install.sql cannot be upgraded: "
            "run `agent-events migrate` in an empty database."
        )

    def __str__(self) -> str:
        return f"{self.message}\nDETAIL: {self.detail}\nHINT: {self.hint}"


@dataclass(frozen=True, slots=True)
class FailedEvent:
    """An event that an emitter could not store, as it was given, and why."""

    event: EventArguments
    error: Exception


class EventsNotStored(ExceptionGroup[Exception]):
    """Events that an emitter took and could not store: `failed` has each of them and why.

    A group of their errors, so that `except*` works.
    """

    failed: tuple[FailedEvent, ...] = ()

    @classmethod
    def of(cls, failed: Sequence[FailedEvent]) -> Self:
        """Make one of at least one event."""
        types = ", ".join(sorted({each.event["event_type"] for each in failed}))
        group = cls(f"events that were not stored, of {types}", [each.error for each in failed])
        group.failed = tuple(failed)
        return group


class OutcomeUnknown(Exception):
    """The server crashed while it committed a batch: its events may be stored, or not.

    An emitter finds out by reading one of them, which its role may not.
    """

    def __init__(self) -> None:
        super().__init__(
            "the server crashed while it committed: nobody knows whether the event is stored, "
            "as the role may not read"
        )


class BufferFull(Exception):
    """The buffer of an emitter holds as many events as it may: this one was not taken."""

    def __init__(self, max_buffered: int) -> None:
        super().__init__(f"{max_buffered} events are buffered: this one was not taken")


class SpoolFull(Exception):
    """The spool of an emitter holds as many bytes as it may: this event was not taken.

    `hint` says what to do.
    """

    def __init__(self, folder: str, size: int, in_use: int, max_bytes: int) -> None:
        super().__init__(folder, size, in_use, max_bytes)
        self.message = (
            f"the spool {folder} has {in_use:,} of {max_bytes:,} bytes: {size:,} more do not fit"
        )
        self.hint = (
            "`agent-events spool list` says what waits. It empties when the database is back; "
            "max_spool_bytes=… lets it hold more."
        )

    def __str__(self) -> str:
        return f"{self.message}\nHINT: {self.hint}"


BY_SQLSTATE: dict[str, type[LedgerError]] = {
    str(error.code): error for error in LedgerError.__subclasses__()
}


def translated(error: psycopg.Error) -> LedgerError | None:
    """Return the LedgerError for a SQLSTATE of class LG, or None for any other error."""
    state = error.diag.sqlstate
    if state is None or not state.startswith("LG"):
        return None
    return BY_SQLSTATE.get(state, LedgerError)(
        error.diag.message_primary or str(error),
        detail=error.diag.message_detail,
        hint=error.diag.message_hint,
        sqlstate=state,
    )
