"""OpenTelemetry: instrumenting, and a processor over the emitters there are."""

from opentelemetry.sdk.trace import TracerProvider

from agent_events import AsyncAuditEmitter, AuditEmitter, get_emitter
from agent_events.otel import LedgerSpanProcessor, instrument, uninstrument


def set_up(provider: TracerProvider, emitter: AuditEmitter) -> LedgerSpanProcessor:
    instrument(provider, ids=True, spans=False)
    provider.add_span_processor(LedgerSpanProcessor())
    provider.add_span_processor(LedgerSpanProcessor(get_emitter(), tenant_id="acme"))
    processor = LedgerSpanProcessor(emitter, record_content=True, max_queued=100, max_spans=100)
    provider.add_span_processor(processor)
    return processor


def tear_down(processor: LedgerSpanProcessor) -> int:
    uninstrument()
    if not processor.force_flush(1000):
        processor.shutdown()
    return processor.failed + processor.dropped


def misuse(emitter: AsyncAuditEmitter) -> None:
    LedgerSpanProcessor(emitter)  # type: ignore[arg-type]
