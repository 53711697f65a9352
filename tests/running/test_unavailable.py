"""Runs while the database is down: spooled, or said; never silent, never in the exception's way."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import psycopg
import pytest

from agent_events import AuditEmitter, Ledger, context

Outage = Callable[[], AbstractContextManager[None]]


def test_run_that_cannot_begin_does_not(emitter: AuditEmitter, outage: Outage) -> None:
    has_run = False
    with outage(), pytest.raises(psycopg.OperationalError), emitter.run("scorer"):
        has_run = True
    assert not has_run
    assert context.current() == context.NOTHING


def test_end_that_cannot_be_recorded_is_raised(
    emitter: AuditEmitter, outage: Outage, caplog: pytest.LogCaptureFixture
) -> None:
    run = emitter.run("scorer").__enter__()
    with outage(), pytest.raises(psycopg.OperationalError):
        run.__exit__(None, None, None)
    assert f"the end of run {run.id} of scorer is not recorded" in caplog.text
    assert context.current() == context.NOTHING


def test_end_that_cannot_be_recorded_leaves_the_exception(
    emitter: AuditEmitter, outage: Outage, caplog: pytest.LogCaptureFixture
) -> None:
    run = emitter.run("scorer").__enter__()
    error = ValueError("of the user")
    with outage():
        run.__exit__(type(error), error, None)
    assert f"the end of run {run.id} of scorer is not recorded" in error.__notes__[0]
    assert error.__notes__[0] in caplog.text


def test_whole_run_is_spooled_and_stored_later(
    dsn: str, journal: Any, outage: Outage, events: Any, pg: psycopg.Connection[Any]
) -> None:
    with AuditEmitter(dsn, on_unavailable="spool", journal=journal) as emitter:
        with (
            outage(),
            emitter.run("planner") as outer,
            outer.tool_call("delegate"),
            emitter.run("worker") as inner,
        ):
            emitter.emit("run.paused")
        emitter.flush()
    assert journal.refused == []
    stored = events()
    assert [e.event_type.removeprefix("run.") for e in stored] == [
        "started",
        "tool_called",
        "started",
        "paused",
        "completed",
        "tool_completed",
        "completed",
    ]
    assert {e.run_id for e in stored} == {outer.id, inner.id}
    assert {(e.trace_id, e.correlation_id) for e in stored} == {
        (outer.trace_id, outer.correlation_id)
    }
    row = pg.execute("select parent_run_id from ledger.agent_runs where id = %s", [inner.id])
    assert row.fetchone() == (outer.id,)


def test_first_event_of_a_run_may_be_sent_twice(
    dsn: str, journal: Any, outage: Outage, events: Any
) -> None:
    with AuditEmitter(dsn, on_unavailable="spool", journal=journal) as emitter:
        with outage(), emitter.run("scorer"):
            pass
        spooled = list(journal.events)
        emitter.flush()
        journal.append(spooled)
        emitter.flush()
    assert journal.refused == []
    assert [e.event_type for e in events()] == ["run.started", "run.completed"]


def test_run_started_by_hand_makes_no_run(emitter: AuditEmitter, pg: Any) -> None:
    run_id = Ledger(pg).start_run("scorer")
    emitter.emit("run.started", {"agent_name": "other"}, run_id=run_id)
    assert pg.execute(
        "select agent_name from ledger.agent_runs where agent_name <> 'ambient'"
    ).fetchall() == [("scorer",)]
