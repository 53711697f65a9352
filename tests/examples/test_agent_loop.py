"""docs/examples/agent_loop.py, with the model that it brings."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from agent_events import AuditEmitter, Ledger


def test_loop_is_on_record(
    example: Any, pg: psycopg.Connection[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    example("agent_loop").main()
    assert capsys.readouterr().out == "The quote is on its way.\n"
    ledger = Ledger(pg)
    events = list(ledger.iter_events(newest_first=False))
    assert [e.event_type.partition(".")[2] for e in events] == [
        "started",
        "call_completed",
        *("tool_called", "tool_completed", "call_completed") * 3,
        "completed",
    ]
    outcomes = [e.outcome for e in events if e.event_type == "run.tool_completed"]
    assert outcomes == ["success", "failure", "success"]
    assert events[-1].payload["steps"] == 4
    tree = ledger.trace(events[0].correlation_id)
    assert [node.depth for node in tree] == [0, 1, *(1, 2, 1) * 3, 1]


def test_loop_that_fails(example: Any, dsn: str, pg: psycopg.Connection[Any]) -> None:
    module = example("agent_loop")
    model = module.ScriptedModel(module.Reply("", "no_such_tool", "call_1"))
    with AuditEmitter(dsn) as emitter, pytest.raises(KeyError):
        module.run_agent(emitter, model, "?")
    failed = Ledger(pg).find_events(page_size=1)[0]
    assert (failed.event_type, failed.payload["error"]) == ("run.failed", "'no_such_tool'")
