"""One emitter for the process, for programs that need no more."""

from __future__ import annotations

import logging
from threading import Lock
from typing import Any, Unpack

from agent_events.building import EmitterAudit
from agent_events.emitting._sync import AuditEmitter
from agent_events.emitting.connections._sync import Source
from agent_events.emitting.options import EmitterOptions, OnUnavailable
from agent_events.models import EventOptions, Json, Receipt, Spooled

Emitter = AuditEmitter[Receipt | Spooled]

_lock = Lock()
_emitter: Emitter | None = None


def configure(
    database: str | Source | None = None,
    *,
    on_unavailable: OnUnavailable = "raise",
    logger: logging.Logger | None = None,
    **options: Unpack[EmitterOptions],
) -> Emitter:
    """Set up the process's emitter, in the place of the one before, which is closed.

    The parameters are those of `AuditEmitter`. Raises what closing the one before raises.
    """
    global _emitter
    chosen: Any = on_unavailable
    with _lock:
        former, _emitter = (
            _emitter,
            AuditEmitter(database, on_unavailable=chosen, logger=logger, **options),
        )
    if former:
        former.close()
    return _emitter


def get_emitter() -> Emitter:
    """Return the process's emitter: as it was configured, or for what `dsn.resolve` finds.

    It is closed at the end of the process, after storing what it has buffered.
    """
    global _emitter
    if _emitter is None:
        with _lock:
            if _emitter is None:
                _emitter = AuditEmitter()
    return _emitter


def emit_audit_event(
    event_type: str,
    payload: Json | None = None,
    *,
    tenant_id: str | None = None,
    **options: Unpack[EventOptions],
) -> Receipt | Spooled:
    """Store an event and commit it, by the process's emitter: see `AuditEmitter.emit`."""
    return get_emitter().emit(event_type, payload, tenant_id=tenant_id, **options)


def audit() -> EmitterAudit[Receipt | Spooled]:
    """Begin to describe an audit event for the process's emitter; see `agent_events.building`."""
    return get_emitter().audit()
