"""OpenTelemetry: ids of the current span in events, spans of the client's calls, events of spans.

    instrument()                                    # ids and spans, both ways
    provider.add_span_processor(LedgerSpanProcessor(emitter))   # GenAI spans become events

Needs the extra `otel`. docs/otel.md says which span becomes which event.
"""

try:
    import opentelemetry.sdk.trace  # noqa: F401 - so that a missing extra is told as one
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        f"agent_events.otel needs a package that is not installed ({error.name}): "
        "pip install 'agent-events[otel]'",
        name=error.name,
    ) from error

from agent_events.otel.instrumenting import instrument, uninstrument
from agent_events.otel.processor import LedgerSpanProcessor

__all__ = ["LedgerSpanProcessor", "instrument", "uninstrument"]
