"""What an exception says, fit for a record that nobody can change: its type, and no secrets."""

from __future__ import annotations

import psycopg

from agent_events._masking import mask_text
from agent_events.errors import LedgerError

_LONGEST = 2_000


def type_of(error: BaseException) -> str:
    """Return the name of the exception's type, with its module unless that is Python's own."""
    kind = type(error)
    if kind.__module__ in ("builtins", "__main__"):
        return kind.__qualname__
    return f"{kind.__module__}.{kind.__qualname__}"


def message_of(error: BaseException) -> str:
    """Return the exception's message, secrets masked, or its type where it has none.

    Of errors of PostgreSQL only the first line: the details quote rows. At most 2,000 characters.
    """
    return mask_text(_said_by(error), _LONGEST) or type_of(error)


def _said_by(error: BaseException) -> str:
    if isinstance(error, LedgerError):
        return error.message
    if isinstance(error, psycopg.Error) and error.diag.message_primary:
        return error.diag.message_primary
    try:
        return str(error).strip()
    except Exception:  # noqa: BLE001 - an exception that cannot say what it is
        return ""
