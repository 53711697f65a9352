"""Ids of the current span in what is emitted, and spans of the client's calls."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from uuid import UUID

import psycopg
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import SpanContext, SpanKind, StatusCode, TraceFlags, Tracer, TraceState
from relay_engine.messages import message

from agent_events import (
    AsyncAuditEmitter,
    AsyncLedger,
    AuditEmitter,
    Event,
    Ledger,
    context,
    errors,
)
from agent_events.otel import instrument, uninstrument
from agent_events.relay.envelope import envelope

Connection = psycopg.Connection[Any]
SECRET = "do-not-tell"
TRACE_ID = UUID("0af76519-16cd-43dd-8448-eb211c80319c")
SPAN_ID = "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE_ID.hex}-{SPAN_ID}-01"
REMOTE = SpanContext(
    trace_id=TRACE_ID.int,
    span_id=int(SPAN_ID, 16),
    is_remote=True,
    trace_flags=TraceFlags(TraceFlags.SAMPLED),
    trace_state=TraceState([("vendor", "x1")]),
)


def within(span: SpanContext) -> Any:
    return trace.use_span(trace.NonRecordingSpan(span))


def headers(pg: Connection) -> Any:
    [(found,)] = pg.execute("select headers from ledger.outbox").fetchall()
    return found


def event_of(pg: Connection, event_id: UUID) -> Event:
    event = Ledger(pg).get_event(event_id)
    assert event is not None
    return event


@pytest.mark.usefixtures("instrumented")
def test_event_and_message_have_the_ids_of_the_current_span(pg: Connection) -> None:
    with within(REMOTE):
        receipt = Ledger(pg).emit_event("run.paused")
    event = event_of(pg, receipt.id)
    assert event.trace_id == event.correlation_id == TRACE_ID
    assert event.metadata == {"span_id": SPAN_ID}
    assert headers(pg) == {"traceparent": TRACEPARENT, "tracestate": "vendor=x1"}


@pytest.mark.usefixtures("instrumented")
def test_relay_goes_on_with_that_trace(pg: Connection) -> None:
    with within(REMOTE):
        Ledger(pg).emit_event("run.paused")
    make = envelope(
        "binary", source="/app", topic=lambda sent: sent.event_type, header_prefix="ce-"
    )
    sent = make(message(headers=headers(pg))).headers
    assert sent["ce-traceparent"] == TRACEPARENT
    assert sent["ce-tracestate"] == "vendor=x1"


@pytest.mark.usefixtures("instrumented", "noted")
def test_every_way_of_emitting(pg: Connection, dsn: str, emitter: AuditEmitter) -> None:
    async def asynchronously() -> None:
        async with AsyncAuditEmitter(dsn) as emitter:
            await emitter.emit("test.noted", {"text": "x"})
            await emitter.buffer("test.noted", {"text": "x"})
        async with await psycopg.AsyncConnection.connect(dsn) as connection:
            await AsyncLedger(connection).emit_event("test.noted", {"text": "x"})

    with within(REMOTE):
        emitter.emit("test.noted", {"text": "x"})
        emitter.buffer("test.noted", {"text": "x"})
        emitter.audit().action("test.noted").actor("user", "ann").payload(text="x").pending().emit()
        Ledger(pg).emit_events([{"event_type": "test.noted", "payload": {"text": "x"}}] * 2)
        asyncio.run(asynchronously())
    emitter.flush()
    rows = pg.execute(
        "select trace_id, metadata ->> 'span_id', count(*) from ledger.events group by 1, 2"
    )
    assert rows.fetchall() == [(TRACE_ID, SPAN_ID, 8)]


@pytest.mark.usefixtures("instrumented")
def test_what_is_said_counts_more(pg: Connection) -> None:
    other = UUID(int=7)
    ledger = Ledger(pg)
    with within(REMOTE):
        own: Any = {"traceparent": "own", "other": "kept"}
        metadata = {"span_id": "own", "note": "kept"}
        given = ledger.emit_event("run.paused", trace_id=other, headers=own, metadata=metadata)
        assert headers(pg) == own | {"tracestate": "vendor=x1"}
        with context.use(trace_id=other, correlation_id=other):
            around = ledger.emit_event("run.paused", publish=False)
    assert event_of(pg, given.id).trace_id == other
    assert event_of(pg, given.id).metadata == metadata
    assert event_of(pg, around.id).trace_id == other
    assert event_of(pg, around.id).correlation_id == other


@pytest.mark.usefixtures("instrumented")
def test_span_that_is_not_sampled_gives_its_ids_too(pg: Connection) -> None:
    tracer = TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False).get_tracer("sample")
    with tracer.start_as_current_span("GET /") as span:
        receipt = Ledger(pg).emit_event("run.paused")
    assert event_of(pg, receipt.id).trace_id == UUID(int=span.get_span_context().trace_id)
    flags = int(headers(pg)["traceparent"][-2:], 16)
    assert not flags & TraceFlags.SAMPLED


@pytest.mark.usefixtures("instrumented")
def test_outside_any_span_nothing_is_added(pg: Connection) -> None:
    receipt = Ledger(pg).emit_event("run.paused")
    assert event_of(pg, receipt.id).metadata is None
    assert headers(pg) is None


def test_either_half_alone_and_neither(
    pg: Connection, provider: TracerProvider, exporter: InMemorySpanExporter
) -> None:
    def ids_and_spans() -> tuple[bool, int]:
        exporter.clear()
        with within(REMOTE):
            receipt = Ledger(pg).emit_event("run.paused")
        return event_of(pg, receipt.id).trace_id == TRACE_ID, len(exporter.get_finished_spans())

    try:
        instrument(provider, spans=False)
        assert ids_and_spans() == (True, 0)
        instrument(provider, ids=False)
        assert ids_and_spans() == (False, 1)
        instrument(provider)
        instrument(provider)
        assert ids_and_spans() == (True, 1)
    finally:
        uninstrument()
    assert ids_and_spans() == (False, 0)
    uninstrument()


class Calls:
    """The client's calls, over both kinds of connection, inside a span."""

    def __init__(self, dsn: str, tracer: Tracer, exporter: InMemorySpanExporter) -> None:
        self.dsn = dsn
        self._tracer = tracer
        self._exporter = exporter

    def spans(self, call: Callable[[Any], Any], *, asynchronous: bool) -> list[ReadableSpan]:
        """Return the spans that a call made, in their order; what it raises is left aside."""
        self._exporter.clear()
        with self._tracer.start_as_current_span("request"):
            if asynchronous:
                asyncio.run(self._awaited(call))
            else:
                with psycopg.connect(self.dsn) as connection:
                    self._tried(lambda: call(Ledger(connection)))
        *made, request = self._exporter.get_finished_spans()
        for span in made:
            assert span.parent is not None
            assert span.parent == request.context
        return made

    async def _awaited(self, call: Callable[[Any], Any]) -> None:
        async with await psycopg.AsyncConnection.connect(self.dsn) as connection:
            try:
                await call(AsyncLedger(connection))
            except errors.LedgerError:
                await connection.rollback()

    def _tried(self, call: Callable[[], Any]) -> None:
        with suppress(errors.LedgerError):
            call()


