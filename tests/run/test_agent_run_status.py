"""agent_run_status says what the run.* events say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

AnyConnection = psycopg.Connection[Any]

LOOK = """
    select agent_name, status, outcome, finished_at is not null, event_count
    from ledger.agent_run_status
    where tenant_id = %s
"""


@pytest.mark.parametrize(
    ("events", "status"),
    [
        ([], "running"),
        (["run.tool_called"], "running"),
        (["run.paused"], "paused"),
        (["run.paused", "run.tool_called"], "paused"),
        (["run.paused", "run.resumed"], "running"),
        (["run.paused", "run.resumed", "run.paused"], "paused"),
        (["run.completed"], "completed"),
        (["run.paused", "run.failed"], "failed"),
    ],
)
def test_last_word_counts(pg: AnyConnection, events: list[str], status: str) -> None:
    with pg.transaction():
        pg.execute("select ledger.start_run('scorer')")
        for event in events:
            payload = '{"tool_name": "search", "call_id": "1"}' if "tool" in event else "{}"
            pg.execute("select ledger.emit_event(%s, %s)", [event, payload])
    is_finished = status in ("completed", "failed")
    expected = ("scorer", status, None, is_finished, len(events) + 1)
    assert pg.execute(LOOK, ["default"]).fetchall() == [expected]


def test_times_and_outcome(pg: AnyConnection) -> None:
    with pg.transaction():
        pg.execute("select ledger.start_run('scorer')")
        pg.execute("select ledger.finish_run(outcome => 'partial')")
    row = pg.execute(
        """
        select s.status, s.outcome, s.finished_at = e.created_at, s.started_at < s.finished_at
        from ledger.agent_run_status as s
        join ledger.events as e on e.run_id = s.run_id and e.event_type = 'run.completed'
        """
    ).fetchone()
    assert row == ("completed", "partial", True, True)


def test_ambient_run_is_no_run(pg: AnyConnection) -> None:
    pg.execute("select ledger.emit_event('run.paused')")
    assert pg.execute(LOOK, ["default"]).fetchall() == []


def test_reader_sees_its_tenants_only(
    pg: AnyConnection, connect: Callable[..., AnyConnection], login_role: Callable[..., str]
) -> None:
    pg.execute("select ledger.start_run('one', tenant_id => 'acme')")
    pg.execute("select ledger.start_run('two', tenant_id => 'other')")
    reader = connect(user=login_role("reader", {"acme": ["read"]}))
    rows = reader.execute("select tenant_id, agent_name from ledger.agent_run_status").fetchall()
    assert rows == [("acme", "one")]
    writer = connect(user=login_role("writer", {"acme": ["write"]}))
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        writer.execute("select * from ledger.agent_run_status")
