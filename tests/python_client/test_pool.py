"""The pool helper."""

from __future__ import annotations

import pytest
from psycopg.conninfo import make_conninfo
from psycopg_pool import PoolTimeout

from agent_events import Ledger, errors, open_pool


def test_a_connection_is_a_transaction(dsn: str, noted: str) -> None:
    with open_pool(dsn, max_size=2) as pool:
        with pool.connection() as connection:
            kept = Ledger(connection).emit_event(noted, {"text": "kept"})
        with pytest.raises(errors.InvalidPayload), pool.connection() as connection:
            emit_one_good_and_one_bad(Ledger(connection), noted)
        with pool.connection() as connection:
            [event] = Ledger(connection).find_events(event_types=[noted])
            assert event.id == kept.id


def emit_one_good_and_one_bad(ledger: Ledger, noted: str) -> None:
    ledger.emit_event(noted, {"text": "lost with the other"})
    ledger.emit_event(noted, {})


def test_unreachable_database_is_said_at_once(dsn: str) -> None:
    with pytest.raises(PoolTimeout):
        open_pool(make_conninfo(dsn, dbname="no_such_database"), timeout=0.5)
