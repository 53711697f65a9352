"""Audit events in a chain of words: who did what, to what, how it ended, and what shows it.

    audit().for_client("acme").action("content.publish").actor("agent", "publisher") \
        .target("post", "456").succeeded().emit()

A chain never changes: every word returns a new one, so that any part of it can be kept and used
again, also by several threads.
"""

from agent_events.building._async import AsyncEmitterAudit, AsyncLedgerAudit
from agent_events.building._sync import EmitterAudit, LedgerAudit
from agent_events.building.audit import Audit

__all__ = ["AsyncEmitterAudit", "AsyncLedgerAudit", "Audit", "EmitterAudit", "LedgerAudit"]
