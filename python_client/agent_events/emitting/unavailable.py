"""Whose fault an error is: the database's, which may be back in a moment, or the event's."""

from __future__ import annotations

import psycopg

# Connection exceptions, insufficient resources, shutdowns and crashes.
_CLASSES = ("08", "53", "57P")
_STATES = ("25006",)  # read only: the primary has become a standby


def is_unavailable(error: BaseException) -> bool:
    """Whether there was no database, or none that could write; the outcome may be unknown.

    The same call may succeed later.
    """
    if not isinstance(error, psycopg.Error):
        return False
    if error.sqlstate is None:
        return isinstance(error, psycopg.OperationalError)
    return error.sqlstate.startswith(_CLASSES) or error.sqlstate in _STATES
