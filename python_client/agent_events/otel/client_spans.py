"""Spans of the client's calls, by the semantic conventions for databases (1.33 and later).

https://opentelemetry.io/docs/specs/semconv/database/database-spans/
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import psycopg
from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.trace import SpanKind, Status, StatusCode
from psycopg import ConnectionInfo

from agent_events.errors import LedgerError

_EMITTING = frozenset({"emit_event", "emit_events", "start_run", "finish_run"})
_MOST_TYPES = 20


class ClientSpans:
    """Makes a span of each call; outside any span only of those that emit.

    So what follows the log, which looks every moment, fills no backend with spans of its own.
    """

    def __init__(self, tracer: trace.Tracer) -> None:
        self._tracer = tracer

    def __call__(
        self, function: str, arguments: Mapping[str, Any], connection: ConnectionInfo
    ) -> AbstractContextManager[object]:
        """Return what the call runs inside."""
        if is_suppressed():
            return nullcontext()
        if function not in _EMITTING and not trace.get_current_span().get_span_context().is_valid:
            return nullcontext()
        return self._span(function, _attributes(function, arguments, connection))

    @contextmanager
    def _span(self, function: str, attributes: dict[str, Any]) -> Iterator[None]:
        with self._tracer.start_as_current_span(
            f"ledger.{function}",
            kind=SpanKind.CLIENT,
            attributes=attributes,
            record_exception=False,  # messages may quote what was given
            set_status_on_exception=False,
        ) as span:
            try:
                yield
            except BaseException as error:
                span.set_status(Status(StatusCode.ERROR))
                span.set_attribute("error.type", type(error).__qualname__)
                if isinstance(error, (LedgerError, psycopg.Error)) and error.sqlstate:
                    span.set_attribute("db.response.status_code", error.sqlstate)
                raise


def is_suppressed() -> bool:
    """Whether spans are unwanted here, as in the threads that export them."""
    return bool(otel_context.get_value(otel_context._SUPPRESS_INSTRUMENTATION_KEY))


def suppress() -> None:
    """Want no spans in this thread, from here on."""
    otel_context.attach(otel_context.set_value(otel_context._SUPPRESS_INSTRUMENTATION_KEY, True))


def _attributes(
    function: str, arguments: Mapping[str, Any], connection: ConnectionInfo
) -> dict[str, Any]:
    attributes = {
        "db.system.name": "postgresql",
        "db.operation.name": function,
        "db.stored_procedure.name": f"ledger.{function}",
        "agent_events.event_type": arguments.get("event_type"),
        "agent_events.tenant_id": arguments.get("tenant_id"),
        **_where(connection),
    }
    if function == "emit_events":
        events = arguments["events"]
        types = sorted({str(event.get("event_type")) for event in events})
        attributes["db.operation.batch.size"] = len(events)
        attributes["agent_events.event_types"] = types[:_MOST_TYPES]
    return {name: value for name, value in attributes.items() if value is not None}


def _where(connection: ConnectionInfo) -> dict[str, Any]:
    try:
        return {
            "db.namespace": connection.dbname,
            "server.address": connection.host,
            "server.port": connection.port,
        }
    except psycopg.Error:  # it is closed: the call itself says so
        return {}
