"""The SQL of the client, each text once.

A call names only the arguments that were given, so that the database's defaults and the context
apply. The text depends on nothing but their names: the same kind of call is the same prepared
statement every time.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from datetime import date
from functools import cache
from typing import Any, TypeVar
from uuid import UUID

from psycopg import AsyncCursor, Cursor, adapters
from psycopg.pq import Format
from psycopg.types.json import Jsonb, JsonbLoader, JsonLoader

from agent_events.models import (
    AccessEntry,
    AggregateState,
    DeadMessage,
    ErasureCertificate,
    Event,
    EventFilter,
    EventOptions,
    Finding,
    InboxFailure,
    InboxStatus,
    InclusionProof,
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
    Statistics,
    TrackedTable,
)

C = TypeVar("C", Cursor[Any], AsyncCursor[Any])

_JSONB = adapters.types["jsonb"].oid
EMIT_OPTIONS = frozenset(EventOptions.__annotations__)
FIND_OPTIONS = frozenset(EventFilter.__annotations__)
JSON_PARAMETERS = frozenset(
    {
        "payload",
        "proof",
        "metadata",
        "private",
        "headers",
        "schema",
        "events",
        "message",
        "initial",
        "findings",
    }
)
_ROW_PARAMETERS = frozenset({"claim"})  # psycopg takes a tuple for a row, and a list for an array

_RECEIPT = ", ".join(field.name for field in fields(Receipt))
_EVENT = ", ".join(field.name for field in fields(Event))
_SEAL_RECEIPT = ", ".join(field.name for field in fields(SealReceipt))
_INBOX_FAILURE = ", ".join(field.name for field in fields(InboxFailure))
_PRIVATE_EVENT = ", ".join(field.name for field in fields(PrivateEvent))
_COLUMNS = {
    "set_context": "set_context",
    "register_event_type": "register_event_type",
    "register_upcaster": "register_upcaster",
    "drop_upcaster": "drop_upcaster",
    "add_run": "add_run",
    "start_run": "start_run",
    "finish_run": _RECEIPT,
    "emit_event": _RECEIPT,
    "emit_events": _RECEIPT,
    "get_event": _EVENT,
    "find_events": _EVENT,
    "read_stream": _EVENT,
    "trace": f"depth, {_EVENT}",
    "doctor": ", ".join(field.name for field in fields(Finding)),
    "seal": _SEAL_RECEIPT,
    "seal_all": _SEAL_RECEIPT,
    "rebase_log": _SEAL_RECEIPT,
    "read_log": f"position, {_EVENT}",
    "position_of": "position_of",
    "log_root": "log_root",
    "inclusion_proof": ", ".join(field.name for field in fields(InclusionProof)),
    "consistency_proof": "consistency_proof",
    "checkpoint": "checkpoint",
    "verify": ", ".join(field.name for field in fields(LogFinding)),
    "read_private": _PRIVATE_EVENT,
    "subject_report": _PRIVATE_EVENT,
    "begin_export": "begin_export",
    "finish_export": "finish_export",
    "record_verification": "record_verification",
    "record_checkpoint": "record_checkpoint",
    "erase_private": ", ".join(field.name for field in fields(ErasureCertificate)),
    "place_hold": "place_hold",
    "release_hold": "release_hold",
    "accept_event": "accept_event",
    "fail_event": _INBOX_FAILURE,
    "claim_failures": _INBOX_FAILURE,
    "requeue_failures": "requeue_failures",
    "discard_failure": "discard_failure",
    "purge_inbox": "purge_inbox",
    "subscription_position": "subscription_position",
    "save_position": "save_position",
    "drop_subscription": "drop_subscription",
    "maintenance_plan": ", ".join(field.name for field in fields(PlannedStep)),
    "set_retention": ", ".join(field.name for field in fields(RetentionPolicy)),
    "claim_outbox": ", ".join(field.name for field in fields(OutboxClaim)),
    "read_outbox": ", ".join(field.name for field in fields(OutboxMessage)),
    "confirm_outbox": "confirm_outbox",
    "fail_outbox": ", ".join(field.name for field in fields(ParkedMessage)),
    "requeue_dead": "requeue_dead",
    "discard_dead": "discard_dead",
    "rewind_relay": "rewind_relay",
    "set_relay": ", ".join(field.name for field in fields(RelaySettings)),
    "drop_relay": "drop_relay",
    "state_of": ", ".join(field.name for field in fields(AggregateState)),
    "replay": ", ".join(field.name for field in fields(ReplayedState)),
    "replay_log": ", ".join(field.name for field in fields(LogState)),
    "register_reducer": "register_reducer",
    "drop_reducer": "drop_reducer",
    "create_snapshot": "create_snapshot",
    "verify_snapshots": ", ".join(field.name for field in fields(SnapshotFinding)),
    "set_snapshot_policy": ", ".join(field.name for field in fields(SnapshotPolicy)),
    "stats": ", ".join(field.name for field in fields(Statistics)),
    "count_events": "count_events",
    "recount_events": "recount_events",
    "metrics": ", ".join(field.name for field in fields(Sample)),
    "track_table": "track_table",
    "untrack_table": "untrack_table",
    "emit_captured": "emit_captured",
    "discard_captured": "discard_captured",
    "add_correlation": "add_correlation",
}
_NAMES = {"position": '"position"'}  # a key word of SQL
PROCEDURES = frozenset(
    {"maintain", "archive_partition", "restore_partition", "set_partition_interval"}
)
PARTITIONS = (
    f"select {', '.join(field.name for field in fields(PartitionStatus))} "
    "from ledger.partition_status order by from_time, parent_name"
)
INBOX_STATUS = (
    f"select {', '.join(field.name for field in fields(InboxStatus))} "
    "from ledger.inbox_status order by failed_at"
)
SNAPSHOTS = f"""
    select {", ".join(field.name for field in fields(Snapshot))}
    from ledger.snapshots
    where tenant_id = coalesce(%(tenant_id)s, ledger.setting('tenant_id'), 'default')
      and (%(aggregate_type)s::text is null or aggregate_type = %(aggregate_type)s)
      and (%(aggregate_id)s::text is null or aggregate_id = %(aggregate_id)s)
    order by aggregate_type, aggregate_id, sequence
