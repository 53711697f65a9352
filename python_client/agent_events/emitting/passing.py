"""Whose fault an error is: the database's, which may take it in a moment, or the event's."""

from __future__ import annotations

import psycopg

# Connections, transactions that met another, insufficient resources, shutdowns and crashes, and
# what is wrong outside of PostgreSQL, such as its disk.
_CLASSES = ("08", "40", "53", "57P", "58")
_STATES = (
    "25006",  # read only: the primary has become a standby
    "25P03",  # idle_in_transaction_session_timeout: this process stood still
    "25P04",  # transaction_timeout
    "55P03",  # lock_timeout
    "57014",  # statement_timeout, or an operator cancelled the statement
)


def is_passing(error: BaseException) -> bool:
    """Whether there was no database, or none that could write now: a later call may succeed.

    After such an error nobody knows whether the transaction was committed.
    """
    if not isinstance(error, psycopg.Error):
        return False
    if error.sqlstate is None:
        return isinstance(error, psycopg.OperationalError)
    return error.sqlstate.startswith(_CLASSES) or error.sqlstate in _STATES
