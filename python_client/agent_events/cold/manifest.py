"""The file beside a cold file that says what must be in it: `<partition>.manifest.json`.

{"format": "agent-events/cold/v1",
 "ledger_name": "example.com/app", "system_identifier": "7412…",
 "partition_name": "agent_events_p20260101",
 "from_time": "2026-01-01T00:00:00+00:00", "to_time": "2026-02-01T00:00:00+00:00",
 "row_count": 3,
 "tenants": {"acme": {"row_count": 3, "ranges": [[0, 1], [7, 7]], "root": "<hex>",
                      "first_block": "<hex>"}},
 "file_name": "agent_events_p20260101.parquet", "file_sha256": "<hex>", "file_bytes": 12345,
 "leaf_format": "agent-events/leaf/v1",
 "exported_at": "2026-03-01T04:00:00+00:00", "made_by": "agent-events 0.1.0"}

Ranges are positions in the tenant's log, both ends included. The root is the RFC 6962 tree hash of
the events' hashes in the order of their positions. `first_block` is the hash of the first block of
the tenant's log: it tells ledgers apart that have the same name, and stays through dump, restore
and upgrade, which system_identifier does not.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from agent_events.cold.errors import MalformedManifest
from agent_events.evidence.offline.entry import MalformedLine, parse_object

FORMAT = "agent-events/cold/v1"
LEAF_FORMAT = "agent-events/leaf/v1"
DATA_SUFFIX = ".parquet"
SUFFIX = ".manifest.json"
MAX_SIZE = 256 << 20  # bytes

_HASH = re.compile(r"[0-9a-f]{64}")
_NAME = re.compile(r"[A-Za-z0-9_]{1,63}")


@dataclass(frozen=True)
class TenantPart:
    """What a file holds of one tenant.

    Attributes:
        row_count: events.
        ranges: of their positions, first and last each, rising, as few as possible.
        root: tree hash of their hashes, hex.
        first_block: hash of the log's first block, hex; None where it is not known.
    """

    row_count: int
    ranges: tuple[tuple[int, int], ...]
    root: str
    first_block: str | None

    def digest(self) -> dict[str, Any]:
        """Return what the database compares: everything but the first block."""
        ranges = [list(each) for each in self.ranges]
        return {"row_count": self.row_count, "ranges": ranges, "root": self.root}


@dataclass(frozen=True)
class Manifest:
    """The manifest of a cold file; the fields are those of the JSON object above."""

    ledger_name: str
    system_identifier: str
    partition_name: str
    from_time: datetime
    to_time: datetime
    row_count: int
    tenants: dict[str, TenantPart]
    file_name: str
    file_sha256: str
    file_bytes: int
    exported_at: datetime
    made_by: str

    def digest(self) -> dict[str, Any]:
        """Return the tenants as `ledger.record_cold_file` and `ledger.drop_cold` take them."""
        return {tenant_id: part.digest() for tenant_id, part in self.tenants.items()}

    def identity(self) -> dict[str, str]:
        """Return what stands in the file's own metadata too."""
        return {
            "agent_events.format": FORMAT,
            "agent_events.ledger_name": self.ledger_name,
            "agent_events.partition_name": self.partition_name,
            "agent_events.from_time": self.from_time.isoformat(),
            "agent_events.to_time": self.to_time.isoformat(),
        }

    def to_json(self) -> bytes:
        """Return the file's content."""
        tenants = {
            tenant_id: {**part.digest(), "first_block": part.first_block}
            for tenant_id, part in self.tenants.items()
        }
        members = {
            "format": FORMAT,
            **vars(self),
            "from_time": self.from_time.isoformat(),
            "to_time": self.to_time.isoformat(),
            "tenants": tenants,
            "leaf_format": LEAF_FORMAT,
            "exported_at": self.exported_at.isoformat(),
        }
        return json.dumps(members, ensure_ascii=False, indent=1).encode() + b"\n"


