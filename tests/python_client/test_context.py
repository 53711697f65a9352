"""Context lasts for the transaction, and only where there is one."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from agent_events import Ledger, errors

Connection = psycopg.Connection[Any]


def test_context_ends_with_the_transaction(
    connection: Connection, ledger: Ledger, noted: str
) -> None:
    ledger.set_context(tenant_id="acme")
    connection.commit()
    receipt = ledger.emit_event(noted, {"text": "x"})
    event = ledger.get_event(receipt.id)
    assert event is not None
    assert event.tenant_id == "default"


def test_context_without_a_transaction_is_refused(connect: Any) -> None:
    with pytest.raises(errors.InvalidArgument, match="needs a transaction"):
        Ledger(connect(autocommit=True)).set_context(tenant_id="acme")


def test_context_in_a_block_on_an_autocommit_connection(connect: Any, noted: str) -> None:
    connection = connect(autocommit=True)
    ledger = Ledger(connection)
    with connection.transaction():
        ledger.set_context(tenant_id="acme")
        receipt = ledger.emit_event(noted, {"text": "x"})
    assert ledger.get_event(receipt.id) is None
    assert ledger.get_event(receipt.id, tenant_id="acme") is not None
