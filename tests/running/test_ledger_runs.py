"""Runs in the caller's own transaction: they are there exactly when that commits."""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg
import pytest

from agent_events import AsyncLedger, Ledger, context, errors

Connection = psycopg.Connection[Any]


@pytest.fixture
def connection(connect: Any) -> Connection:
    new: Connection = connect(autocommit=False)
    return new


def test_run_commits_with_the_transaction(connection: Connection, events: Any) -> None:
    with Ledger(connection).run("scorer") as run, run.tool_call("search"):
        Ledger(connection).emit_event("run.paused")
    assert events() == []
    connection.commit()
    started, called, paused, _, completed = events()
    assert (called.causation_id, completed.causation_id) == (started.id, started.id)
    assert (paused.run_id, paused.causation_id) == (run.id, called.id)


def test_sql_of_the_transaction_belongs_to_the_run(
    connection: Connection, pg: Connection, events: Any
) -> None:
    """Triggers too, as those of tracked tables; afterwards the settings are what they were."""
    pg.execute("create table deals (id int primary key, stage text)")
    pg.execute("select ledger.track_table('deals')")
    ledger = Ledger(connection)
    ledger.set_context(actor_type="user", actor_id="ann")
    with ledger.run("scorer") as run, run.tool_call("save"):
        connection.execute("insert into deals values (1, 'lead')")
        with ledger.run("helper"):
            pass
        connection.execute("update deals set stage = 'won'")
    connection.execute("delete from deals")
    connection.commit()
    [called] = events("run.tool_called")
    inserted, updated, deleted = (e for e in events() if e.aggregate_type == "deals")
    for event in (inserted, updated):
        assert (event.run_id, event.causation_id, event.actor_id) == (run.id, called.id, "scorer")
    assert (deleted.run_id.int, deleted.causation_id, deleted.actor_id) == (0, None, "ann")


def test_failure_that_leaves_the_transaction_usable_is_recorded(
    connection: Connection, events: Any
) -> None:
    with pytest.raises(ValueError, match="x"), Ledger(connection).run("scorer"):
        raise ValueError("x")
    connection.commit()
    assert [e.event_type for e in events()] == ["run.started", "run.failed"]


def test_savepoint_keeps_the_run_when_a_statement_fails(
    connection: Connection, events: Any
) -> None:
    ledger = Ledger(connection)
    with (
        pytest.raises(psycopg.errors.DivisionByZero),
        ledger.run("scorer") as run,
        run.tool_call("divide"),
        connection.transaction(),
    ):
        connection.execute("select 1 / 0")
    connection.commit()
    *_, tool_completed, failed = events()
    assert len(events()) == 4
    assert failed.payload["error"] == "division by zero"
    assert tool_completed.payload["error_code"] == "psycopg.errors.DivisionByZero"


def test_aborted_transaction_takes_the_run_with_it_and_says_so(
    connection: Connection, events: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        pytest.raises(psycopg.errors.DivisionByZero) as caught,
        Ledger(connection).run("scorer") as run,
        run.tool_call("divide"),
    ):
        connection.execute("select 1 / 0")
    said = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert caught.value.__notes__ == said
    assert said[0].startswith(f"the end of tool call divide of run {run.id} of scorer")
    assert said[1].startswith(f"the end of run {run.id} of scorer")
    assert "InFailedSqlTransaction" in said[0]
    connection.rollback()
    assert events() == []


def test_autocommit_connection(connect: Any, events: Any) -> None:
    connection = connect()
    with pytest.raises(psycopg.errors.DivisionByZero), Ledger(connection).run("scorer"):
        connection.execute("select 1 / 0")
    assert [e.event_type for e in events()] == ["run.started", "run.failed"]


def test_commit_inside_of_a_run(connection: Connection, events: Any) -> None:
    ledger = Ledger(connection)
    with ledger.run("scorer"):
        connection.commit()
        ledger.emit_event("run.paused")
        connection.commit()
    connection.commit()
    assert len({e.run_id for e in events()}) == 1
    assert len(events()) == 3


def test_asynchronous_ledger(dsn: str, events: Any) -> None:
    async def main() -> None:
        async with await psycopg.AsyncConnection.connect(dsn) as connection:
            ledger = AsyncLedger(connection)
            async with ledger.run("scorer") as run, run.tool_call("search"):
                await ledger.emit_event("run.paused")

    asyncio.run(main())
    assert events()[2].causation_id == events()[1].id
    assert len(events()) == 5


def test_start_and_finish_run_take_the_context(connection: Connection, events: Any) -> None:
    ledger = Ledger(connection)
    with context.use(tenant_id="acme"), ledger.run("planner") as outer:
        inner = ledger.start_run("worker")
        with context.use(run_id=inner):
            ledger.finish_run()
        parent = connection.execute(
            "select parent_run_id, trace_id from ledger.agent_runs where id = %s", [inner]
        ).fetchone()
    connection.commit()
    assert parent == (outer.id, outer.trace_id)
    completed = events("run.completed", tenant_id="acme")
    assert [e.run_id for e in completed] == [inner, outer.id]


def test_add_run(connection: Connection) -> None:
    ledger = Ledger(connection)
    run_id = "00000000-0000-0000-0000-00000000000a"
    ids = {"run_id": run_id, "trace_id": run_id, "correlation_id": run_id}
    assert ledger.add_run("scorer", **ids)
    assert not ledger.add_run("scorer", **ids)
    child = "00000000-0000-0000-0000-00000000000b"
    assert ledger.add_run("child", run_id=child, parent_run_id=run_id)
    row = connection.execute("select trace_id::text from ledger.agent_runs where id = %s", [child])
    assert row.fetchone() == (run_id,)
    connection.commit()
    with pytest.raises(errors.InvalidArgument, match="without a parent"):
        ledger.add_run("scorer", run_id=child)
    connection.rollback()
    with pytest.raises(errors.UnknownRun):
        ledger.add_run("scorer", run_id=child, parent_run_id="00000000-0000-0000-0000-00000000000c")