def data_path(folder: Path, partition_name: str) -> Path:
    """Return where the events of a partition are."""
    return folder / f"{partition_name}{DATA_SUFFIX}"


def manifest_path(folder: Path, partition_name: str) -> Path:
    """Return where the manifest of a partition is."""
    return folder / f"{partition_name}{SUFFIX}"


def read_manifest(path: Path) -> Manifest:
    """Read a manifest.

    Raises:
        MalformedManifest: there is none, it cannot be read, or it is none.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_SIZE + 1)
    except OSError as error:
        raise MalformedManifest(f"{path} cannot be read: {error.strerror}") from error
    if len(data) > MAX_SIZE:
        raise MalformedManifest(f"{path} is too large for a manifest")
    try:
        return _manifest(parse_object(data))
    except (MalformedLine, KeyError, TypeError, ValueError, AttributeError) as error:
        reason = f"{type(error).__name__}: {error}" if isinstance(error, KeyError) else str(error)
        raise MalformedManifest(f"{path} is no manifest: {reason[:300]}") from None


def _manifest(members: dict[str, Any]) -> Manifest:
    if members["format"] != FORMAT:
        raise ValueError(f"it is of the format {members['format']!r}, not {FORMAT}")
    if members["leaf_format"] != LEAF_FORMAT:
        raise ValueError(f"its events are hashed as {members['leaf_format']!r}, not {LEAF_FORMAT}")
    partition_name = _text(members, "partition_name")
    if not _NAME.fullmatch(partition_name):
        raise ValueError(f"{partition_name[:80]!r} is no name of a partition")
    if members["file_name"] != f"{partition_name}{DATA_SUFFIX}":
        raise ValueError("file_name is not that of the partition's file")
    manifest = Manifest(
        ledger_name=_text(members, "ledger_name"),
        system_identifier=_text(members, "system_identifier"),
        partition_name=partition_name,
        from_time=_time(members, "from_time"),
        to_time=_time(members, "to_time"),
        row_count=_count(members, "row_count"),
        tenants={name: _part(part) for name, part in members["tenants"].items()},
        file_name=members["file_name"],
        file_sha256=_hash(members, "file_sha256"),
        file_bytes=_count(members, "file_bytes"),
        exported_at=_time(members, "exported_at"),
        made_by=_text(members, "made_by"),
    )
    if sum(part.row_count for part in manifest.tenants.values()) != manifest.row_count:
        raise ValueError("row_count is not the sum of the tenants'")
    return manifest


def _part(members: dict[str, Any]) -> TenantPart:
    ranges = tuple((first, last) for first, last in members["ranges"])
    after = -1  # so that neighbours are one range
    for first, last in ranges:
        if type(first) is not int or type(last) is not int or not after < first <= last < 1 << 62:
            raise ValueError("its ranges are not rising ranges of positions")
        after = last + 1
    part = TenantPart(
        row_count=_count(members, "row_count"),
        ranges=ranges,
        root=_hash(members, "root"),
        first_block=None if members["first_block"] is None else _hash(members, "first_block"),
    )
    if part.row_count != sum(last - first + 1 for first, last in ranges):
        raise ValueError("a tenant's row_count is not that of its ranges")
    return part


def _text(members: dict[str, Any], name: str) -> str:
    value = members[name]
    if not isinstance(value, str):
        raise ValueError(f"{name} is no text")
    return value


def _hash(members: dict[str, Any], name: str) -> str:
    value = _text(members, name)
    if not _HASH.fullmatch(value):
        raise ValueError(f"{name} is no SHA-256 in hex")
    return value


def _time(members: dict[str, Any], name: str) -> datetime:
    value = datetime.fromisoformat(_text(members, name))
    if value.tzinfo is None:
        raise ValueError(f"{name} has no offset")
    return value


def _count(members: dict[str, Any], name: str) -> int:
    value = members[name]
    if type(value) is not int or not 0 <= value < 1 << 62:
        raise ValueError(f"{name} is no number")
    return value
