"""An independent reading of the format agent-events/leaf/v1, from raw COPY BINARY tuples.

It shares no code with the ledger: it takes the bytes that PostgreSQL sends and hashes them.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg

MAGIC = b"agent-events/leaf/v1\x00"
FIELDS = """tenant_id, id, created_at, run_id, trace_id, correlation_id, causation_id, event_type,
    schema_version, payload::text, deal_id, action_id, aggregate_type, aggregate_id, sequence,
    actor_type, actor_id, outcome, proof::text, metadata::text, occurred_at, private_hash,
    prev_hash"""
HEADER = b"PGCOPY\n\xff\r\n\x00"
END = b"\xff\xff"


@dataclass(frozen=True)
class Leaf:
    """One event as the database stores it: its fields as bytes, and the hash that it claims."""

    fields: tuple[bytes | None, ...]
    claimed: bytes

    @property
    def hash(self) -> bytes:
        entry = MAGIC + struct.pack(">h", len(self.fields))
        for field in self.fields:
            entry += struct.pack(">i", -1) if field is None else _sized(field)
        return hashlib.sha256(b"\x00" + entry).digest()

    @property
    def stream(self) -> tuple[bytes | None, ...]:
        return (self.fields[0], self.fields[12], self.fields[13])

    @property
    def sequence(self) -> int | None:
        field = self.fields[14]
        return None if field is None else int.from_bytes(field, "big", signed=True)

    @property
    def prev_hash(self) -> bytes | None:
        return self.fields[22]


def _sized(field: bytes) -> bytes:
    return struct.pack(">i", len(field)) + field


def read_leaves(connection: psycopg.Connection[Any]) -> Iterator[Leaf]:
    """Every event of the database, in stream order."""
    query = f"""copy (
        select {FIELDS}, hash from ledger.agent_events
        order by tenant_id, aggregate_type, aggregate_id, sequence
    ) to stdout (format binary)"""
    with connection.cursor() as cursor, cursor.copy(query) as copy:  # type: ignore[arg-type]
        raw = b"".join(bytes(block) for block in copy)
    assert raw.startswith(HEADER)
    at = len(HEADER) + 8
    while raw[at : at + 2] != END:
        fields, at = _tuple(raw, at)
        hash_ = fields.pop()
        assert hash_ is not None
        yield Leaf(tuple(fields), hash_)


def _tuple(raw: bytes, at: int) -> tuple[list[bytes | None], int]:
    (count,) = struct.unpack_from(">h", raw, at)
    at += 2
    fields: list[bytes | None] = []
    for _ in range(count):
        (length,) = struct.unpack_from(">i", raw, at)
        at += 4
        fields.append(None if length < 0 else raw[at : at + length])
        at += max(length, 0)
    return fields, at


def check_chains(leaves: list[Leaf]) -> None:
    """Hashes are right, sequences gapless from 1, and each event carries its predecessor's hash."""
    previous: Leaf | None = None
    for leaf in leaves:
        assert leaf.hash == leaf.claimed
        if leaf.sequence is None:
            assert leaf.prev_hash is None
            continue
        follows = previous is not None and previous.stream == leaf.stream
        assert leaf.sequence == (previous.sequence + 1 if follows else 1)  # type: ignore[operator,union-attr]
        assert leaf.prev_hash == (previous.claimed if follows else None)  # type: ignore[union-attr]
        previous = leaf
