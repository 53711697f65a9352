"""The span processor that makes events of GenAI spans."""

from __future__ import annotations

import atexit
import logging
import os
from collections.abc import Callable
from threading import Lock, Thread
from typing import Any
from weakref import WeakSet

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor
from opentelemetry.trace import SpanContext

from agent_events import errors
from agent_events._records import LOGGER
from agent_events.context import ambient
from agent_events.emitting import AuditEmitter, get_emitter
from agent_events.emitting.failures import reason_of
from agent_events.emitting.passing import is_passing
from agent_events.otel.client_spans import suppress
from agent_events.otel.genai import (
    Draft,
    Kind,
    agent_of,
    closing,
    kind_at_start,
    kind_of,
    opening,
    service_of,
)
from agent_events.otel.recorder import Entry, Recorder
from agent_events.otel.steps import Step, Steps
from agent_events.otel.waiting import Waiting

_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0
_SECONDS_TO_END = 30.0
_ENDS = {
    Kind.RUN: "end of a run",
    Kind.TOOL: "run.tool_completed",
    Kind.CALL: "agent.call_completed",
}
_open: WeakSet[LedgerSpanProcessor] = WeakSet()


class LedgerSpanProcessor(SpanProcessor):
    """Makes events of the spans of agents, tools and models; any other span only passes by.

    A span of `invoke_agent` becomes a run, one of `execute_tool` run.tool_called and
    run.tool_completed, one of `chat`, `generate_content`, `text_completion` or `embeddings`
    agent.call_completed. What began inside a span is caused by it, and belongs to its run and
    trace. A span that comes twice is recorded once.

    Spans wait in memory for a thread that stores them, over `emitter`: nothing here waits for the
    network, or raises into the program. What could not be stored is logged, and counted in
    `failed`; what found no room, in `dropped`.

    Args:
        emitter: stores the events; default the process's. The processor does not close it. In
            asyncio it is the same: it works in the processor's thread.
        tenant_id: whose events they are, where the context of a span says nothing.
        record_content: whether prompts, answers, arguments and results are recorded too, as
            private data, which can be erased.
        max_queued: events that wait at most.
        max_spans: spans of which it is known what they are part of.
        logger: is told what could not be stored, default `logging.getLogger("agent_events")`.
    """

    def __init__(
        self,
        emitter: AuditEmitter[Any] | None = None,
        *,
        tenant_id: str | None = None,
        record_content: bool = False,
        max_queued: int = 10_000,
        max_spans: int = 10_000,
        logger: logging.Logger | None = None,
    ) -> None:
        if emitter is not None and not isinstance(emitter, AuditEmitter):
            raise errors.InvalidArgument(
                f"the processor needs an AuditEmitter, not {type(emitter).__name__}",
                hint="In asyncio, too: it emits in a thread of its own.",
            )
        self.failed = 0
        self.dropped = 0
        self._recorder = Recorder(emitter or get_emitter())
        self._tenant_id = tenant_id
        self._with_content = record_content
        self._logger = logger or LOGGER
        self._steps = Steps(max_spans)
        self._waiting: Waiting[Entry] = Waiting(max_queued)
        self._lock = Lock()
        self._worker: Thread | None = None
        _open.add(self)
        atexit.register(self.shutdown)  # before the emitters, which were imported earlier

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Take down what begins."""
        try:
            context = span.get_span_context()
            parent = self._steps.find(span.parent)
            if kind := kind_at_start(span):
                self._open_step(span, context, kind, parent)
            elif parent:
                self._steps.keep(context, parent)
        except Exception as error:  # noqa: BLE001 - the program goes on
            self._report("a span", error)

    def on_end(self, span: ReadableSpan) -> None:
        """Take down what became of it."""
        try:
            context = span.context
            step = self._steps.find(context)
            if step is None or step.span != context:
                if context is None or (kind := kind_of(span)) is None:
                    return
                step = self._open_step(span, context, kind, step or self._steps.find(span.parent))
            if step.kind is Kind.CALL and kind_of(span) is None:  # it was only called like one
                return
            agent = step.agent = agent_of(span, step.kind) or step.agent
            with_content = self._with_content
            self._put(
                step,
                _ENDS[step.kind],
                lambda: closing(span, step.kind, agent, with_content=with_content),
            )
        except Exception as error:  # noqa: BLE001 - the program goes on
            self._report("a span", error)

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Wait until everything is stored that was taken down before; False when time is up."""
        return self._waiting.join(timeout_millis / 1000)

    def shutdown(self) -> None:
        """Store what is left, for up to 30 seconds, and take no more.

        Where the database cannot be reached, what is left is lost, counted and logged.
        """
        atexit.unregister(self.shutdown)
        self._waiting.close()
        with self._lock:
            worker = self._worker
        if worker:
            worker.join(_SECONDS_TO_END)
        if left := len(self._waiting):
            self._logger.error("%s events of spans are not stored: out of time", left)

    def _open_step(
        self, span: ReadableSpan, context: SpanContext, kind: Kind, parent: Step | None
    ) -> Step:
        here = ambient()
        tenant_id = here.get("tenant_id") or (parent.tenant_id if parent else self._tenant_id)
        if parent and parent.tenant_id != tenant_id:  # nothing is part of another tenant's run
            parent = None
        agent = agent_of(span, kind) or (parent.agent if parent else service_of(span))
        step = Step(kind, context, parent, agent, tenant_id, here)
        self._steps.keep(context, step)
        if draft := opening(span, kind, agent, with_content=self._with_content):
            self._put(step, draft.event_type, lambda: draft)
        return step

    def _put(self, step: Step, what: str, write: Callable[[], Draft]) -> None:
        if self._waiting.put(Entry(step, what, write)):
            self._start()
            return
        with self._lock:
            self.dropped += 1
        reason = "it is shut down" if self._waiting.is_closed else "too many wait already"
        self._logger.error("event not stored: %s: %s", what, reason)

    def _start(self) -> None:
        with self._lock:
            if self._worker is None or not self._worker.is_alive():
                self._worker = Thread(target=self._work, name="agent-events spans", daemon=True)
                self._worker.start()

    def _work(self) -> None:
        suppress()  # what is emitted here is no span
        pause = _SHORTEST_PAUSE
        lost: Exception | None = None  # why there is no database, at the end
        while entry := self._waiting.first():
            try:
                if lost:
                    raise lost
                self._recorder.record(entry)
            except Exception as error:  # noqa: BLE001 - told to the logger
                if is_passing(error) and not self._waiting.is_closed:
                    self._logger.warning("spans wait for the database: %s", reason_of(error))
                    self._waiting.pause(pause)
                    pause = min(2 * pause, _LONGEST_PAUSE)
                    continue
                lost = error if is_passing(error) else None
                self._report(entry.what, error)
            else:
                pause = _SHORTEST_PAUSE
            self._waiting.done()

    def _report(self, what: str, error: Exception) -> None:
        with self._lock:
            self.failed += 1
        self._logger.error("event not stored: %s: %s", what, reason_of(error))

    def _forget_parent(self) -> None:
        """Begin anew in a process that was forked: what waits is the parent's."""
        self._lock = Lock()
        self._worker = None
        self._steps.forget()
        self._waiting.forget()


def _forget_parents() -> None:
    for processor in list(_open):
        processor._forget_parent()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_parents)
