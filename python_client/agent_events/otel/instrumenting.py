"""The switch: the current span's ids in every emit, and a span for every call of the ledger."""

from __future__ import annotations

from opentelemetry import trace

import agent_events
from agent_events import _watching, context
from agent_events.otel.client_spans import ClientSpans
from agent_events.otel.current_span import ids_of_current_span


def instrument(
    tracer_provider: trace.TracerProvider | None = None, *, ids: bool = True, spans: bool = True
) -> None:
    """Have emits take their ids from the current span, and calls of the ledger make spans.

    Args:
        tracer_provider: makes the spans; default the global one, also if it is set later.
        ids: whether `trace_id`, `metadata.span_id`, and `traceparent` and `tracestate` of the
            message come from the current span, where neither the emit nor `context.use` has them.
        spans: whether each function of the ledger that the client calls is a span. They say which
            function and which type of event, and never what is in it.

    Called again it sets both anew.
    """
    uninstrument()
    if ids:
        context.providers.append(ids_of_current_span)
    if spans:
        tracer = trace.get_tracer("agent_events", agent_events.__version__, tracer_provider)
        _watching.watch = ClientSpans(tracer)


def uninstrument() -> None:
    """Undo `instrument`; does no harm where it was not called."""
    if ids_of_current_span in context.providers:
        context.providers.remove(ids_of_current_span)
    _watching.watch = None