"""
TRACKED_TABLES = (
    f"select {', '.join(field.name for field in fields(TrackedTable))} "
    "from ledger.tracking_status order by table_name"
)
CHANNEL = "ledger_log"
LISTEN = f"listen {CHANNEL}"
LOOK_AROUND = """
    select coalesce(current_setting('ledger.notify', true), '') = 'on', pg_is_in_recovery()
"""
# Changes when the server's memory is lost, and with it what was not yet on disk: after that a
# transaction id may be given a second time.
_INSTANCE = "concat(pg_postmaster_start_time(), pg_stat_get_bgwriter_stat_reset_time())"
TRANSACTION = f", (select pg_current_xact_id()::text), (select {_INSTANCE})"
TRANSACTION_STATUS = f"select pg_xact_status(%(id)s::xid8), {_INSTANCE}"
# Who asks, of which tenant; how far the stream is, as far as they may see; and whether their own
# transaction has written something that it may still roll back.
STREAM_HEAD = """
    select
      current_database(), ledger.caller(), t.tenant_id, s.sequence, s.created_at,
      pg_current_xact_id_if_assigned() is not null
    from (select coalesce(%(tenant_id)s, ledger.setting('tenant_id'), 'default')) as t (tenant_id)
    left join ledger.streams as s
      on s.tenant_id = t.tenant_id
      and s.aggregate_type = %(aggregate_type)s
      and s.aggregate_id = %(aggregate_id)s
"""
# Returns what the settings were, to be set again.
SWAP_SETTINGS = """
    with old as materialized (
      select s.name, s.value, current_setting('ledger.' || s.name, true) as old_value
      from unnest(%(names)s::text[], %(values)s::text[]) as s (name, value)
    )
    select name, old_value, set_config('ledger.' || name, value, true) from old
