"""What an emit gets from the span it happens in."""

from __future__ import annotations

from uuid import UUID

from opentelemetry import trace
from opentelemetry.trace import SpanContext, format_span_id
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from agent_events.models import EventOptions

_propagator = TraceContextTextMapPropagator()


def ids_of_current_span() -> EventOptions:
    """Return trace id, span id and headers (W3C Trace Context); nothing outside any span."""
    span = trace.get_current_span().get_span_context()
    return ids_of(span) if span.is_valid else {}


def ids_of(span: SpanContext) -> EventOptions:
    """Return trace id, span id and headers of a valid span, sampled or not."""
    headers: dict[str, str] = {}
    _propagator.inject(headers, trace.set_span_in_context(trace.NonRecordingSpan(span)))
    return {
        "trace_id": UUID(int=span.trace_id),
        "headers": headers,
        "metadata": {"span_id": format_span_id(span.span_id)},
    }
