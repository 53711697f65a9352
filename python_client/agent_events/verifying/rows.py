"""Events as raw COPY BINARY tuples, hashed without being parsed (docs/leaf-format.md).

An event's entry is, from its first field on, exactly the end of the tuple that the server sends for
the query below; its hash is SHA-256 over a constant and that end. Before it stand the few values
that a verifier looks at, all of constant width but the two of the stream's key.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import repeat
from struct import Struct, unpack_from
from uuid import UUID

from agent_events.verifying.session import ProtocolError, Session, end_copy, start_copy

PREFIX = b"\x00agent-events/leaf/v1\x00\x00\x17"
SIGNATURE = b"PGCOPY\n\xff\r\n\x00"
HEADER_SIZE = len(SIGNATURE) + 8  # flags and the length of the extension follow it
TRAILER = b"\xff\xff"
NO_HASH = bytes(32)
NULL = b"\xff\xff\xff\xff"

# position, created_at, stored hash, sequence, length of the key, xact_id; the entry's event id is
# passed over. Each comes after its length.
_VALUES = Struct(">2x4xq4x16x4xq4x32s4xq4xi4xQ")
_EVENT_ID = slice(18, 34)
_COLUMNS = 32

_QUERY = """
copy (
  select
    l.position,
    l.event_id,
    l.created_at,
    case when pg_catalog.octet_length(e.hash) = 32 then e.hash else {} end,
    coalesce(e.sequence, -1),
    case
      when e.id is null then -1
      else 8 + coalesce(pg_catalog.octet_length(e.aggregate_type), 0)
        + coalesce(pg_catalog.octet_length(e.aggregate_id), 0)
    end,
    coalesce(e.xact_id, '0'::pg_catalog.xid8),
    e.aggregate_type,
    e.aggregate_id,
    e.tenant_id,
    e.id,
    e.created_at,
    e.run_id,
    e.trace_id,
    e.correlation_id,
    e.causation_id,
    e.event_type,
    e.schema_version,
    pg_catalog.jsonb_out(e.payload),
    e.deal_id,
    e.action_id,
    e.aggregate_type,
    e.aggregate_id,
    e.sequence,
    e.actor_type,
    e.actor_id,
    e.outcome,
    pg_catalog.jsonb_out(e.proof),
    pg_catalog.jsonb_out(e.metadata),
    e.occurred_at,
    e.private_hash,
    e.prev_hash
  from ledger.log_entries as l
  left join (
    select h.* from ledger.agent_events as h
    where h.tenant_id = {} and h.created_at between {} and {}
    union all
    select a.* from ledger.agent_events_archive as a
    where a.tenant_id = {} and a.created_at between {} and {}
  ) as e on e.created_at = l.created_at and e.id = l.event_id
  where l.tenant_id = {} and l.position >= {} and l.position < {}
) to stdout (format binary)
"""
_SPAN = """
select min(l.created_at)::pg_catalog.text, max(l.created_at)::pg_catalog.text
from ledger.log_entries as l
where l.tenant_id = %s and l.position >= %s and l.position < %s
"""


@dataclass(frozen=True)
class Odd:
    """A row whose hash is not that of its fields.

    Attributes:
        event_id: the event that the entry names.
        stored: the hash that stands in the row; zeros where it does not have 32 bytes.
    """

    event_id: UUID
    stored: bytes


@dataclass(frozen=True)
class Late:
    """An event that is older than the block before its own.

    Attributes:
        index: position less that of the stretch's first event.
        created_at: microseconds since 2000-01-01T00:00:00Z.
        xact_id: the transaction that wrote it.
    """

    index: int
    event_id: UUID
    created_at: int
    xact_id: int


@dataclass
class Stretch:
    """What the rows of a stretch of the log hold.

    Attributes:
        first: position of the first event.
        leaves: by index, the hash of the event's fields; None where there is no event.
        odd: rows whose hash is another one, by index.
        missing: indexes of entries without an event, and the id that they name.
        twice: events of which there is more than one row, by index.
        links: events of streams, in no order: index, the stream's key, sequence, and the last 36
            bytes of the row, in which prev_hash stands.
        unlinked: events without a sequence that have a prev_hash, by index.
        late: see `Late`.
    """

    first: int
    leaves: list[bytes | None]
    odd: dict[int, Odd] = field(default_factory=dict)
    missing: dict[int, UUID] = field(default_factory=dict)
    twice: dict[int, UUID] = field(default_factory=dict)
    links: list[tuple[int, bytes, int, bytes]] = field(default_factory=list)
    unlinked: dict[int, UUID] = field(default_factory=dict)
    late: list[Late] = field(default_factory=list)
    count: int = 0


def read_stretch(
    session: Session,
    tenant_id: str,
    first: int,
    last: int,
    wanted: range,
    not_before: list[int] | None = None,
) -> Stretch:
    """Read and hash the events of a stretch of the log.

    Args:
        session: where.
        tenant_id: whose log.
        first: position of the stretch's first event.
        last: position after its last one.
        wanted: positions, of the stretch, that are read.
        not_before: by index, the microseconds since 2000 before which an event is `late`.

    Raises:
        psycopg.Error: the server refuses, or the connection is gone.
        ProtocolError: rows do not come as PostgreSQL sends them.
    """
    stretch = Stretch(first, [None] * (last - first))
    span = session.one(_SPAN, tenant_id, wanted.start, wanted.stop)
    if span is None or span[0] is None:
        return stretch
    events = (tenant_id, *span)
    values = (NO_HASH, *events, *events, tenant_id, wanted.start, wanted.stop)
    start_copy(session, session.compose(_QUERY, values))
    try:
        _hash_rows(session, stretch, not_before)
    except struct.error as error:
        raise ProtocolError(f"a row is cut off: {error}") from error
    end_copy(session)
    return stretch


def _hash_rows(session: Session, stretch: Stretch, not_before: list[int] | None) -> None:
    """Read rows until the COPY ends. The one loop here that runs per event: it is kept flat."""
    get_copy_data = session.connection.pgconn.get_copy_data
    unpack_values, key_start = _VALUES.unpack_from, _VALUES.size
    first, leaves, link = stretch.first, stretch.leaves, stretch.links.append
    earliest = not_before or [-(2**63)] * len(leaves)
    start = True
    for _ in repeat(None):
        size, data = get_copy_data(0)
        if size <= 0:
            return
        row = bytes(data)
        if start:
            start = False
            row = _without_header(row)
            if not row:
                continue
        if row == TRAILER:
            continue
        position, created_at, stored, sequence, key_size, xact_id = unpack_values(row)
        index = position - first
        if key_size < 0:
            _check_row(row)
            stretch.missing[index] = _event_id(row)
            continue
        key_end = key_start + key_size
        leaf = sha256(PREFIX + row[key_end:]).digest()
        if leaf != stored:
            _check_row(row)
            stretch.odd[index] = Odd(_event_id(row), stored)
        if leaves[index] is not None:
            stretch.twice[index] = _event_id(row)
        leaves[index] = leaf
        stretch.count += 1
        if sequence >= 0:
            link((index, row[key_start:key_end], sequence, row[-36:]))
        elif row[-4:] != NULL:
            stretch.unlinked[index] = _event_id(row)
        if created_at < earliest[index]:
            stretch.late.append(Late(index, _event_id(row), created_at, xact_id))


def _without_header(row: bytes) -> bytes:
    """Take the header off the first message, which holds the first row as well."""
    if not row.startswith(SIGNATURE) or row[len(SIGNATURE) : HEADER_SIZE] != bytes(8):
        raise ProtocolError("COPY does not begin as PostgreSQL's does")
    return row[HEADER_SIZE:]


def _check_row(row: bytes) -> None:
    """Tell a changed event from a connection that does not send one row per message.

    Raises:
        ProtocolError: the latter; nothing can be said about the events then.
    """
    (columns,) = unpack_from(">h", row)
    at = 2
    for _ in range(columns):
        (size,) = unpack_from(">i", row, at)
        at += 4 + max(size, 0)
    if columns != _COLUMNS or at != len(row):
        raise ProtocolError(
            "a row does not end where its message ends: something between here and the server "
            "rearranges what it sends; connect to the server itself"
        )


def _event_id(row: bytes) -> UUID:
    return UUID(bytes=row[_EVENT_ID])
