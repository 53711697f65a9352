"""An event as a bundle carries it, and the bytes that are hashed of it: leaf-format.md, v1."""

from __future__ import annotations

import json
import re
import struct
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Union
from uuid import UUID

from agent_events.proofs.merkle import leaf_hash

Value = Union[str, int, None]  # noqa: UP007 - Python 3.9 has no other form outside annotations

MAGIC = b"agent-events/leaf/v1\x00"

# In the order in which they are hashed. `time` is microseconds since 2000-01-01T00:00:00Z.
FIELDS = (
    ("tenant_id", "text"),
    ("id", "uuid"),
    ("created_at", "time"),
    ("run_id", "uuid"),
    ("trace_id", "uuid"),
    ("correlation_id", "uuid"),
    ("causation_id", "uuid"),
    ("event_type", "text"),
    ("schema_version", "int4"),
    ("payload", "text"),
    ("deal_id", "uuid"),
    ("action_id", "uuid"),
    ("aggregate_type", "text"),
    ("aggregate_id", "text"),
    ("sequence", "int8"),
    ("actor_type", "text"),
    ("actor_id", "text"),
    ("outcome", "text"),
    ("proof", "text"),
    ("metadata", "text"),
    ("occurred_at", "time"),
    ("private_hash", "hash"),
    ("prev_hash", "hash"),
)
TIMES = tuple(name for name, kind in FIELDS if kind == "time")
KEYS = {"position", "hash", *(name for name, _ in FIELDS), *(f"{name}_utc" for name in TIMES)}

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_HASH = re.compile(r"[0-9a-f]{64}")
_EPOCH = datetime(2000, 1, 1)  # in UTC, as all times here
_INT8 = struct.Struct(">q")
_INT4 = struct.Struct(">i")


class MalformedLine(Exception):
    """A line of a bundle's file is not what it should be; the message says why."""


@dataclass(frozen=True)
class BundledEvent:
    """A line of events.jsonl.

    Attributes:
        position: the event's position in its tenant's log, from 0.
        hash: what the line says its hash is, 32 bytes; nothing is verified yet.
        fields: the 23 fields by name: texts, UUIDs and hashes (hex) as str, numbers as int.
    """

    position: int
    hash: bytes
    fields: dict[str, Value]

    @property
    def id(self) -> str:
        """The event's id, a UUID."""
        return str(self.fields["id"])

    def computed_hash(self) -> bytes:
        """Return the hash of the fields: that of the entry that leaf-format.md describes."""
        parts = [MAGIC, struct.pack(">h", len(FIELDS))]
        for name, kind in FIELDS:
            value = self.fields[name]
            if value is None:
                parts.append(b"\xff\xff\xff\xff")
                continue
            data = _encode(kind, value)
            parts += (_INT4.pack(len(data)), data)
        return leaf_hash(b"".join(parts))


def parse_event(line: bytes) -> BundledEvent:
    """Read a line of events.jsonl, strictly: whatever it shows is covered by the hash.

    Raises:
        MalformedLine: it is no event: a key is missing, unknown or twice there, a value is not in
            its one form, or a time's text is not that of its number.
    """
    members = parse_object(line)
    if members.keys() != KEYS:
        wrong = ", ".join(sorted(map(repr, members.keys() ^ KEYS)))
        raise MalformedLine(f"keys are missing or unknown: {wrong[:300]}")
    position, hash_ = members["position"], members["hash"]
    if type(position) is not int or position < 0:
        raise MalformedLine("position is no number")
    _check("hash", "hash", hash_)
    for name, kind in FIELDS:
        if members[name] is not None:
            _check(name, kind, members[name])
    for name in TIMES:
        if members[f"{name}_utc"] != utc_text(members[name]):
            raise MalformedLine(f"{name}_utc is not the time that {name} says")
    fields = {name: members[name] for name, _ in FIELDS}
    return BundledEvent(position, bytes.fromhex(hash_), fields)


def format_event(position: int, hash_: bytes, fields: dict[str, Value]) -> bytes:
    """Return the line of events.jsonl, with its newline, that `parse_event` reads."""
    members: dict[str, Any] = {"position": position, "hash": hash_.hex()}
    for name, kind in FIELDS:
        members[name] = fields[name]
        if kind == "time":
            members[f"{name}_utc"] = utc_text(fields[name])
    return json.dumps(members, ensure_ascii=False).encode() + b"\n"


def parse_object(data: bytes) -> dict[str, Any]:
    """Read a JSON object in UTF-8 that has no key twice.

    Raises:
        MalformedLine: it is none.
    """
    try:
        value = json.loads(data.decode(), object_pairs_hook=_members)
    except (ValueError, RecursionError) as error:
        raise MalformedLine(f"it is no JSON: {str(error)[:200]}") from None
    if not isinstance(value, dict):
        raise MalformedLine("it is no JSON object")
    return value


def utc_text(time: Value) -> str | None:
    """Return the ISO 8601 text of a time; None for none, and outside the years 1 to 9999."""
    if not isinstance(time, int):
        return None
    try:
        return (_EPOCH + timedelta(microseconds=time)).isoformat(timespec="microseconds") + "Z"
    except OverflowError:
        return None


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a key is there twice")
    return members


def _check(name: str, kind: str, value: object) -> None:
    if not _is(kind, value):
        raise MalformedLine(f"{name} is not in the form of its kind, {kind}")


def _is(kind: str, value: object) -> bool:
    if kind in ("int4", "int8", "time"):
        bits = 31 if kind == "int4" else 63
        return type(value) is int and -(1 << bits) <= value < 1 << bits
    if not isinstance(value, str):
        return False
    if kind == "uuid":
        return _UUID.fullmatch(value) is not None
    if kind == "hash":
        return _HASH.fullmatch(value) is not None
    return not any("\ud800" <= letter <= "\udfff" for letter in value)


def _encode(kind: str, value: str | int) -> bytes:
    if isinstance(value, int):
        return (_INT4 if kind == "int4" else _INT8).pack(value)
    if kind == "uuid":
        return UUID(value).bytes
    if kind == "hash":
        return bytes.fromhex(value)
    return value.encode()
