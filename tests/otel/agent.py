"""An agent as instrumentations of frameworks trace it, by the GenAI semantic conventions."""

from __future__ import annotations

import json

from opentelemetry.trace import SpanKind, Tracer

PROMPT = [{"role": "user", "parts": [{"type": "text", "content": "Is there a table for two?"}]}]
ANSWER = [{"role": "assistant", "parts": [{"type": "text", "content": "At eight."}]}]
TOOLS = [{"type": "function", "name": "search"}, {"type": "function", "name": "book"}]


def run(tracer: Tracer) -> None:
    """A run: the model asks for a tool, the tool answers, the model answers."""
    with tracer.start_as_current_span(
        "invoke_agent waiter",
        attributes={
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.provider.name": "example",
            "gen_ai.agent.name": "waiter",
            "gen_ai.agent.version": "3",
            "gen_ai.conversation.id": "talk-1",
        },
    ) as span:
        chat(tracer, finish_reason="tool_calls")
        use_tool(tracer)
        chat(tracer)
        span.set_attributes({"gen_ai.usage.input_tokens": 1624, "gen_ai.usage.output_tokens": 62})


def chat(tracer: Tracer, finish_reason: str = "stop") -> None:
    with tracer.start_as_current_span(
        "chat example-large",
        kind=SpanKind.CLIENT,
        attributes={
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "example",
            "gen_ai.request.model": "example-large",
            "gen_ai.request.temperature": 0.5,
            "gen_ai.tool.definitions": json.dumps(TOOLS),
            "gen_ai.input.messages": json.dumps(PROMPT),
        },
    ) as span:
        span.set_attributes(
            {
                "gen_ai.response.model": "example-large-2026-09",
                "gen_ai.response.id": "chat-1",
                "gen_ai.response.finish_reasons": [finish_reason],
                "gen_ai.usage.input_tokens": 812,
                "gen_ai.usage.output_tokens": 31,
                "gen_ai.usage.cache_read.input_tokens": 512,
                "gen_ai.output.messages": json.dumps(ANSWER),
            }
        )


def use_tool(tracer: Tracer) -> None:
    with tracer.start_as_current_span(
        "execute_tool search",
        attributes={
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": "search",
            "gen_ai.tool.call.id": "call-1",
            "gen_ai.tool.call.arguments": json.dumps({"seats": 2, "api_key": "hunter2"}),
        },
    ) as span:
        span.set_attribute("gen_ai.tool.call.result", json.dumps({"free": ["20:00"]}))
