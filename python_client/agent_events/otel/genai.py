"""What a span of the GenAI semantic conventions is, and the events it becomes.

https://github.com/open-telemetry/semantic-conventions-genai, as of 1.41; names that were renamed
since 1.27 (gen_ai.system, gen_ai.usage.prompt_tokens) are read too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto
from typing import Any, Literal, NamedTuple

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import StatusCode

from agent_events.models import Outcome
from agent_events.otel.reading import Attributes, content, count, scalar, shown, text, time


class Kind(Enum):
    """What a span stands for."""

    RUN = auto()
    TOOL = auto()
    CALL = auto()


_KINDS = {
    "invoke_agent": Kind.RUN,
    "invoke_workflow": Kind.RUN,
    "execute_tool": Kind.TOOL,
    "chat": Kind.CALL,
    "generate_content": Kind.CALL,
    "text_completion": Kind.CALL,
    "embeddings": Kind.CALL,
}
_OPERATION = "gen_ai.operation.name"
_PARAMETERS = {
    "gen_ai.request.temperature": "temperature",
    "gen_ai.request.top_p": "top_p",
    "gen_ai.request.top_k": "top_k",
    "gen_ai.request.max_tokens": "max_tokens",
    "gen_ai.request.frequency_penalty": "frequency_penalty",
    "gen_ai.request.presence_penalty": "presence_penalty",
    "gen_ai.request.seed": "seed",
    "gen_ai.request.choice.count": "choice_count",
    "gen_ai.request.encoding_formats": "encoding_formats",
    "gen_ai.output.type": "output_type",
}
_METADATA = {
    _OPERATION: "operation",
    "gen_ai.conversation.id": "conversation_id",
    "gen_ai.agent.id": "agent_id",
    "gen_ai.response.id": "response_id",
    "gen_ai.response.finish_reasons": "finish_reasons",
}


@dataclass(frozen=True, slots=True)
class Draft:
    """An event as far as its span says it.

    phase    'start' for what says that something began, 'end' for what became of it
    private  content, which must stay erasable
    """

    phase: Literal["start", "end"]
    event_type: str
    payload: dict[str, Any]
    occurred_at: datetime
    outcome: Outcome | None = None
    private: dict[str, Any] | None = None
    metadata: dict[str, Any] = field(default_factory=dict)


class Failure(NamedTuple):
    """What went wrong: for a program, and for a person, masked."""

    code: str | None
    message: str


def kind_of(span: ReadableSpan) -> Kind | None:
    """Return what an ended span stands for, by its operation; None for any other span."""
    return _KINDS.get(str(_attributes(span).get(_OPERATION)))


def kind_at_start(span: ReadableSpan) -> Kind | None:
    """Return what a span stands for, also by its name: some set the attributes later."""
    if _OPERATION in _attributes(span):
        return kind_of(span)
    operation, _, subject = span.name.partition(" ")
    return _KINDS.get(operation) if subject else None


def agent_of(span: ReadableSpan, kind: Kind) -> str | None:
    """Return the name of the agent that the span is of, if it says so."""
    attributes = _attributes(span)
    agent = text(attributes, "gen_ai.agent.name")
    if agent is None and kind is Kind.RUN:
        agent = text(attributes, "gen_ai.workflow.name", "gen_ai.agent.id") or _subject(span)
    return agent


def service_of(span: ReadableSpan) -> str:
    """Return the name of the service, which stands in for an agent's."""
    return text(span.resource.attributes, "service.name") or "unknown"


def opening(span: ReadableSpan, kind: Kind, agent: str, *, with_content: bool) -> Draft | None:
    """Return the event that something began; None for a call of a model, which is one event."""
    attributes = _attributes(span)
    private: dict[str, Any] = {}
    if kind is Kind.RUN:
        event_type = "run.started"
        version = text(attributes, "gen_ai.agent.version")
        payload = {"agent_name": agent, "agent_version": version}
    elif kind is Kind.TOOL:
        event_type = "run.tool_called"
        payload = _tool(span)
        if with_content:
            private = {"arguments": content(attributes, "gen_ai.tool.call.arguments")}
    else:
        return None
    return Draft(
        "start",
        event_type,
        _given(payload),
        time(span.start_time),
        private=_given(private) or None,
        metadata=_metadata(span),
    )


def closing(span: ReadableSpan, kind: Kind, agent: str, *, with_content: bool) -> Draft:
    """Return the event that something came to its end, well or not."""
    failure = _failure(span)
    event_type, payload = _ended(span, kind, agent, failure)
    metadata = _metadata(span)
    if failure:
        metadata |= _given({"error_code": failure.code, "error_message": failure.message})
    if kind is Kind.CALL and payload["usage"] is None:
        metadata |= _tokens(_attributes(span))
    private = _content(kind, _attributes(span)) if with_content else {}
    if kind is Kind.CALL:  # the schema of its type has them as private fields
        payload |= private
        private = {}
    return Draft(
        "end",
        event_type,
        _given(payload),
        time(span.end_time),
        outcome="failure" if failure else "success",
        private=private or None,
        metadata=metadata,
    )


_Written = tuple[str, dict[str, Any]]  # event type, payload