"""
LOG_SIZE = """
    select h.tree_size
    from ledger.log_heads as h
    where h.tenant_id = coalesce(%s, ledger.setting('tenant_id'), 'default')
"""


DESCRIPTION = """
    select ledger.describe_event(e) from ledger.get_event(id => %s, tenant_id => %s) as e
"""
ACCESS_LOG = f"""
    select {", ".join(field.name for field in fields(AccessEntry))}
    from ledger.access_log
    where (%(tenant_id)s::text is null or tenant_id = %(tenant_id)s)
      and (%(actor)s::text is null or actor = %(actor)s)
      and (%(actions)s::text[] is null or action = any(%(actions)s))
      and (
        %(subject_id)s::text is null
        or subject_hash = encode(ledger.subject_hash(%(subject_id)s, tenant_id), 'hex')
      )
      and (
        %(event_id)s::uuid is null
        or details -> 'event_ids' ? %(event_id)s::text
        or case action
          when 'export_started' then ledger.export_has_event(event_id, %(event_id)s, tenant_id)
          when 'exported'
            then ledger.export_has_event(
              (details ->> 'export_id')::uuid, %(event_id)s, tenant_id
            )
        end
      )
      and (%(from_time)s::timestamptz is null or at >= %(from_time)s)
      and (%(to_time)s::timestamptz is null or at < %(to_time)s)
    order by at desc, event_id desc
    limit %(page_size)s
"""
RELAYS = f"""
    select {", ".join(field.name for field in fields(RelayStatus))}
    from ledger.relay_status
    where %(relay)s::text is null or relay = %(relay)s
    order by relay, tenant_id
"""
DEAD = f"""
    select {", ".join(field.name for field in fields(DeadMessage))}
    from ledger.outbox_status
    where relay = %(relay)s
      and is_dead
      and (%(tenant_id)s::text is null or tenant_id = %(tenant_id)s)
    order by tenant_id, position
"""


def bind(function: str, arguments: Mapping[str, Any], more: str = "") -> tuple[str, dict[str, Any]]:
    """Return the SQL text and the parameters of a call; an argument that is None is left out.

    `more` are columns to be returned beside its own.
    """
    given = {name: value for name, value in arguments.items() if value is not None}
    for name, value in given.items():
        if name in JSON_PARAMETERS:
            given[name] = Jsonb(value, to_json)
        elif isinstance(value, tuple) and name not in _ROW_PARAMETERS:
            given[name] = list(value)
    return _call(function, frozenset(given), more), given


@cache
def _call(function: str, names: frozenset[str], more: str) -> str:
    arguments = ", ".join(f"{_NAMES.get(name, name)} => %({name})s" for name in sorted(names))
    if function in PROCEDURES:
        return f"call ledger.{function}({arguments})"
    return f"select {_COLUMNS[function]}{more} from ledger.{function}({arguments})"


def check_options(options: Mapping[str, Any], known: frozenset[str]) -> None:
    """Refuse a keyword that is none, as Python does for spelled-out parameters."""
    if not options.keys() <= known:
        unknown = ", ".join(sorted(options.keys() - known))
        raise TypeError(f"unexpected keyword argument: {unknown}")


def reading_json(cursor: C) -> C:
    """Return the cursor, which gives JSON as Python's objects; Django's connections give text."""
    loader = cursor.adapters.get_loader(_JSONB, Format.TEXT)
    if loader is None or not issubclass(loader, JsonLoader | JsonbLoader):
        cursor.adapters.register_loader("jsonb", JsonbLoader)
    return cursor


def shares(ranking: Any) -> tuple[Share, ...]:
    """Return what `ledger.stats()` gives as JSON."""
    return tuple(Share(**share) for share in ranking or ())


def _plain(value: object) -> str:
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form: {value!r}")


to_json = json.JSONEncoder(
    default=_plain, ensure_ascii=False, allow_nan=False, separators=(",", ":")
).encode
