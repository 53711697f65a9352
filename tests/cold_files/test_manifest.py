"""The manifest: what is written is read back, and what none can say is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from agent_events.cold.errors import MalformedManifest
from agent_events.cold.manifest import Manifest, TenantPart, manifest_path, read_manifest

MAY = "agent_events_p20210501"
MANIFEST = Manifest(
    ledger_name="example.com/ü",
    system_identifier="7412",
    partition_name=MAY,
    from_time=datetime(2021, 5, 1, tzinfo=UTC),
    to_time=datetime(2021, 6, 1, tzinfo=UTC),
    row_count=4,
    tenants={
        "acme": TenantPart(3, ((0, 1), (5, 5)), "a" * 64, "b" * 64),
        "globex": TenantPart(1, ((0, 0),), "c" * 64, None),
    },
    file_name=f"{MAY}.parquet",
    file_sha256="d" * 64,
    file_bytes=10,
    exported_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    made_by="agent-events",
)


def write(folder: Path, content: bytes) -> Path:
    path = manifest_path(folder, MAY)
    path.write_bytes(content)
    return path


def test_round_trip(tmp_path: Path) -> None:
    assert read_manifest(write(tmp_path, MANIFEST.to_json())) == MANIFEST
    empty = replace(MANIFEST, row_count=0, tenants={})
    assert read_manifest(write(tmp_path, empty.to_json())) == empty


def test_digest() -> None:
    assert MANIFEST.digest()["acme"] == {
        "row_count": 3,
        "ranges": [[0, 1], [5, 5]],
        "root": "a" * 64,
    }


def changed(**members: Any) -> Callable[[dict[str, Any]], object]:
    return lambda manifest: manifest.update(members)


def part(**members: Any) -> Callable[[dict[str, Any]], object]:
    return lambda manifest: manifest["tenants"]["acme"].update(members)


@pytest.mark.parametrize(
    "change",
    [
        changed(format="agent-events/cold/v2"),
        changed(leaf_format="agent-events/leaf/v2"),
        changed(partition_name="../etc/passwd"),
        changed(file_name="other.parquet"),
        changed(row_count=5),
        changed(row_count=True),
        changed(row_count="4"),
        changed(file_bytes=-1),
        changed(file_sha256="D" * 64),
        changed(from_time="2021-05-01T00:00:00"),
        changed(from_time="May"),
        changed(tenants=[]),
        changed(tenants=None),
        changed(ledger_name=None),
        part(ranges=[[0, 1], [2, 2]]),
        part(ranges=[[5, 5], [0, 1]]),
        part(ranges=[[1, 0], [5, 6]]),
        part(ranges=[[-1, 0], [5, 5]]),
        part(ranges=[[0, 2, 3]]),
        part(ranges=[["0", "2"]]),
        part(ranges=7),
        part(ranges=[[0, 9]]),
        part(root="x"),
        part(first_block=1),
        lambda manifest: manifest.pop("tenants"),
        lambda manifest: manifest["tenants"]["acme"].pop("root"),
    ],
)
def test_what_none_can_say(tmp_path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    members = json.loads(MANIFEST.to_json())
    change(members)
    path = write(tmp_path, json.dumps(members).encode())
    with pytest.raises(MalformedManifest, match="is no manifest"):
        read_manifest(path)


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"null", b"\xff", b'{"format": "agent-events/cold/v1"}', b"[" * 100_000],
    ids=lambda content: repr(content[:20]),
)
def test_what_is_no_manifest(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(MalformedManifest, match="is no manifest"):
        read_manifest(write(tmp_path, content))


def test_a_key_twice(tmp_path: Path) -> None:
    twice = MANIFEST.to_json().replace(b'"row_count": 4,', b'"row_count": 5, "row_count": 4,')
    with pytest.raises(MalformedManifest, match="a key is there twice"):
        read_manifest(write(tmp_path, twice))


def test_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(MalformedManifest, match="cannot be read: No such file"):
        read_manifest(tmp_path / "none")
