"""A tamper-evident, append-only event ledger for AI agents, inside your own PostgreSQL."""

from agent_events import errors
from agent_events._async import AsyncLedger
from agent_events._sync import Ledger
from agent_events.consuming import InboxEvent, consumer
from agent_events.emitting import (
    AsyncAuditEmitter,
    AuditEmitter,
    audit,
    configure,
    emit_audit_event,
    get_emitter,
)
from agent_events.errors import LedgerError
from agent_events.models import (
    DeadMessage,
    ErasureCertificate,
    Event,
    EventInput,
    Finding,
    InboxFailure,
    InboxStatus,
    InclusionProof,
    LogEntry,
    LogFinding,
    OutboxClaim,
    OutboxMessage,
    ParkedMessage,
    PartitionStatus,
    PlannedStep,
    PrivateEvent,
    Receipt,
    RelaySettings,
    RelayStatus,
    RetentionPolicy,
    SealReceipt,
    Spooled,
    TraceNode,
)
from agent_events.pool import open_async_pool, open_pool
from agent_events.subscribing import AsyncSubscription, Subscription

__version__ = "0.1.0"

__all__ = [
    "AsyncAuditEmitter",
    "AsyncLedger",
    "AsyncSubscription",
    "AuditEmitter",
    "DeadMessage",
    "ErasureCertificate",
    "Event",
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
    "OutboxClaim",
    "OutboxMessage",
    "ParkedMessage",
    "PartitionStatus",
    "PlannedStep",
    "PrivateEvent",
    "Receipt",
    "RelaySettings",
    "RelayStatus",
    "RetentionPolicy",
    "SealReceipt",
    "Spooled",
    "Subscription",
    "TraceNode",
    "audit",
    "configure",
    "consumer",
    "emit_audit_event",
    "errors",
    "get_emitter",
    "open_async_pool",
    "open_pool",
]
