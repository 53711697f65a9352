"""The processor keeps out of the program's way, and loses nothing without saying so."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from contextlib import AbstractContextManager
from threading import Barrier, Thread
from time import monotonic, sleep
from typing import Any

import psycopg
import pytest
from emitting.list_journal import ListJournal
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, Decision, Sampler, SamplingResult
from opentelemetry.trace import SpanKind, Tracer
from otel import agent
from otel.conftest import Events, MakeProcessor

from agent_events import AsyncAuditEmitter, AuditEmitter, Ledger, context, errors
from agent_events.otel import LedgerSpanProcessor

Connection = psycopg.Connection[Any]
Outage = Callable[[], AbstractContextManager[None]]
MOST_SECONDS = 60.0


def eventually(holds: Callable[[], bool]) -> None:
    until = monotonic() + MOST_SECONDS
    while not holds():
        assert monotonic() < until
        sleep(0.02)


def test_span_that_comes_twice_is_recorded_once(
    tracer: Tracer, make_processor: MakeProcessor, events: Events, pg: Connection
) -> None:
    for _ in range(2):
        make_processor()
    agent.run(tracer)
    assert len(events()) == 6
    assert pg.execute("select count(*) from ledger.agent_run_status").fetchone() == (1,)


def test_more_open_spans_than_are_remembered(
    tracer: Tracer, make_processor: MakeProcessor, events: Events, pg: Connection
) -> None:
    """The run is known again at its end, by its attributes."""
    processor = make_processor(max_spans=1)
    agent.run(tracer)
    assert len(events()) == 6
    assert processor.failed == 0
    status = pg.execute("select agent_name, status from ledger.agent_run_status").fetchall()
    assert status == [("waiter", "completed")]


def test_what_the_sampler_drops_never_comes(emitter: AuditEmitter, events: Events) -> None:
    provider = TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False)
    provider.add_span_processor(LedgerSpanProcessor(emitter))
    agent.run(provider.get_tracer("sample"))
    provider.shutdown()
    assert events() == []


class RecordOnly(Sampler):
    """Spans that processors see and exporters do not."""

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Any = None,
        *_: Any,
    ) -> SamplingResult:
        return SamplingResult(Decision.RECORD_ONLY, attributes)

    def get_description(self) -> str:
        return "RecordOnly"


def test_spans_that_nobody_exports_are_recorded(emitter: AuditEmitter, events: Events) -> None:
    provider = TracerProvider(sampler=RecordOnly(), shutdown_on_exit=False)
    provider.add_span_processor(LedgerSpanProcessor(emitter))
    agent.run(provider.get_tracer("sample"))
    provider.shutdown()
    assert len(events()) == 6


def test_what_the_context_says_counts(
    tracer: Tracer, make_processor: MakeProcessor, pg: Connection
) -> None:
    """Its tenant, cause, correlation and actor; the processor's tenant where it says none."""
    processor = make_processor(tenant_id="globex")
    agent.chat(tracer)
    asked = Ledger(pg).emit_event("run.paused", tenant_id="acme")
    by_ann: Any = {"actor_type": "user", "actor_id": "ann"}
    with context.use(tenant_id="acme", causation_id=asked.id, correlation_id=asked.id, **by_ann):
        agent.run(tracer)
    assert processor.force_flush()
    [alone] = Ledger(pg).find_events(tenant_id="globex")
    assert alone.event_type == "agent.call_completed"
    paused, started, *others = Ledger(pg).iter_events(tenant_id="acme", newest_first=False)
    assert started.causation_id == paused.id == asked.id
    assert len(others) == 5
    for event in (started, *others):
        assert event.correlation_id == asked.id
        assert (event.actor_type, event.actor_id) == ("user", "ann")


def test_tenant_within_another(
    tracer: Tracer, processor: LedgerSpanProcessor, pg: Connection
) -> None:
    """What is done for another tenant is no part of the run around it."""
    with context.use(tenant_id="acme"), tracer.start_as_current_span("invoke_agent host"):
        agent.chat(tracer)
        with context.use(tenant_id="globex"):
            agent.run(tracer)
    assert processor.force_flush()
    assert processor.failed == 0
    rows = pg.execute(
        "select tenant_id, agent_name, parent_run_id, event_count, status "
        "from ledger.agent_run_status order by tenant_id"
    )
    assert rows.fetchall() == [
        ("acme", "host", None, 3, "completed"),
        ("globex", "waiter", None, 6, "completed"),
    ]


@pytest.mark.usefixtures("processor")
def test_threads_and_tasks_keep_their_runs_apart(
    tracer: Tracer, events: Events, pg: Connection
) -> None:
    together = Barrier(4)

    def in_thread() -> None:
        together.wait()
        agent.run(tracer)

    async def in_task() -> None:
        with tracer.start_as_current_span("invoke_agent waiter"):
            for _ in range(3):
                await asyncio.sleep(0)
                agent.chat(tracer)

    async def tasks() -> None:
        await asyncio.gather(*(in_task() for _ in range(20)))

    threads = [Thread(target=in_thread) for _ in range(4)]
    for thread in threads:
        thread.start()
    asyncio.run(tasks())
    for thread in threads:
        thread.join()
    recorded = events()
    assert len(recorded) == 4 * 6 + 20 * 5
    begun = {event.id: event for event in recorded if event.event_type == "run.started"}
    assert len(begun) == 24
    for event in recorded:
        if event.event_type == "agent.call_completed":
            assert event.causation_id is not None
            cause = begun[event.causation_id]
            assert (event.run_id, event.trace_id) == (cause.run_id, cause.trace_id)
    statuses = pg.execute("select distinct status from ledger.agent_run_status").fetchall()
    assert statuses == [("completed",)]


