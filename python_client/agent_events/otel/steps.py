"""What the spans that are open stand for, and which of them is part of which."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from threading import Lock
from typing import Any
from uuid import UUID, uuid5

from opentelemetry.trace import SpanContext

from agent_events.otel.genai import Kind

_NAMESPACE = UUID("8f5e6a2c-6a1c-5d0e-9a35-0f6a3f2f5b1d")
Key = tuple[int, int]


@dataclass(slots=True, eq=False)
class Step:
    """A run, a call of a tool or a call of a model, from the start of its span on.

    ambient  what an emit got from its context where the span began
    run_id   of a run, once it is on its way; event_id of the event that the step began, once stored
    """

    kind: Kind
    span: SpanContext
    parent: Step | None
    agent: str
    tenant_id: str | None
    ambient: dict[str, Any] = field(default_factory=dict)
    run_id: UUID | None = None
    event_id: UUID | None = None

    @property
    def cause(self) -> UUID | None:
        """The event that began what the step is part of, as far as it is known."""
        step = self.parent
        while step and step.event_id is None:
            step = step.parent
        return step.event_id if step else None

    @property
    def run(self) -> UUID | None:
        """The run that the step is, or is part of."""
        step: Step | None = self
        while step and step.run_id is None:
            step = step.parent
        return step.run_id if step else None

    def make_run_id(self) -> UUID:
        """Return the id of the run that this step is: of one span always the same."""
        return uuid5(_NAMESPACE, f"{self.span.trace_id:032x}-{self.span.span_id:016x}")


class Steps:
    """The step that each span is, or is inside of; the last `limit` spans.

    They are kept beyond their end, for spans that begin later in their context.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.forget()

    def forget(self) -> None:
        """Begin anew, in a process that was forked."""
        self._lock = Lock()
        self._steps: OrderedDict[Key, Step] = OrderedDict()

    def find(self, span: SpanContext | None) -> Step | None:
        """Return the step that a span is, or is inside of."""
        return self._steps.get(_key(span)) if span else None

    def keep(self, span: SpanContext, step: Step) -> None:
        """Remember it, and forget the oldest where there are too many."""
        with self._lock:
            self._steps[_key(span)] = step
            if len(self._steps) > self._limit:
                self._steps.popitem(last=False)


def _key(span: SpanContext) -> Key:
    return span.trace_id, span.span_id