def _ended(span: ReadableSpan, kind: Kind, agent: str, failure: Failure | None) -> _Written:
    match kind:
        case Kind.RUN:
            return _run_ended(span, failure)
        case Kind.TOOL:
            error = failure.message if failure else None
            payload = {"duration_ms": _duration(span), "error": error}
            return "run.tool_completed", _tool(span) | payload
        case Kind.CALL:
            return "agent.call_completed", _call(span, agent)


def _run_ended(span: ReadableSpan, failure: Failure | None) -> _Written:
    payload = {"duration_ms": _duration(span), **_tokens(_attributes(span))}
    if failure is None:
        return "run.completed", payload
    return "run.failed", payload | {"error": failure.message, "error_code": failure.code}


def _call(span: ReadableSpan, agent: str) -> dict[str, Any]:
    attributes = _attributes(span)
    model = text(attributes, "gen_ai.response.model", "gen_ai.request.model")
    requested = text(attributes, "gen_ai.request.model")
    parameters = {name: scalar(attributes.get(key)) for key, name in _PARAMETERS.items()}
    parameters["requested_model"] = requested if requested != model else None
    parameters["tools"] = _tool_names(attributes)
    return {
        "timestamp_start": time(span.start_time).isoformat(),
        "timestamp_end": time(span.end_time).isoformat(),
        "latency_ms": _duration(span),
        "agent_name": agent,
        "method_name": text(attributes, _OPERATION),
        "provider_name": text(attributes, "gen_ai.provider.name", "gen_ai.system") or "unknown",
        "model_name": model or _subject(span) or "unknown",
        "input_metadata": _given(parameters) or None,
        "usage": _usage(attributes),
    }


def _content(kind: Kind, attributes: Attributes) -> dict[str, Any]:
    """What was said, of a span that ended."""
    instructions = content(attributes, "gen_ai.system_instructions")
    messages = content(attributes, "gen_ai.input.messages")
    answer = content(attributes, "gen_ai.output.messages")
    match kind:
        case Kind.RUN:
            found = {
                "system_instructions": instructions,
                "input_messages": messages,
                "output_messages": answer,
            }
        case Kind.TOOL:
            found = {
                "arguments": content(attributes, "gen_ai.tool.call.arguments"),
                "result": content(attributes, "gen_ai.tool.call.result"),
            }
        case Kind.CALL:
            prompt = _given({"system_instructions": instructions, "messages": messages})
            found = {"prompt": messages if instructions is None else prompt, "raw_output": answer}
    return _given(found)


def _usage(attributes: Attributes) -> dict[str, int] | None:
    """The tokens of a call; None where too little is known: the schema wants both directions."""
    tokens = _tokens(attributes)
    if attributes.get(_OPERATION) == "embeddings":
        tokens.setdefault("output_tokens", 0)
    if tokens.keys() < {"input_tokens", "output_tokens"}:
        return None
    more = {
        "cached_input_tokens": count(attributes, "gen_ai.usage.cache_read.input_tokens"),
        "reasoning_tokens": count(attributes, "gen_ai.usage.reasoning.output_tokens"),
    }
    return tokens | _given(more)


def _tokens(attributes: Attributes) -> dict[str, int]:
    tokens = {
        "input_tokens": count(
            attributes, "gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"
        ),
        "output_tokens": count(
            attributes, "gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"
        ),
    }
    return _given(tokens)


def _tool(span: ReadableSpan) -> dict[str, Any]:
    attributes = _attributes(span)
    return {
        "tool_name": text(attributes, "gen_ai.tool.name") or _subject(span) or "unknown",
        "call_id": text(attributes, "gen_ai.tool.call.id"),
    }


def _tool_names(attributes: Attributes) -> list[str] | None:
    """Names of the tools that the model was offered; their descriptions are content."""
    definitions = attributes.get("gen_ai.tool.definitions")
    if not isinstance(definitions, str):
        return None
    with suppress(ValueError, RecursionError):
        read = json.loads(definitions)
        described = (
            [item for item in read if isinstance(item, dict)] if isinstance(read, list) else []
        )
        names = [item["name"] for item in described if isinstance(item.get("name"), str)]
        return [shown(name) for name in names] or None
    return None


def _failure(span: ReadableSpan) -> Failure | None:
    attributes = _attributes(span)
    code = text(attributes, "error.type")
    if code is None and span.status.status_code is not StatusCode.ERROR:
        return None
    message = span.status.description
    for event in span.events:
        if event.name == "exception" and event.attributes:
            code = code or text(event.attributes, "exception.type")
            message = message or text(event.attributes, "exception.message")
    return Failure(code, shown(message or "") or code or "no reason was given")


def _metadata(span: ReadableSpan) -> dict[str, Any]:
    attributes = _attributes(span)
    return _given({name: scalar(attributes.get(key)) for key, name in _METADATA.items()})


def _subject(span: ReadableSpan) -> str | None:
    """What the name of a span says after its operation: "execute_tool search"."""
    operation, _, subject = span.name.partition(" ")
    return shown(subject) if operation in _KINDS and subject else None


def _duration(span: ReadableSpan) -> float:
    """Milliseconds; 0 where the clock went backwards."""
    if span.start_time is None or span.end_time is None:
        return 0.0
    return max(span.end_time - span.start_time, 0) / 1_000_000


def _attributes(span: ReadableSpan) -> Attributes:
    return span.attributes or {}


def _given(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
