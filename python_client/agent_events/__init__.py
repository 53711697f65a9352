"""A tamper-evident, append-only event ledger for AI agents, inside your own PostgreSQL.

Importing it imports the client over a connection and psycopg; the rest comes when it is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from agent_events import errors
from agent_events._async import AsyncLedger
from agent_events._sync import Ledger
from agent_events.errors import LedgerError
from agent_events.models import (
    AggregateState,
    DeadMessage,
    ErasureCertificate,
    Event,
    EventArguments,
    EventInput,
    Finding,
    InboxFailure,
    InboxStatus,
    InclusionProof,
    LogEntry,
    LogFinding,
    LogState,
    OutboxClaim,
    OutboxMessage,
    ParkedMessage,
    PartitionStatus,
    PlannedStep,
    PrivateEvent,
    Receipt,
    RelaySettings,
    RelayStatus,
    ReplayedState,
    RetentionPolicy,
    Sample,
    SealReceipt,
    Share,
    Snapshot,
    SnapshotFinding,
    SnapshotPolicy,
    Spooled,
    Statistics,
    TierStorage,
    TraceNode,
    TrackedTable,
)

if TYPE_CHECKING:
    from agent_events.consuming import InboxEvent, consumer
    from agent_events.emitting import (
        AsyncAuditEmitter,
        AuditEmitter,
        audit,
        configure,
        emit_audit_event,
        get_emitter,
    )
    from agent_events.pool import open_async_pool, open_pool
    from agent_events.running import AsyncRun, Run, audited, tool
    from agent_events.state_cache import StateCache
    from agent_events.subscribing import AsyncSubscription, Subscription

__version__ = "0.1.0"

__all__ = [
    "AggregateState",
    "AsyncAuditEmitter",
    "AsyncLedger",
    "AsyncRun",
    "AsyncSubscription",
    "AuditEmitter",
    "DeadMessage",
    "ErasureCertificate",
    "Event",
    "EventArguments",
    "EventInput",
    "Finding",
    "InboxEvent",
    "InboxFailure",
    "InboxStatus",
    "InclusionProof",
    "Ledger",
    "LedgerError",
    "LogEntry",
    "LogFinding",
    "LogState",
    "OutboxClaim",
    "OutboxMessage",
    "ParkedMessage",
    "PartitionStatus",
    "PlannedStep",
    "PrivateEvent",
    "Receipt",
    "RelaySettings",
    "RelayStatus",
    "ReplayedState",
    "RetentionPolicy",
    "Run",
    "Sample",
    "SealReceipt",
    "Share",
    "Snapshot",
    "SnapshotFinding",
    "SnapshotPolicy",
    "Spooled",
    "StateCache",
    "Statistics",
    "Subscription",
    "TierStorage",
    "TraceNode",
    "TrackedTable",
    "audit",
    "audited",
    "configure",
    "consumer",
    "emit_audit_event",
    "errors",
    "get_emitter",
    "open_async_pool",
    "open_pool",
    "tool",
]

# Where what is imported above for type checkers only comes from, when it is first used.
_LATER = {
    "agent_events.consuming": ("InboxEvent", "consumer"),
    "agent_events.emitting": (
        "AsyncAuditEmitter",
        "AuditEmitter",
        "audit",
        "configure",
        "emit_audit_event",
        "get_emitter",
    ),
    "agent_events.pool": ("open_async_pool", "open_pool"),
    "agent_events.running": ("AsyncRun", "Run", "audited", "tool"),
    "agent_events.state_cache": ("StateCache",),
    "agent_events.subscribing": ("AsyncSubscription", "Subscription"),
}

if not TYPE_CHECKING:  # else a misspelt name would be one for type checkers

    def __getattr__(name: str) -> object:
        for module, names in _LATER.items():
            if name in names:
                globals()[name] = value = getattr(import_module(module), name)
                return value
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