def test_outage_is_waited_for(
    tracer: Tracer, processor: LedgerSpanProcessor, events: Events, outage: Outage
) -> None:
    with outage():
        agent.run(tracer)
        assert processor.force_flush(50) is False
    assert len(events()) == 6
    assert (processor.failed, processor.dropped) == (0, 0)


def test_outage_at_the_end_is_told(
    tracer: Tracer,
    processor: LedgerSpanProcessor,
    outage: Outage,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with outage():
        agent.run(tracer)
        processor.shutdown()
    assert processor.failed == 6
    lost = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert len(lost) == 6
    agent.chat(tracer)
    assert processor.dropped == 1
    assert "it is shut down" in caplog.text


def test_too_many_spans_are_dropped_and_told(
    tracer: Tracer,
    make_processor: MakeProcessor,
    outage: Outage,
    events: Events,
    caplog: pytest.LogCaptureFixture,
) -> None:
    processor = make_processor(max_queued=2)
    with outage():
        for _ in range(5):
            agent.chat(tracer)
        assert processor.dropped == 3
    assert "too many wait already" in caplog.text
    assert len(events()) == 2


def test_spool_takes_what_the_database_cannot(
    dsn: str,
    tracer: Tracer,
    make_processor: MakeProcessor,
    journal: ListJournal,
    outage: Outage,
    events: Events,
    pg: Connection,
) -> None:
    """A run that begins meanwhile is there with its events, which know no causes."""
    with AuditEmitter(dsn, on_unavailable="spool", journal=journal) as emitter:
        processor = make_processor(emitter=emitter)
        with outage():
            agent.run(tracer)
            assert processor.force_flush()
            assert len(journal.events) == 6
        eventually(journal.is_empty)
        recorded = events()
        assert len(recorded) == 6
        assert len({event.correlation_id for event in recorded}) == 1
        assert len({event.run_id for event in recorded}) == 1
        assert {event.causation_id for event in recorded} == {None}
        statuses = pg.execute("select agent_name, status from ledger.agent_run_status")
        assert statuses.fetchall() == [("waiter", "completed")]
        processor.shutdown()


def test_who_may_only_write_records_everything(
    dsn: str, login_role: Any, tracer: Tracer, make_processor: MakeProcessor, events: Events
) -> None:
    role = login_role("app", {"default": ["write"]})
    with AuditEmitter(f"{dsn} user={role}") as emitter:
        processor = make_processor(emitter=emitter)
        agent.run(tracer)
        started, _, called, *_ = recorded = events()
        assert len({event.run_id for event in recorded}) == 1
        causes = [event.causation_id for event in recorded]
        assert causes == [None, started.id, started.id, called.id, started.id, started.id]
        processor.shutdown()


def test_what_is_refused_is_counted_and_told(
    dsn: str,
    login_role: Any,
    tracer: Tracer,
    make_processor: MakeProcessor,
    events: Events,
    caplog: pytest.LogCaptureFixture,
) -> None:
    role = login_role("app", {"default": ["write"]})
    with AuditEmitter(f"{dsn} user={role}") as emitter:
        processor = make_processor(emitter=emitter, tenant_id="acme")
        agent.run(tracer)
        assert events() == []
        processor.shutdown()
    assert processor.failed == 6
    assert caplog.text.count("event not stored: ") == 6
    assert "LG005" in caplog.text


def test_processor_needs_the_emitter_that_has_a_thread(dsn: str) -> None:
    emitter: Any = AsyncAuditEmitter(dsn)
    with pytest.raises(errors.InvalidArgument, match="an AuditEmitter, not AsyncAuditEmitter"):
        LedgerSpanProcessor(emitter)


@pytest.mark.usefixtures("instrumented", "processor")
def test_what_the_processor_emits_is_no_span(
    tracer: Tracer, exporter: InMemorySpanExporter, events: Events
) -> None:
    agent.run(tracer)
    assert len(events()) == 6
    spans = exporter.get_finished_spans()
    assert {span.name.partition(" ")[0] for span in spans} == {
        "invoke_agent",
        "chat",
        "execute_tool",
    }


def test_broken_span_harms_nobody(
    processor: LedgerSpanProcessor, caplog: pytest.LogCaptureFixture
) -> None:
    broken: Any = ReadableSpan
    processor.on_start(broken)
    processor.on_end(broken)
    assert processor.failed == 2
    assert "event not stored: a span" in caplog.text


PROGRAM = """
    import os
    from opentelemetry.sdk.trace import TracerProvider
    from agent_events import AuditEmitter
    from agent_events.otel import LedgerSpanProcessor

    provider = TracerProvider()
    provider.add_span_processor(LedgerSpanProcessor(AuditEmitter()))
    tracer = provider.get_tracer("sample")
    tracer.start_span("invoke_agent parent").end()
"""
FORK = """
    if child := os.fork():
        assert os.waitpid(child, 0)[1] == 0
    else:
        tracer.start_span("invoke_agent child").end()
"""


@pytest.mark.parametrize(("more", "agents"), [("", ["parent"]), (FORK, ["child", "parent"])])
def test_process_ends_with_everything_recorded(
    dsn: str, pg: Connection, more: str, agents: list[str]
) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(PROGRAM) + textwrap.dedent(more)],
        env=os.environ | {"AGENT_EVENTS_DSN": dsn},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    runs = pg.execute("select agent_name, status from ledger.agent_run_status order by 1")
    assert runs.fetchall() == [(name, "completed") for name in agents]
