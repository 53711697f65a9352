"""What a bundle says about itself. None of it is signed: what can be checked is checked."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from agent_events.evidence.offline.container import NotABundle, check_names
from agent_events.evidence.offline.entry import MalformedLine, Value, parse_object

FORMAT = "agent-events/bundle/v1"
EVENTS, CHAIN, DISCLOSED = "events", "chain", "disclosed"
MODES = (EVENTS, CHAIN, DISCLOSED)

_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Query:
    """Which events a bundle is about: at most one of the three; none of them means all.

    Attributes:
        event_ids: these events.
        aggregate: (type, id) of the thing that the events are about.
        correlation_id: what the events are part of.
    """

    event_ids: tuple[str, ...] = ()
    aggregate: tuple[str, str] | None = None
    correlation_id: str | None = None

    def matches(self, fields: dict[str, Value]) -> bool:
        """Tell whether an event is one of them."""
        if self.event_ids:
            return fields["id"] in self.event_ids
        if self.aggregate is not None:
            return (fields["aggregate_type"], fields["aggregate_id"]) == self.aggregate
        return self.correlation_id in (None, fields["correlation_id"])

    def members(self) -> dict[str, Any]:
        """Return it for the manifest; `parse_query` reads it."""
        if self.event_ids:
            return {"event_ids": list(self.event_ids)}
        if self.aggregate is not None:
            return {"aggregate_type": self.aggregate[0], "aggregate_id": self.aggregate[1]}
        return {"correlation_id": self.correlation_id} if self.correlation_id else {}

    def __str__(self) -> str:
        if self.event_ids:
            count = len(self.event_ids)
            return f"{count} chosen event{'s' if count > 1 else ''}"
        if self.aggregate is not None:
            return f"aggregate {'/'.join(self.aggregate)}"
        return f"correlation {self.correlation_id}" if self.correlation_id else "all events"


@dataclass(frozen=True)
class Manifest:
    """The file manifest.json.

    Attributes:
        mode: `events`, `chain` or `disclosed`: what is said about completeness.
        query: which events it is about.
        first, end: the disclosed positions are those from `first` to `end` - 1; None otherwise.
        tree_size, root, origin, ledger_name, tenant_id: as in the checkpoint.
        event_count: lines of events.jsonl.
        matching_count: how many of them the query is about.
        made_at, made_by: when, ISO 8601, and with which program.
        files: SHA-256 (hex) and size in bytes of every other file.
    """

    mode: str
    query: Query
    first: int | None
    end: int | None
    tree_size: int
    root: str
    origin: str
    ledger_name: str
    tenant_id: str
    event_count: int
    matching_count: int
    made_at: str
    made_by: str
    files: dict[str, tuple[str, int]]

    def members(self) -> dict[str, Any]:
        """Return what stands in the file."""
        range_ = {} if self.first is None else {"range": {"first": self.first, "end": self.end}}
        return {
            "format": FORMAT,
            "made_at": self.made_at,
            "made_by": self.made_by,
            "origin": self.origin,
            "ledger_name": self.ledger_name,
            "tenant_id": self.tenant_id,
            "tree_size": self.tree_size,
            "root": self.root,
            "mode": self.mode,
            "query": self.query.members(),
            **range_,
            "event_count": self.event_count,
            "matching_count": self.matching_count,
            "files": {
                name: {"sha256": sha256, "size": size}
                for name, (sha256, size) in self.files.items()
            },
        }


def parse_manifest(data: bytes) -> Manifest:
    """Read manifest.json.

    Raises:
        NotABundle: it is none, or one of another format.
    """
    try:
        members = parse_object(data)
        if members.get("format") != FORMAT:
            raise NotABundle(f"manifest.json is not of the format {FORMAT}")
        manifest = _manifest(members)
    except (MalformedLine, KeyError, TypeError, ValueError, AttributeError) as error:
        reason = f"{type(error).__name__}: {error}"[:300]
        raise NotABundle(f"manifest.json is not readable: {reason}") from None
    check_names((*manifest.files, "manifest.json"))
    return manifest


def _manifest(members: dict[str, Any]) -> Manifest:
    mode = _text(members, "mode")
    if mode not in MODES:
        raise ValueError("mode is unknown")
    query = _query(members["query"])
    range_ = members.get("range")
    if (range_ is not None) != (mode == DISCLOSED):
        raise ValueError("range goes with the mode disclosed")
    if mode == CHAIN and query.aggregate is None:
        raise ValueError("the mode chain goes with an aggregate")
    return Manifest(
        mode=mode,
        query=query,
        first=None if range_ is None else _count(range_, "first"),
        end=None if range_ is None else _count(range_, "end"),
        tree_size=_count(members, "tree_size"),
        root=_text(members, "root"),
        origin=_text(members, "origin"),
        ledger_name=_text(members, "ledger_name"),
        tenant_id=_text(members, "tenant_id"),
        event_count=_count(members, "event_count"),
        matching_count=_count(members, "matching_count"),
        made_at=_text(members, "made_at"),
        made_by=_text(members, "made_by"),
        files={name: _file(file) for name, file in members["files"].items()},
    )


def _query(members: dict[str, Any]) -> Query:
    names = set(members)
    if names == {"event_ids"} and members["event_ids"]:
        ids = members["event_ids"]
        if not isinstance(ids, list) or not all(isinstance(id_, str) for id_ in ids):
            raise ValueError("event_ids is no list of ids")
        return Query(event_ids=tuple(ids))
    if names == {"aggregate_type", "aggregate_id"}:
        return Query(aggregate=(_text(members, "aggregate_type"), _text(members, "aggregate_id")))
    if names == {"correlation_id"}:
        return Query(correlation_id=_text(members, "correlation_id"))
    if names:
        raise ValueError("the query is unknown")
    return Query()


def _file(members: dict[str, Any]) -> tuple[str, int]:
    sha256 = _text(members, "sha256")
    if not _SHA256.fullmatch(sha256):
        raise ValueError("a sha256 is not 64 hex digits")
    return sha256, _count(members, "size")


def _text(members: dict[str, Any], name: str) -> str:
    value = members[name]
    if not isinstance(value, str):
        raise ValueError(f"{name} is no text")
    return value


def _count(members: dict[str, Any], name: str) -> int:
    value = members[name]
    if type(value) is not int or not 0 <= value < 1 << 63:
        raise ValueError(f"{name} is no number")
    return value
