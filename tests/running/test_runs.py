"""Runs, tool calls and model calls of an emitter: what is recorded, and what it belongs to."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from agent_events import AuditEmitter, Ledger, Run, context, errors

Connection = psycopg.Connection[Any]


def test_run_begins_and_ends(emitter: AuditEmitter, events: Any, pg: Connection) -> None:
    with emitter.run("scorer", payload={"goal": "score"}, metadata={"host": "a"}) as run:
        run.report(result="done", steps=2, cost=0.03)
    started, completed = events()
    assert (started.event_type, started.payload) == (
        "run.started",
        {"goal": "score", "agent_name": "scorer"},
    )
    assert (started.metadata, started.run_id, started.sequence) == ({"host": "a"}, run.id, 1)
    assert (completed.event_type, completed.outcome) == ("run.completed", "success")
    assert completed.payload.pop("duration_ms") >= 0
    assert completed.payload == {"result": "done", "steps": 2, "cost": 0.03}
    assert completed.causation_id == started.id
    assert {(e.trace_id, e.correlation_id) for e in (started, completed)} == {
        (run.trace_id, run.correlation_id)
    }
    row = pg.execute("select status, outcome, trace_id from ledger.agent_run_status").fetchone()
    assert row == ("completed", "success", run.trace_id)


def test_failure_is_recorded_and_raised(emitter: AuditEmitter, events: Any) -> None:
    with pytest.raises(LookupError, match="hunter2"), emitter.run("scorer"):
        raise LookupError("no such deal, password=hunter2")
    failed = events()[-1]
    assert (failed.event_type, failed.outcome) == ("run.failed", "failure")
    assert failed.payload["error"] == "no such deal, password=***"
    assert failed.payload["error_code"] == "LookupError"


@pytest.mark.parametrize(
    ("error", "event_type", "outcome"),
    [
        (KeyboardInterrupt(), "run.failed", "failure"),
        (SystemExit(1), "run.failed", "failure"),
        (SystemExit(0), "run.completed", "success"),
        (GeneratorExit(), "run.completed", "partial"),
    ],
    ids=lambda value: repr(value) if isinstance(value, BaseException) else None,
)
def test_other_ends(
    emitter: AuditEmitter, events: Any, error: BaseException, event_type: str, outcome: str
) -> None:
    with pytest.raises(type(error)), emitter.run("scorer"):
        raise error
    assert (events()[-1].event_type, events()[-1].outcome) == (event_type, outcome)


def test_everything_inside_names_its_cause(emitter: AuditEmitter, events: Any) -> None:
    with emitter.run("scorer") as run, run.tool_call("search", {"q": "Acme"}, step=1) as call:
        emitter.emit("run.paused")
        with run.tool_call("fetch"):
            emitter.buffer("run.resumed")
        call.result = {"matches": 1}
    emitter.flush()
    by_type = {(e.event_type, (e.payload or {}).get("tool_name")): e for e in events()}
    search = by_type["run.tool_called", "search"]
    fetch = by_type["run.tool_called", "fetch"]
    assert search.causation_id == by_type["run.started", None].id
    assert by_type["run.paused", None].causation_id == search.id
    assert fetch.causation_id == search.id
    assert by_type["run.resumed", None].causation_id == fetch.id
    assert by_type["run.tool_completed", "fetch"].causation_id == fetch.id
    assert by_type["run.tool_completed", "search"].causation_id == search.id
    assert {(e.run_id, e.trace_id, e.correlation_id) for e in by_type.values()} == {
        (run.id, run.trace_id, run.correlation_id)
    }
    assert {e.actor_id for e in list(by_type.values())[1:]} == {"scorer"}
    assert context.current() == context.NOTHING


def test_tool_call_says_what_it_was_given(emitter: AuditEmitter, events: Any) -> None:
    with emitter.run("scorer") as run:
        with run.tool_call("search", {"q": "Acme"}, call_id="c-1", step=3) as call:
            call.result = [{"id": UUID(int=1)}]
        with pytest.raises(TimeoutError), run.tool_call("search"):
            raise TimeoutError("no answer from https://ann:hunter2@crm.example")
    _, called, completed, again, failed, _ = events()
    assert called.payload == {
        "tool_name": "search",
        "call_id": "c-1",
        "step": 3,
        "arguments": {"q": "Acme"},
    }
    assert (completed.outcome, completed.payload.pop("duration_ms") >= 0) == ("success", True)
    assert completed.payload == {
        "tool_name": "search",
        "call_id": "c-1",
        "step": 3,
        "result": [{"id": str(UUID(int=1))}],
    }
    assert (failed.outcome, failed.payload["error_code"]) == ("failure", "TimeoutError")
    assert failed.payload["error"] == "no answer from https://***@crm.example"
    assert failed.payload["call_id"] == again.payload["call_id"] != "c-1"


def test_model_call_is_one_event_with_private_prompt(
    emitter: AuditEmitter, events: Any, pg: Connection
) -> None:
    usage = {"input_tokens": 812, "output_tokens": 31}
    with emitter.run("scorer") as run:
        with run.model_call("example", "example-2", prompt="Jane asks", subject_id="u-7") as call:
            call.report(raw_output="yes", usage=usage)
        with pytest.raises(ConnectionError), run.model_call("example", "example-2"):
            raise ConnectionError("refused")
    completed, failed = events("agent.call_completed")
    assert (completed.outcome, completed.payload["usage"]) == ("success", usage)
    assert completed.payload["agent_name"] == "scorer"
    assert "prompt" not in completed.payload
    [private] = Ledger(pg).read_private(event_id=completed.id, purpose="test")
    assert (private.payload["prompt"], private.payload["raw_output"]) == ("Jane asks", "yes")
    assert (failed.outcome, failed.metadata) == (
        "failure",
        {"error_code": "ConnectionError", "error_message": "refused"},
    )


def test_outcome_that_is_no_exception(emitter: AuditEmitter, events: Any) -> None:
    with emitter.run("scorer") as run:
        with run.tool_call("search") as call:
            call.outcome = "failure"
            call.report(error="no such index, token=hunter2")
        run.outcome = "partial"
    with emitter.run("scorer") as run:
        run.outcome = "failure"
    tool_completed, completed, failed = [e for e in events() if e.outcome]
    assert (tool_completed.outcome, tool_completed.payload["error"]) == (
        "failure",
        "no such index, token=***",
    )
    assert (completed.event_type, completed.outcome) == ("run.completed", "partial")
    assert (failed.event_type, failed.outcome) == ("run.failed", "failure")


def test_model_call_about_somebody_without_private_data(emitter: AuditEmitter, events: Any) -> None:
    with emitter.run("scorer") as run, run.model_call("example", "example-2", subject_id="u-7"):
        pass
    assert events("agent.call_completed")[0].outcome == "success"


def test_run_in_a_run_is_its_child(emitter: AuditEmitter, events: Any, pg: Connection) -> None:
    with emitter.run("planner") as outer, outer.tool_call("delegate"):
        with emitter.run("worker") as inner:
            assert Run.current() is inner
        assert Run.current() is outer
        emitter.emit("run.paused")
    called = events("run.tool_called")[0]
    child = next(e for e in events("run.started") if e.run_id == inner.id)
    assert (child.causation_id, child.actor_id) == (called.id, "planner")
    assert child.payload == {"agent_name": "worker", "parent_run_id": str(outer.id)}
    assert (inner.trace_id, inner.correlation_id) == (outer.trace_id, outer.correlation_id)
    assert events("run.paused")[0].run_id == outer.id
    row = pg.execute(
        "select parent_run_id, trace_id from ledger.agent_runs where id = %s", [inner.id]
    )
    assert row.fetchone() == (outer.id, outer.trace_id)


def test_run_of_another_tenant_is_no_child(emitter: AuditEmitter, events: Any) -> None:
    with emitter.run("planner") as outer, emitter.run("worker", tenant_id="acme") as inner:
        emitter.emit("run.paused")
    started, paused, _ = events(tenant_id="acme")
    assert (started.run_id, paused.run_id) == (inner.id, inner.id)
    assert (started.causation_id, inner.parent_run_id) == (None, None)
    assert {e.run_id for e in events()} == {outer.id}


def test_run_takes_the_context(emitter: AuditEmitter, events: Any) -> None:
    trace_id, correlation_id = uuid4(), uuid4()
    with (
        context.use(tenant_id="acme", trace_id=trace_id, correlation_id=correlation_id),
        context.use(actor_type="user", actor_id="ann"),
        emitter.run("scorer", actor_type="system", actor_id="cron"),
    ):
        pass
    started, completed = events(tenant_id="acme")
    assert (started.trace_id, completed.trace_id) == (trace_id, trace_id)
    assert (started.correlation_id, completed.correlation_id) == (correlation_id, correlation_id)
    assert (started.actor_id, completed.actor_id) == ("ann", "cron")


def test_parent_of_another_process_gives_trace_and_correlation(
    emitter: AuditEmitter, events: Any, pg: Connection
) -> None:
    parent = Ledger(pg).start_run("elsewhere")
    with context.use(trace_id=uuid4()), emitter.run("worker", parent_run_id=parent):
        emitter.emit("run.paused")
    assert len({(e.trace_id, e.correlation_id) for e in events()}) == 1


@pytest.mark.parametrize("run_id", ["00000000-0000-0000-0000-00000000000a", UUID(int=10)])
def test_run_that_exists_is_refused(emitter: AuditEmitter, events: Any, run_id: Any) -> None:
    with emitter.run("scorer", run_id=run_id):
        pass
    with pytest.raises(errors.InvalidArgument, match="exists already"):
        emitter.run("scorer", run_id=run_id).begin()
    assert len(events()) == 2


def test_misuse_is_refused(emitter: AuditEmitter) -> None:
    with pytest.raises(errors.InvalidArgument, match="run_id is no UUID"):
        emitter.run("scorer", run_id="7")
    with pytest.raises(TypeError, match="unexpected keyword argument: colour"):
        emitter.run("scorer", colour="red")  # type: ignore[call-arg]
    with pytest.raises(errors.InvalidArgument, match="there is no Run here"):
        Run.current()
    with pytest.raises(errors.InvalidArgument, match="agent_name must have"):
        emitter.run("").begin()
    run = emitter.run("scorer")
    with pytest.raises(errors.InvalidArgument, match="has not begun"):
        run.tool_call("search").begin()
    with run, pytest.raises(errors.InvalidArgument, match="has begun already"):
        run.begin()
    with pytest.raises(errors.InvalidArgument, match="the tool call has no name"):
        run.tool_call().begin()


def test_role_that_may_only_write(dsn: str, login_role: Any, events: Any) -> None:
    role = login_role("writer", {"acme": ["write"]})
    conninfo = psycopg.conninfo.make_conninfo(dsn, user=role)
    with AuditEmitter(conninfo) as emitter:
        with emitter.run("scorer", tenant_id="acme") as run, run.tool_call("search"):
            pass
        with pytest.raises(errors.TenantNotPermitted):
            emitter.run("scorer").begin()
    _, called, completed, _ = events(tenant_id="acme")
    assert completed.causation_id == called.id


def test_values_without_a_json_form(emitter: AuditEmitter, events: Any) -> None:
    loop: list[Any] = []
    loop.append(loop)
    arguments = {"a": object(), "b": {1: {2}}, "c": float("nan"), "d": "a\0b\ud800", "e": loop}
    with emitter.run("scorer") as run, run.tool_call("search", arguments):
        pass
    [called] = events("run.tool_called")
    recorded = called.payload["arguments"]
    assert (recorded["a"], recorded["b"], recorded["c"]) == ("<object>", {"1": [2]}, "nan")
    assert recorded["d"] == "a�b?"


def test_run_that_did_not_begin_has_no_tool_calls(emitter: AuditEmitter, events: Any) -> None:
    run = emitter.run("scorer", tenant_id="no tenant!")
    with pytest.raises(errors.InvalidArgument, match="no tenant id"):
        run.begin()
    with pytest.raises(errors.InvalidArgument, match="has not begun"), run.tool_call("search"):
        pytest.fail("it began")
    assert events() == []


def test_block_ends_once(emitter: AuditEmitter, events: Any) -> None:
    with emitter.run("scorer") as run:
        pass
    with pytest.raises(errors.InvalidArgument, match="has ended already"):
        run.end()
    with pytest.raises(errors.InvalidArgument, match="has not begun"):
        emitter.run("scorer").end()
    assert [event.event_type for event in events()] == ["run.started", "run.completed"]
