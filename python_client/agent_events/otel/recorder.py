"""From what a span says to an event in the ledger."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple, cast
from uuid import UUID

from psycopg import Connection
from psycopg.errors import InsufficientPrivilege

from agent_events import errors
from agent_events._sync import Ledger
from agent_events.context import fill
from agent_events.emitting import AuditEmitter
from agent_events.emitting.passing import is_passing
from agent_events.models import EventOptions, Receipt
from agent_events.otel.current_span import ids_of
from agent_events.otel.genai import Draft, Kind
from agent_events.otel.steps import Step

_MAY_NOT_READ = (errors.TenantNotPermitted, InsufficientPrivilege)
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
        if step.kind is Kind.RUN and draft.phase == "start" and self._start_run(step, draft):
            return
        receipt = self._emitter.emit(
            draft.event_type, draft.payload, tenant_id=step.tenant_id, **_options(step, draft)
        )
        if draft.phase == "start" and isinstance(receipt, Receipt):
            step.event_id = receipt.id

    def _start_run(self, step: Step, draft: Draft) -> bool:
        """Begin a run; False where only an event can be kept: in the journal, for later."""
        try:
            with self._emitter._store.source.connection() as connection, connection.transaction():
                started = _start_run(connection, step, draft)
        except Exception as error:
            if self._emitter._journal is None or not is_passing(error):
                raise
            return False
        step.run_id, step.event_id = step.make_run_id(), started
        return True


def _start_run(connection: Connection[Any], step: Step, draft: Draft) -> UUID | None:
    """Start the run, unless it is there; return the event that says so to whoever may read it."""
    ledger = Ledger(connection)
    options = _options(step, draft)
    run_id = step.make_run_id()
    ledger.set_context(
        tenant_id=step.tenant_id,
        causation_id=options.get("causation_id"),
        actor_type=options.get("actor_type"),
        actor_id=options.get("actor_id"),
    )
    try:
        with connection.transaction():
            ledger.start_run(
                step.agent[:_LONGEST_NAME],
                run_id=run_id,
                tenant_id=step.tenant_id,
                parent_run_id=options.get("run_id"),
                trace_id=options.get("trace_id"),
                correlation_id=options.get("correlation_id"),
                payload=draft.payload,
                metadata={"started_at": draft.occurred_at, **(options.get("metadata") or {})},
            )
    except errors.InvalidArgument as error:
        if "exists already" not in error.message:
            raise
    with suppress(*_MAY_NOT_READ), connection.transaction():
        events = ledger.read_stream("run", str(run_id), page_size=1, tenant_id=step.tenant_id)
        return events[0].id if events else None
    return None


def _options(step: Step, draft: Draft) -> EventOptions:
    ids = ids_of(step.span)
    own: dict[str, Any] = {
        **ids,
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
    return cast(EventOptions, fill(fill(own, ambient), by_agent))
