"""Spans made by the SDK's own API, and what becomes of them in the ledger."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from emitting.conftest import journal, noted, outage
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Tracer

from agent_events import AuditEmitter, Event, Ledger
from agent_events.otel import LedgerSpanProcessor, instrument, uninstrument

__all__ = ["journal", "noted", "outage"]

MakeProcessor = Callable[..., LedgerSpanProcessor]
Events = Callable[[], list[Event]]
Stored = Callable[[], str]


@pytest.fixture
def emitter(dsn: str) -> Iterator[AuditEmitter]:
    with AuditEmitter(dsn) as emitter:
        yield emitter


@pytest.fixture
def provider() -> Iterator[TracerProvider]:
    resource = Resource.create({"service.name": "sample"})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    yield provider
    provider.shutdown()


@pytest.fixture
def make_processor(emitter: AuditEmitter, provider: TracerProvider) -> MakeProcessor:
    """`make_processor(**options)`: a processor of the provider's."""

    def make(**options: Any) -> LedgerSpanProcessor:
        processor = LedgerSpanProcessor(**({"emitter": emitter} | options))
        provider.add_span_processor(processor)
        return processor

    return make


@pytest.fixture
def processor(make_processor: MakeProcessor) -> LedgerSpanProcessor:
    return make_processor()


@pytest.fixture
def tracer(provider: TracerProvider) -> Tracer:
    return provider.get_tracer("sample")


@pytest.fixture
def events(pg: psycopg.Connection[Any], provider: TracerProvider) -> Events:
    """Everything that was recorded for the tenant default, in the order in which it was stored."""

    def read() -> list[Event]:
        assert provider.force_flush()
        return list(Ledger(pg).iter_events(newest_first=False))

    return read


@pytest.fixture
def stored(pg: psycopg.Connection[Any], provider: TracerProvider) -> Stored:
    """All that is in the tables that hold what was emitted, as text."""

    def read() -> str:
        assert provider.force_flush()
        tables = ("events", "outbox", "event_private", "agent_runs")
        rows = [pg.execute(f"select t::text from ledger.{name} as t") for name in tables]
        return "\n".join(text for cursor in rows for (text,) in cursor)

    return read


@pytest.fixture
def exporter(provider: TracerProvider) -> InMemorySpanExporter:
    exporter = InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return exporter


@pytest.fixture
def instrumented(provider: TracerProvider) -> Iterator[None]:
    instrument(provider)
    yield
    uninstrument()
