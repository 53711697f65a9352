"""Emitting without a connection of your own: what an emitter takes is committed.

    emitter = AuditEmitter()                    # which database: agent_events.dsn
    receipt = emitter.emit("deal.created", {"name": "Acme renewal", "stage": "lead"})

With on_unavailable="spool" it keeps them on disk while the database is down, and returns `Spooled`:
`agent_events.spooling`. docs/emitting.md says what happens then, and when the process ends.
"""

from agent_events.emitting._async import AsyncAuditEmitter
from agent_events.emitting._sync import AuditEmitter
from agent_events.emitting.default import audit, configure, emit_audit_event, get_emitter
from agent_events.emitting.journal import Journal
from agent_events.emitting.options import EmitterOptions, Observer

__all__ = [
    "AsyncAuditEmitter",
    "AuditEmitter",
    "EmitterOptions",
    "Journal",
    "Observer",
    "audit",
    "configure",
    "emit_audit_event",
    "get_emitter",
]
