"""What a process that goes on says of what happens: an event and its fields, a line each."""

from __future__ import annotations

from typing import Any, Protocol

import psycopg

from agent_events import errors


class Log(Protocol):
    """Is told what happens, from several threads."""

    def __call__(self, event: str, /, **fields: Any) -> None:
        """Take it down."""


def reason_of(error: psycopg.Error | errors.LedgerError) -> dict[str, Any]:
    """Return the fields that say what went wrong."""
    if isinstance(error, errors.LedgerError):
        return given({"sqlstate": error.sqlstate, "message": error.message, "hint": error.hint})
    message = error.diag.message_primary or str(error)
    return given(
        {
            "sqlstate": error.sqlstate,
            "message": " ".join(message.split()),
            "hint": error.diag.message_hint,
        }
    )


def given(fields: dict[str, Any]) -> dict[str, Any]:
    """Leave out what says nothing."""
    return {name: value for name, value in fields.items() if value not in (None, "")}
