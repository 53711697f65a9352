"""finish_run: once per run, with an outcome."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

AnyConnection = psycopg.Connection[Any]
Connect = Callable[..., AnyConnection]


@pytest.fixture
def run_id(pg: AnyConnection) -> UUID:
    row = pg.execute("select ledger.start_run('scorer', tenant_id => 'acme')").fetchone()
    assert row is not None
    return UUID(str(row[0]))


@pytest.mark.parametrize(
    ("outcome", "event_type"),
    [("success", "run.completed"), ("partial", "run.completed"), ("failure", "run.failed")],
)
def test_outcome_decides_the_event(
    pg: AnyConnection, run_id: UUID, outcome: str, event_type: str
) -> None:
    receipt = pg.execute(
        "select * from ledger.finish_run(%s, %s, '{\"steps\": 3}', tenant_id => 'acme')",
        [run_id, outcome],
    ).fetchone()
    event = pg.execute(
        """
        select e.event_type, e.outcome, e.payload, e.aggregate_type, e.aggregate_id,
          row(e.id, e.created_at, e.sequence, e.hash)::text,
          e.trace_id = r.trace_id and e.correlation_id = r.correlation_id
        from ledger.events as e
        join ledger.agent_runs as r on r.tenant_id = e.tenant_id and r.id = e.run_id
        where e.run_id = %s and e.sequence = 2
        """,
        [run_id],
    ).fetchone()
    assert receipt is not None
    assert event is not None
    assert event[:5] == (event_type, outcome, {"steps": 3}, "run", str(run_id))
    returned = pg.execute("select row(%s, %s, %s, %s)::text", receipt[:4]).fetchone()
    assert returned == (event[5],)
    assert receipt[4] is False
    assert event[6] is True


def test_run_of_the_transaction(pg: AnyConnection) -> None:
    with pg.transaction():
        pg.execute("select ledger.start_run('scorer', tenant_id => 'acme')")
        pg.execute("select ledger.finish_run()")
    row = pg.execute("select status from ledger.agent_run_status").fetchone()
    assert row == ("completed",)


def test_events_in_between_have_their_own_streams(pg: AnyConnection, run_id: UUID) -> None:
    with pg.transaction():
        pg.execute("select ledger.set_context(tenant_id => 'acme', run_id => %s)", [run_id])
        for _ in range(3):
            pg.execute(
                "select ledger.emit_event('run.paused', aggregate_type => 'x', aggregate_id => '1')"
            )
        pg.execute("select ledger.finish_run()")
    row = pg.execute("select event_count from ledger.agent_run_status").fetchone()
    assert row == (5,)


@pytest.mark.parametrize("outcome", ["pending", "", "Success", None])
def test_no_outcome_of_a_finished_run(pg: AnyConnection, run_id: UUID, outcome: str | None) -> None:
    with pytest.raises(psycopg.Error) as caught:
        pg.execute("select ledger.finish_run(%s, %s, tenant_id => 'acme')", [run_id, outcome])
    assert caught.value.sqlstate == "LG009"


@pytest.mark.usefixtures("run_id")
@pytest.mark.parametrize("run", [UUID(int=0), uuid4()])
def test_unknown_run(pg: AnyConnection, run: UUID | None) -> None:
    with pytest.raises(psycopg.Error) as caught:
        pg.execute("select ledger.finish_run(%s, tenant_id => 'acme')", [run])
    assert caught.value.sqlstate == "LG006"


@pytest.mark.usefixtures("run_id")
def test_no_run_is_given_or_set(pg: AnyConnection) -> None:
    with pytest.raises(psycopg.Error, match="no run_id is given") as caught:
        pg.execute("select ledger.finish_run(tenant_id => 'acme')")
    assert caught.value.sqlstate == "LG009"


def test_a_run_outside_a_context_does_not_count(pg: AnyConnection, run_id: UUID) -> None:
    pg.execute("select set_config('ledger.run_id', %s, false)", [str(run_id)])
    with pytest.raises(psycopg.Error, match="no run_id is given"):
        pg.execute("select ledger.finish_run(tenant_id => 'acme')")
    pg.execute("set ledger.context = 'on'")
    pg.execute("select ledger.finish_run(tenant_id => 'acme')")


def test_run_of_another_tenant_is_unknown(pg: AnyConnection, run_id: UUID) -> None:
    with pytest.raises(psycopg.Error) as caught:
        pg.execute("select ledger.finish_run(%s)", [run_id])
    assert caught.value.sqlstate == "LG006"


def test_payload_is_checked(pg: AnyConnection, run_id: UUID) -> None:
    with pytest.raises(psycopg.Error) as caught:
        pg.execute(
            "select ledger.finish_run(%s, payload => '{\"steps\": -1}', tenant_id => 'acme')",
            [run_id],
        )
    assert caught.value.sqlstate == "LG003"


@pytest.mark.parametrize("outcome", ["success", "failure"])
def test_finishing_twice_is_refused(pg: AnyConnection, run_id: UUID, outcome: str) -> None:
    pg.execute("select ledger.finish_run(%s, tenant_id => 'acme')", [run_id])
    with pytest.raises(psycopg.Error, match="has finished already") as caught:
        pg.execute("select ledger.finish_run(%s, %s, tenant_id => 'acme')", [run_id, outcome])
    assert caught.value.sqlstate == "LG009"
    rows = pg.execute("select from ledger.events where run_id = %s", [run_id]).fetchall()
    assert len(rows) == 2


def test_of_sessions_that_race_one_finishes(
    pg: AnyConnection, connect: Connect, run_id: UUID
) -> None:
    sessions = 6
    connections = [connect() for _ in range(sessions)]
    barrier = Barrier(sessions)

    def finish(number: int) -> str | None:
        barrier.wait()
        outcome = "success" if number % 2 else "failure"
        try:
            connections[number].execute(
                "select ledger.finish_run(%s, %s, tenant_id => 'acme')", [run_id, outcome]
            )
        except psycopg.Error as error:
            return error.sqlstate
        return None

    with ThreadPoolExecutor(sessions) as pool:
        results = sorted(pool.map(finish, range(sessions)), key=str)
    assert results == ["LG009"] * (sessions - 1) + [None]
    rows = pg.execute("select from ledger.events where run_id = %s", [run_id]).fetchall()
    assert len(rows) == 2


def test_only_for_a_granted_tenant(
    connect: Connect, login_role: Callable[..., str], run_id: UUID
) -> None:
    stranger = connect(user=login_role("stranger", {"other": ["write"]}))
    with pytest.raises(psycopg.Error) as caught:
        stranger.execute("select ledger.finish_run(%s, tenant_id => 'acme')", [run_id])
    assert caught.value.sqlstate == "LG005"
