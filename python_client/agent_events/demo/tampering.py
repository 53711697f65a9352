"""Try to change the past, and keep what the database answered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
from psycopg import Connection

ATTEMPTS = (
    "update ledger.agent_events set actor_id = 'mallory'\nwhere id = '{id}'",
    "delete from ledger.agent_events\nwhere id = '{id}'",
    "truncate ledger.agent_events",
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A statement and the error that it met."""

    statement: str
    sqlstate: str
    message: str
    hint: str | None


class NotRefused(Exception):
    """A statement that changes history went through; it was rolled back."""


def try_to_tamper(connection: Connection[Any], event_id: UUID) -> list[Refusal]:
    """Send an UPDATE, a DELETE and a TRUNCATE of an event, as whoever the connection is.

    Raises NotRefused when one of them goes through.
    """
    return [_refusal(connection, statement.format(id=event_id).encode()) for statement in ATTEMPTS]


def _refusal(connection: Connection[Any], statement: bytes) -> Refusal:
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(statement)
    except psycopg.Error as error:
        diag = error.diag
        return Refusal(
            statement.decode(),
            diag.sqlstate or "",
            diag.message_primary or str(error),
            diag.message_hint,
        )
    raise NotRefused(statement.decode())
