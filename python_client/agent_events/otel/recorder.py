"""From what a span says to an event in the ledger."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, cast

from agent_events.context import fill
from agent_events.emitting import AuditEmitter
from agent_events.models import EventArguments, Receipt
from agent_events.otel.current_span import ids_of
from agent_events.otel.genai import Draft, Kind
from agent_events.otel.steps import Step

_LONGEST_NAME = 200
_LONGEST_ID = 255


class Entry(NamedTuple):
    """Something about a step that is to be recorded.

    what   it is, for the log
    write  makes the event of it, in the thread that stores it: content takes its time
    """

    step: Step
    what: str
    write: Callable[[], Draft]


class Recorder:
    """Stores one entry after the other, so that each knows the ids of those before it."""

    def __init__(self, emitter: AuditEmitter[Any]) -> None:
        self._emitter = emitter

    def record(self, entry: Entry) -> None:
        """Store an entry; storing it again changes nothing. Raises as `AuditEmitter.emit` does."""
        step, draft = entry.step, entry.write()
        begins_run = step.kind is Kind.RUN and draft.phase == "start"
        event = _first_of_run(step, draft) if begins_run else _event(step, draft)
        receipt = self._emitter.emit(**event)
        if begins_run:
            step.run_id = step.make_run_id()
        if draft.phase == "start" and isinstance(receipt, Receipt):
            step.event_id = receipt.id


def _first_of_run(step: Step, draft: Draft) -> EventArguments:
    """run.started as it brings the run with it: see `agent_events.running.starting`."""
    event = _event(step, draft)
    parent = event.get("run_id")
    payload = draft.payload | {"agent_name": step.agent[:_LONGEST_NAME]}
    if parent is not None:
        payload["parent_run_id"] = str(parent)
    elif event.get("correlation_id") is None:
        event["correlation_id"] = event.get("trace_id")
    event |= {"payload": payload, "run_id": step.make_run_id(), "expected_sequence": 0}
    return event


def _event(step: Step, draft: Draft) -> EventArguments:
    ids = ids_of(step.span)
    own: dict[str, Any] = {
        **ids,
        "event_type": draft.event_type,
        "payload": draft.payload,
        "tenant_id": step.tenant_id,
        "run_id": step.run,
        "causation_id": step.event_id or step.cause,
        "outcome": draft.outcome,
        "private": draft.private,
        "occurred_at": draft.occurred_at,
        "metadata": {**(ids.get("metadata") or {}), **draft.metadata},
        "idempotency_key": f"span-{step.span.trace_id:032x}-{step.span.span_id:016x}-{draft.phase}",
    }
    if step.kind is Kind.RUN:
        own |= {"aggregate_type": "run", "aggregate_id": str(step.make_run_id())}
    by_agent = {"actor_type": "agent", "actor_id": step.agent[:_LONGEST_ID]}
    ambient = {name: value for name, value in step.ambient.items() if name != "tenant_id"}
    return cast(EventArguments, fill(fill(own, ambient), by_agent))
