"""What the client gives and takes: shapes of the functions and views in the schema `ledger`.

Times are timezone-aware datetimes with microseconds; hashes are 32 bytes of SHA-256; sequences
count from 1, positions from 0.
"""

from agent_events.models.capture import TrackedTable
from agent_events.models.event import (
    Event,
    EventArguments,
    EventFilter,
    EventInput,
    EventOptions,
    Receipt,
    Spooled,
    TraceNode,
)
from agent_events.models.export import AccessEntry
from agent_events.models.inbox import InboxFailure, InboxStatus
from agent_events.models.log import InclusionProof, LogEntry, LogFinding, SealReceipt
from agent_events.models.maintain import PartitionStatus, PlannedStep, RetentionPolicy
from agent_events.models.monitor import Finding, Sample, Share, Statistics, TierStorage
from agent_events.models.privacy import ErasureCertificate, PrivateEvent
from agent_events.models.relay import (
    DeadMessage,
    OutboxClaim,
    OutboxMessage,
    ParkedMessage,
    RelaySettings,
    RelayStatus,
)
from agent_events.models.run import RunOptions
from agent_events.models.state import (
    AggregateState,
    LogState,
    ReplayedState,
    Snapshot,
    SnapshotFinding,
    SnapshotPolicy,
)
from agent_events.models.values import (
    ActorType,
    Digest,
    Id,
    Interval,
    Json,
    Outcome,
    PartitionInterval,
)

__all__ = [
    "AccessEntry",
    "ActorType",
    "AggregateState",
    "DeadMessage",
    "Digest",
    "ErasureCertificate",
    "Event",
    "EventArguments",
    "EventFilter",
    "EventInput",
    "EventOptions",
    "Finding",
    "Id",
    "InboxFailure",
    "InboxStatus",
    "InclusionProof",
    "Interval",
    "Json",
    "LogEntry",
    "LogFinding",
    "LogState",
    "OutboxClaim",
    "OutboxMessage",
    "Outcome",
    "ParkedMessage",
    "PartitionInterval",
    "PartitionStatus",
    "PlannedStep",
    "PrivateEvent",
    "Receipt",
    "RelaySettings",
    "RelayStatus",
    "ReplayedState",
    "RetentionPolicy",
    "RunOptions",
    "Sample",
    "SealReceipt",
    "Share",
    "Snapshot",
    "SnapshotFinding",
    "SnapshotPolicy",
    "Spooled",
    "Statistics",
    "TierStorage",
    "TraceNode",
    "TrackedTable",
]