@pytest.fixture
def calls(
    dsn: str,
    tracer: Tracer,
    exporter: InMemorySpanExporter,
    instrumented: None,  # noqa: ARG001
) -> Calls:
    return Calls(dsn, tracer, exporter)


both = pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])


@both
def test_call_is_a_span(calls: Calls, *, asynchronous: bool) -> None:
    [span] = calls.spans(
        lambda ledger: ledger.emit_event("run.paused", tenant_id="acme"), asynchronous=asynchronous
    )
    assert span.name == "ledger.emit_event"
    assert span.kind is SpanKind.CLIENT
    attributes = dict(span.attributes or {})
    assert attributes.pop("server.address")
    assert attributes.pop("server.port")
    assert attributes.pop("db.namespace")
    assert attributes == {
        "db.system.name": "postgresql",
        "db.operation.name": "emit_event",
        "db.stored_procedure.name": "ledger.emit_event",
        "agent_events.event_type": "run.paused",
        "agent_events.tenant_id": "acme",
    }
    assert span.status.status_code is StatusCode.UNSET


@both
def test_batch_and_reading_are_spans(calls: Calls, *, asynchronous: bool) -> None:
    batch = [{"event_type": "run.paused"}, {"event_type": "run.resumed"}]
    [span] = calls.spans(lambda ledger: ledger.emit_events(batch), asynchronous=asynchronous)
    attributes = span.attributes or {}
    assert attributes["db.operation.batch.size"] == 2
    assert attributes["agent_events.event_types"] == ("run.paused", "run.resumed")
    [span] = calls.spans(lambda ledger: ledger.find_events(), asynchronous=asynchronous)
    assert span.name == "ledger.find_events"


@both
def test_failing_call_says_what_and_never_why(calls: Calls, *, asynchronous: bool) -> None:
    """Messages of the ledger quote what was given."""
    [span] = calls.spans(
        lambda ledger: ledger.emit_event("run.paused", {"step": SECRET}), asynchronous=asynchronous
    )
    assert span.status.status_code is StatusCode.ERROR
    assert span.status.description is None
    assert span.events == ()
    attributes = span.attributes or {}
    assert attributes["error.type"] == "InvalidPayload"
    assert attributes["db.response.status_code"] == "LG003"
    assert SECRET not in span.to_json()


@both
def test_what_is_emitted_is_in_no_span(calls: Calls, *, asynchronous: bool) -> None:
    everything: Any = {
        "payload": {"reason": SECRET},
        "private": {"name": SECRET},
        "subject_id": SECRET,
        "proof": {"type": "url", "url": SECRET},
        "metadata": {"note": SECRET},
        "headers": {"note": SECRET},
        "actor_type": "user",
        "actor_id": SECRET,
        "idempotency_key": SECRET,
    }
    one = calls.spans(
        lambda ledger: ledger.emit_event("run.paused", **everything), asynchronous=asynchronous
    )
    batch = [{"event_type": "run.paused"} | everything | {"idempotency_key": "2"}]
    many = calls.spans(lambda ledger: ledger.emit_events(batch), asynchronous=asynchronous)
    for span in (*one, *many):
        assert span.status.status_code is StatusCode.UNSET
        assert SECRET not in span.to_json()


@pytest.mark.usefixtures("instrumented")
def test_call_over_a_closed_connection_raises_what_it_raised(dsn: str, tracer: Tracer) -> None:
    connection = psycopg.connect(dsn)
    connection.close()
    with (
        tracer.start_as_current_span("request"),
        pytest.raises(psycopg.OperationalError, match="the connection is closed"),
    ):
        Ledger(connection).emit_event("run.paused")


@pytest.mark.usefixtures("instrumented")
def test_emitters_make_spans_and_following_the_log_makes_none(
    pg: Connection, emitter: AuditEmitter, exporter: InMemorySpanExporter
) -> None:
    emitter.emit("run.paused")
    for _ in range(3):
        emitter.buffer("run.paused")
    emitter.flush()
    with Ledger(pg).subscribe() as subscription:
        for entry in subscription:
            if entry.position == 3:
                break
    [one, many] = exporter.get_finished_spans()
    assert (one.name, many.name) == ("ledger.emit_event", "ledger.emit_events")
    assert (many.attributes or {})["db.operation.batch.size"] == 3
