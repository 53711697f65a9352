"""The first event of a run, which brings the run with it wherever it is stored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_ROW = ("run_id", "tenant_id", "trace_id", "correlation_id")


def starts_run(event: Mapping[str, Any]) -> bool:
    """Whether this is run.started as `agent_events.running` emits it: the first of its stream."""
    return (
        event["event_type"] == "run.started"
        and event.get("expected_sequence") == 0
        and event.get("aggregate_id") == str(event.get("run_id"))
        and "agent_name" in (event.get("payload") or {})
    )


def run_of(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return the run that the event begins, as `Ledger.add_run` takes it."""
    payload = event["payload"]
    return {
        "agent_name": payload["agent_name"],
        "parent_run_id": payload.get("parent_run_id"),
        **{name: event.get(name) for name in _ROW},
    }
