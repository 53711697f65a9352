"""Which events the spans of an instrumented agent become, and what is in them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from opentelemetry.trace import Status, StatusCode, Tracer
from otel import agent
from otel.conftest import Events, MakeProcessor, Stored

from agent_events import Event, Ledger
from agent_events.otel import LedgerSpanProcessor

Connection = psycopg.Connection[Any]
SECRET = "sk-ant-0123456789abcdef"
CHAT = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "example",
    "gen_ai.request.model": "example-large",
}


def types(events: list[Event]) -> list[str]:
    return [event.event_type for event in events]


def only(events: list[Event], event_type: str) -> Event:
    [event] = [event for event in events if event.event_type == event_type]
    return event


@pytest.mark.usefixtures("processor")
def test_run_with_its_calls(tracer: Tracer, events: Events) -> None:
    agent.run(tracer)
    recorded = events()
    assert types(recorded) == [
        "run.started",
        "agent.call_completed",
        "run.tool_called",
        "run.tool_completed",
        "agent.call_completed",
        "run.completed",
    ]
    started, asked, called, returned, answered, completed = recorded
    assert started.payload == {"agent_name": "waiter", "agent_version": "3"}
    assert called.payload == {"tool_name": "search", "call_id": "call-1"}
    assert returned.payload.pop("duration_ms") >= 0
    assert returned.payload == called.payload
    assert completed.payload.pop("duration_ms") > 0
    assert completed.payload == {"input_tokens": 1624, "output_tokens": 62}
    assert asked.payload["usage"] == {
        "input_tokens": 812,
        "output_tokens": 31,
        "cached_input_tokens": 512,
    }
    assert asked.payload["model_name"] == "example-large-2026-09"
    assert asked.payload["provider_name"] == "example"
    assert asked.payload["agent_name"] == "waiter"
    assert asked.payload["method_name"] == "chat"
    assert asked.payload["latency_ms"] >= 0
    assert asked.payload["input_metadata"] == {
        "temperature": 0.5,
        "requested_model": "example-large",
        "tools": ["search", "book"],
    }
    reasons = [(event.metadata or {})["finish_reasons"] for event in (asked, answered)]
    assert reasons == [["tool_calls"], ["stop"]]
    assert (completed.metadata or {})["conversation_id"] == "talk-1"
    assert [event.outcome for event in recorded] == [None, "success", None, *["success"] * 3]
    assert {(event.actor_type, event.actor_id) for event in recorded} == {("agent", "waiter")}


@pytest.mark.usefixtures("processor")
def test_nesting_is_causation_and_one_correlation(
    tracer: Tracer, events: Events, pg: Connection
) -> None:
    with tracer.start_as_current_span("POST /tables") as request:
        agent.run(tracer)
    recorded = events()
    started, asked, called, returned, answered, completed = recorded
    trace_id = UUID(int=request.get_span_context().trace_id)
    assert {event.trace_id for event in recorded} == {trace_id}
    assert {event.correlation_id for event in recorded} == {trace_id}
    assert len({event.run_id for event in recorded}) == 1
    assert started.causation_id is None
    assert {e.causation_id for e in (asked, called, answered, completed)} == {started.id}
    assert returned.causation_id == called.id
    [status] = pg.execute("select agent_name, status, outcome from ledger.agent_run_status")
    assert status == ("waiter", "completed", "success")
    assert [node.depth for node in Ledger(pg).trace(trace_id)] == [0, 1, 1, 2, 1, 1]


@pytest.mark.usefixtures("processor")
def test_times_are_those_of_the_spans(tracer: Tracer, events: Events) -> None:
    begin = datetime(2026, 1, 31, 12, 0, 0, 123456, tzinfo=UTC)
    nanoseconds = int(begin.timestamp()) * 10**9 + 123456000
    run = tracer.start_span("invoke_agent a", start_time=nanoseconds, attributes={})
    call = tracer.start_span("chat m", start_time=nanoseconds, attributes=CHAT)
    call.end(nanoseconds + 1_500_000_000)
    run.end(nanoseconds + 2_000_000_000)
    started, called, completed = events()
    assert started.occurred_at == begin
    assert called.occurred_at == begin + timedelta(seconds=1.5)
    assert called.payload["timestamp_start"] == begin.isoformat()
    assert called.payload["latency_ms"] == 1500
    assert completed.occurred_at == begin + timedelta(seconds=2)
    assert completed.payload["duration_ms"] == 2000


@pytest.mark.usefixtures("processor")
def test_agent_that_is_a_tool_is_a_run_of_its_own(
    tracer: Tracer, events: Events, pg: Connection
) -> None:
    with (
        tracer.start_as_current_span("invoke_agent host"),
        tracer.start_as_current_span("execute_tool ask_waiter"),
        tracer.start_as_current_span("HTTP POST"),  # a span of another instrumentation between
    ):
        agent.run(tracer)
    recorded = events()
    outer, inner = [event for event in recorded if event.event_type == "run.started"]
    called = next(event for event in recorded if event.payload.get("tool_name") == "ask_waiter")
    assert called.run_id == outer.run_id
    assert called.causation_id == outer.id
    assert inner.causation_id == called.id
    assert inner.run_id != outer.run_id
    assert inner.payload["parent_run_id"] == str(outer.run_id)
    assert len({event.correlation_id for event in recorded}) == 1
    rows = pg.execute(
        "select agent_name, parent_run_id from ledger.agent_run_status order by started_at"
    )
    assert rows.fetchall() == [("host", None), ("waiter", outer.run_id)]


@pytest.mark.usefixtures("processor")
def test_content_is_left_out(tracer: Tracer, stored: Stored) -> None:
    agent.run(tracer)
    text = stored()
    assert "search" in text
    for content in ("table for two", "At eight", "seats", "20:00", "hunter2"):
        assert content not in text


def test_content_is_private_where_it_is_asked_for(
    tracer: Tracer, make_processor: MakeProcessor, events: Events, stored: Stored, pg: Connection
) -> None:
    make_processor(record_content=True)
    agent.run(tracer)
    recorded = events()
    _, asked, called, returned, *_ = recorded
    assert "table for two" not in str(recorded)
    assert "20:00" not in str(recorded)
    assert "hunter2" not in stored()

    def private(event: Event) -> Any:
        [found] = Ledger(pg).read_private("a test", event_id=event.id)
        return found

    assert private(asked).payload["prompt"] == agent.PROMPT
    assert private(asked).payload["raw_output"] == agent.ANSWER
    assert private(called).private == {"arguments": {"seats": 2, "api_key": "***"}}
    assert private(returned).private["result"] == {"free": ["20:00"]}


@pytest.mark.usefixtures("processor")
def test_failing_tool_and_run(tracer: Tracer, events: Events) -> None:
    with (
        pytest.raises(ConnectionError),
        tracer.start_as_current_span("invoke_agent waiter"),
        tracer.start_as_current_span(
            "execute_tool search", attributes={"gen_ai.tool.name": "search"}
        ),
    ):
        raise ConnectionError("no answer from the kitchen")
    recorded = events()
    assert types(recorded) == ["run.started", "run.tool_called", "run.tool_completed", "run.failed"]
    returned, failed = recorded[2:]
    assert (returned.outcome, failed.outcome) == ("failure", "failure")
    assert "no answer from the kitchen" in returned.payload["error"]
    assert "no answer from the kitchen" in failed.payload["error"]
    assert failed.payload["error_code"] == "ConnectionError"


@pytest.mark.usefixtures("processor")
def test_failing_call_of_a_model(tracer: Tracer, events: Events) -> None:
    attributes = CHAT | {"error.type": "RateLimitError"}
    with tracer.start_as_current_span("chat example-large", attributes=attributes) as span:
        span.set_status(Status(StatusCode.ERROR, "try again in 20 s"))
    [call] = events()
    assert call.outcome == "failure"
    metadata = call.metadata or {}
    assert metadata["error_code"] == "RateLimitError"
    assert metadata["error_message"] == "try again in 20 s"
    assert call.payload["model_name"] == "example-large"
    assert "usage" not in call.payload


def fail(tracer: Tracer, planted: str) -> None:
    messages = json.dumps([{"role": "user", "content": planted, "password": SECRET}])
    with tracer.start_as_current_span(f"invoke_agent {SECRET}"):
        with tracer.start_as_current_span("chat m", attributes=CHAT) as call:
            call.set_attribute("gen_ai.input.messages", messages)
            call.set_attribute("error.type", f"token={SECRET}")
            call.add_event("exception", {"exception.message": planted})
            call.set_status(Status(StatusCode.ERROR, planted))
        with tracer.start_as_current_span("execute_tool search") as tool:
            tool.set_attribute("gen_ai.tool.call.arguments", json.dumps({"authorization": SECRET}))
            tool.set_attribute("gen_ai.tool.call.result", planted)
            raise PermissionError(planted)


@pytest.mark.parametrize("record_content", [False, True])
def test_secrets_reach_no_table_and_no_log(
    tracer: Tracer,
    make_processor: MakeProcessor,
    stored: Stored,
    caplog: pytest.LogCaptureFixture,
    *,
    record_content: bool,
) -> None:
    """In a status, an exception, a name and the content; without and with that."""
    make_processor(record_content=record_content)
    caplog.set_level("DEBUG", logger="agent_events")
    planted = f"401 for Bearer {SECRET} at https://ann:{SECRET}@api.example/v1?api_key={SECRET}"
    with pytest.raises(PermissionError):
        fail(tracer, planted)
    text = stored()
    assert "api.example" in text
    assert SECRET not in text
    assert SECRET not in caplog.text


@pytest.mark.usefixtures("processor")
def test_attributes_that_come_late(tracer: Tracer, events: Events) -> None:
    """A name that says it is enough to begin with; else both events come at the end."""
    with tracer.start_as_current_span("invoke_agent host") as known:
        known.set_attribute("gen_ai.operation.name", "invoke_agent")
        with tracer.start_as_current_span("Waiter.run") as unknown:
            with tracer.start_as_current_span("chat m", attributes=CHAT):
                pass
            unknown.set_attribute("gen_ai.operation.name", "invoke_agent")
            unknown.set_attribute("gen_ai.agent.name", "waiter")
    recorded = events()
    assert types(recorded) == [
        "run.started",
        "agent.call_completed",
        "run.started",
        "run.completed",
        "run.completed",
    ]
    host, call, waiter, *_ = recorded
    assert call.run_id == host.run_id
    assert waiter.payload["agent_name"] == "waiter"
    assert waiter.causation_id == host.id


@pytest.mark.usefixtures("processor")
def test_agent_is_named_by_its_span_its_run_or_the_service(tracer: Tracer, events: Events) -> None:
    with tracer.start_as_current_span("invoke_agent host"):
        tracer.start_span("chat m", attributes=CHAT | {"gen_ai.agent.name": "sommelier"}).end()
        tracer.start_span("chat m", attributes=CHAT).end()
    tracer.start_span("chat m", attributes=CHAT).end()
    calls = [event for event in events() if event.event_type == "agent.call_completed"]
    assert [call.payload["agent_name"] for call in calls] == ["sommelier", "host", "sample"]
    assert [call.actor_id for call in calls] == ["sommelier", "host", "sample"]


@pytest.mark.usefixtures("processor")
def test_older_names_of_attributes(tracer: Tracer, events: Events) -> None:
    attributes: dict[str, Any] = {
        "gen_ai.operation.name": "text_completion",
        "gen_ai.system": "older",
        "gen_ai.request.model": "m",
        "gen_ai.usage.prompt_tokens": 3,
        "gen_ai.usage.completion_tokens": 4,
    }
    tracer.start_span("text_completion m", attributes=attributes).end()
    [call] = events()
    assert call.payload["provider_name"] == "older"
    assert call.payload["usage"] == {"input_tokens": 3, "output_tokens": 4}


@pytest.mark.usefixtures("processor")
def test_tokens_of_one_direction(tracer: Tracer, events: Events) -> None:
    """Embeddings have no other; of an answer it is unknown, so it is not said to be 0."""
    for operation in ("embeddings", "chat"):
        attributes = CHAT | {"gen_ai.operation.name": operation, "gen_ai.usage.input_tokens": 3}
        tracer.start_span(f"{operation} m", attributes=attributes).end()
    embedded, answered = events()
    assert embedded.payload["usage"] == {"input_tokens": 3, "output_tokens": 0}
    assert "usage" not in answered.payload
    assert (answered.metadata or {})["input_tokens"] == 3


def test_odd_attributes_are_recorded_all_the_same(
    tracer: Tracer, make_processor: MakeProcessor, events: Events
) -> None:
    processor = make_processor(record_content=True)
    odd: list[dict[str, Any]] = [
        {"gen_ai.request.model": 7, "gen_ai.provider.name": "", "gen_ai.agent.name": "\0"},
        {"gen_ai.usage.input_tokens": -1, "gen_ai.usage.output_tokens": "many"},
        {"gen_ai.request.temperature": float("nan"), "gen_ai.request.top_p": float("inf")},
        {"gen_ai.response.finish_reasons": "stop", "gen_ai.response.id": "a\0b\ud800"},
        {"gen_ai.input.messages": "{not json", "gen_ai.output.messages": "42"},
        {"gen_ai.input.messages": '[NaN, "\\u0000\\ud800"]', "gen_ai.output.messages": "null"},
        {"gen_ai.input.messages": "[" * 100_000, "gen_ai.tool.definitions": '{"name": 1}'},
        {"gen_ai.agent.name": "x" * 5000, "gen_ai.request.model": "x" * 5000},
        {"error.type": "", "gen_ai.conversation.id": " "},
    ]
    for attributes in odd:
        tracer.start_span("chat", attributes=CHAT | attributes).end()
        tool = attributes | {"gen_ai.operation.name": "execute_tool"}
        tracer.start_span("execute_tool", attributes=tool).end()
        run = attributes | {"gen_ai.operation.name": "invoke_agent"}
        tracer.start_span("invoke_agent", attributes=run).end()
    assert len(events()) == 5 * len(odd)
    assert processor.failed == 0


@pytest.mark.usefixtures("processor")
def test_other_spans_pass_by(tracer: Tracer, events: Events) -> None:
    for name in ("GET /", "chat with Ann", "invoke_agent", "create_agent waiter"):
        tracer.start_span(name).end()
    tracer.start_span("x", attributes={"gen_ai.operation.name": "create_agent"}).end()
    assert events() == []


@pytest.mark.usefixtures("processor")
def test_workflow_is_a_run(tracer: Tracer, events: Events) -> None:
    attributes = {"gen_ai.operation.name": "invoke_workflow", "gen_ai.workflow.name": "evening"}
    with tracer.start_as_current_span("invoke_workflow evening", attributes=attributes):
        agent.run(tracer)
    assert only(events()[:1], "run.started").payload["agent_name"] == "evening"


def test_message_goes_on_with_the_trace(
    tracer: Tracer, processor: LedgerSpanProcessor, pg: Connection
) -> None:
    with tracer.start_as_current_span("chat m", attributes=CHAT) as span:
        context = span.get_span_context()
    assert processor.force_flush()
    row = pg.execute("select headers ->> 'traceparent' from ledger.outbox").fetchone()
    ids = f"{context.trace_id:032x}-{context.span_id:016x}"
    assert row == (f"00-{ids}-{context.trace_flags:02x}",)
