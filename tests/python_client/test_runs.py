"""Starting and finishing agent runs."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from agent_events import Ledger, errors

Connection = psycopg.Connection[Any]


def test_run_is_the_context_until_the_transaction_ends(
    connection: Connection, ledger: Ledger, noted: str
) -> None:
    run_id = ledger.start_run("scorer", metadata={"version": 3})
    inside = ledger.emit_event(noted, {"text": "in the run"})
    receipt = ledger.finish_run()
    connection.commit()
    events = ledger.find_events(run_id=run_id, newest_first=False)
    assert [event.event_type for event in events] == ["run.started", noted, "run.completed"]
    assert [events[1].id, events[2].id] == [inside.id, receipt.id]
    assert len({event.trace_id for event in events}) == 1


def test_failed_run_in_a_later_transaction(connection: Connection, ledger: Ledger) -> None:
    run_id = ledger.start_run("scorer")
    connection.commit()
    receipt = ledger.finish_run(run_id, outcome="failure", payload={"error": "no data"})
    event = ledger.get_event(receipt.id)
    assert event is not None
    assert (event.event_type, event.outcome) == ("run.failed", "failure")


def test_child_run_needs_its_parent(ledger: Ledger) -> None:
    with pytest.raises(errors.UnknownRun):
        ledger.start_run("child", parent_run_id="00000000-0000-0000-0000-000000000001")
