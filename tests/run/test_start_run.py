"""start_run: the run, its first event, and the context of the transaction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.rows import dict_row

AnyConnection = psycopg.Connection[Any]
NO_RUN = UUID(int=0)


def fetch(pg: AnyConnection, query: str, *args: Any) -> dict[str, Any]:
    with pg.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(query, args).fetchone()
    assert row is not None
    return row


def start(pg: AnyConnection, **arguments: Any) -> UUID:
    named = ", ".join(f"{name} => %({name})s" for name in arguments)
    row = pg.execute(f"select ledger.start_run({named})", arguments).fetchone()
    assert row is not None
    return UUID(str(row[0]))


def test_row_and_event(pg: AnyConnection) -> None:
    run_id = start(pg, agent_name="scorer", payload='{"goal": "score"}', metadata='{"host": "a"}')
    run = fetch(pg, "select * from ledger.agent_runs where id = %s", run_id)
    event = fetch(pg, "select * from ledger.events where run_id = %s", run_id)
    assert (run["tenant_id"], run["agent_name"], run["parent_run_id"]) == (
        "default",
        "scorer",
        None,
    )
    assert run["correlation_id"] == run["trace_id"]
    assert run["started_at"] <= event["created_at"]
    assert event["event_type"] == "run.started"
    assert (event["payload"], event["metadata"]) == ({"goal": "score"}, {"host": "a"})
    assert (event["trace_id"], event["correlation_id"]) == (run["trace_id"], run["correlation_id"])
    stream = (event["aggregate_type"], event["aggregate_id"], event["sequence"])
    assert stream == ("run", str(run_id), 1)


def test_settings_count_within_a_context_only(pg: AnyConnection) -> None:
    trace_id, correlation_id = uuid4(), uuid4()
    pg.execute("select set_config('ledger.trace_id', %s, false)", [str(trace_id)])
    pg.execute("select set_config('ledger.correlation_id', %s, false)", [str(correlation_id)])
    runs = "select trace_id, correlation_id from ledger.agent_runs where id = %s"
    assert trace_id not in fetch(pg, runs, start(pg, agent_name="scorer")).values()
    pg.execute("select set_config('ledger.trace_id', %s, false)", [str(trace_id)])
    pg.execute("set ledger.context = 'on'")
    run = fetch(pg, runs, start(pg, agent_name="scorer"))
    assert run == {"trace_id": trace_id, "correlation_id": correlation_id}


def test_transaction_goes_on_in_the_run(pg: AnyConnection) -> None:
    with pg.transaction():
        run_id = start(pg, agent_name="scorer", tenant_id="acme")
        pg.execute("select ledger.emit_event('run.paused')")
    pg.execute("select ledger.emit_event('run.paused')")
    run = fetch(pg, "select * from ledger.agent_runs where id = %s", run_id)
    inside = fetch(pg, "select * from ledger.events where tenant_id = 'acme' and sequence is null")
    outside = fetch(pg, "select * from ledger.events where tenant_id = 'default'")
    assert (inside["run_id"], inside["trace_id"]) == (run_id, run["trace_id"])
    assert inside["correlation_id"] == run["correlation_id"]
    assert outside["run_id"] == NO_RUN


def test_child_continues_trace_and_correlation(pg: AnyConnection) -> None:
    parent = start(pg, agent_name="planner", correlation_id=uuid4())
    child = start(pg, agent_name="worker", parent_run_id=parent)
    lookup = "select trace_id, correlation_id, parent_run_id from ledger.agent_runs where id = %s"
    of_parent = fetch(pg, lookup, parent)
    of_child = fetch(pg, lookup, child)
    assert of_child == of_parent | {"parent_run_id": parent}


def test_context_gives_trace_and_correlation(pg: AnyConnection) -> None:
    trace_id, correlation_id = uuid4(), uuid4()
    with pg.transaction():
        pg.execute(
            "select ledger.set_context(trace_id => %s, correlation_id => %s)",
            [trace_id, correlation_id],
        )
        run_id = start(pg, agent_name="scorer")
    run = fetch(pg, "select * from ledger.agent_runs where id = %s", run_id)
    assert (run["trace_id"], run["correlation_id"]) == (trace_id, correlation_id)


def test_own_id_trace_and_correlation(pg: AnyConnection) -> None:
    given = {"run_id": uuid4(), "trace_id": uuid4(), "correlation_id": uuid4()}
    assert start(pg, agent_name="scorer", **given) == given["run_id"]
    run = fetch(
        pg,
        "select id as run_id, trace_id, correlation_id from ledger.agent_runs where id = %s",
        given["run_id"],
    )
    assert run == given


def test_same_id_for_another_tenant_is_another_run(pg: AnyConnection) -> None:
    run_id = uuid4()
    start(pg, agent_name="scorer", run_id=run_id)
    start(pg, agent_name="scorer", run_id=run_id, tenant_id="acme")
    row = pg.execute("select count(*) from ledger.agent_runs where id = %s", [run_id]).fetchone()
    assert row == (2,)


@pytest.mark.parametrize(
    ("sqlstate", "arguments"),
    [
        ("LG009", {"agent_name": None}),
        ("LG009", {"agent_name": ""}),
        ("LG009", {"agent_name": "x" * 201}),
        ("LG009", {"agent_name": "x", "tenant_id": "no tenant"}),
        ("LG009", {"agent_name": "x", "tenant_id": "'; drop table ledger.tenants; --"}),
        ("LG009", {"agent_name": "x", "run_id": NO_RUN}),
        ("LG006", {"agent_name": "x", "parent_run_id": UUID(int=1)}),
        ("LG006", {"agent_name": "x", "parent_run_id": NO_RUN}),
        ("LG003", {"agent_name": "x", "payload": '{"goal": 1}'}),
        ("LG009", {"agent_name": "x", "payload": "[]"}),
        ("LG009", {"agent_name": "x", "metadata": "[]"}),
    ],
)
def test_bad_arguments_leave_nothing(
    pg: AnyConnection, sqlstate: str, arguments: dict[str, Any]
) -> None:
    with pytest.raises(psycopg.Error) as caught:
        start(pg, **arguments)
    assert caught.value.sqlstate == sqlstate
    rows = pg.execute("select from ledger.agent_runs where id <> %s", [NO_RUN]).fetchall()
    assert rows == []


def test_run_that_exists_is_refused(pg: AnyConnection) -> None:
    run_id = start(pg, agent_name="scorer")
    with pytest.raises(psycopg.Error, match="exists already") as caught:
        start(pg, agent_name="scorer", run_id=run_id)
    assert caught.value.sqlstate == "LG009"


def test_only_for_a_granted_tenant(
    connect: Callable[..., AnyConnection], login_role: Callable[..., str]
) -> None:
    writer = connect(user=login_role("writer", {"acme": ["write"]}))
    start(writer, agent_name="scorer", tenant_id="acme")
    with pytest.raises(psycopg.Error) as caught:
        start(writer, agent_name="scorer", tenant_id="other")
    assert caught.value.sqlstate == "LG005"
    reader = connect(user=login_role("reader", {"acme": ["read"]}))
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        start(reader, agent_name="scorer", tenant_id="acme")
