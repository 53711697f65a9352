"""Audited calls. Generated from `_async.py` by scripts/unasync."""

from __future__ import annotations

from typing import Any

from agent_events.building.audit import Audit
from agent_events.running.blocks._sync import Block
from agent_events.running.ending import Ending
from agent_events.running.recording._sync import Recorder


class Audited(Block):
    """A call of a function as an audit event, which is recorded when the call has ended."""

    def __init__(self, recorder: Recorder, audit: Audit) -> None:
        super().__init__(recorder)
        self._audit = audit

    def returned(self, value: Any) -> None:
        """Keep nothing of what the function returned."""

    def _name(self) -> str:
        return f"audited call {self._audit.given['event_type']}"

    def _open(self) -> None:
        self._audit.pending().arguments()  # raises what lacks

    def _close(self, ending: Ending, duration_ms: float) -> None:
        words = self._audit.with_metadata(duration_ms=duration_ms)
        if ending.outcome == "failure":
            words = words.failed(ending.error_code, ending.error)
        else:
            words = words.succeeded() if ending.outcome == "success" else words.partial()
        self._recorder.record(words.arguments())
