"""Hold a cold file against the log, and against what the ledger recorded of its files.

Everything is read by plain SELECT: what the functions of the database say is not asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from agent_events.cold import findings as kinds
from agent_events.cold.check import compare
from agent_events.cold.manifest import Manifest, TenantPart
from agent_events.cold.partitions import first_blocks, read_partitions
from agent_events.cold.tally import ranges_of
from agent_events.verifying.findings import CHANGED_EVENT, Finding, Findings
from agent_events.verifying.nodes import TILE, split
from agent_events.verifying.session import Session

_TILES = """
select t.tile_index, t.hashes
from ledger.log_tiles as t
where t.tenant_id = %s and t.level = 0 and t.tile_index between %s and %s
"""
_EDGE = """
select h.tree_size, g.hashes
from ledger.log_heads as h
left join ledger.log_edges as g on g.tenant_id = h.tenant_id and g.level = 0
where h.tenant_id = %s
"""
_ENTRIES = """
select i.tenant_id, min(i.position), max(i.position)
from (
  select
    l.tenant_id,
    l.position,
    l.position - row_number() over (partition by l.tenant_id order by l.position) as island
  from ledger.log_entries as l
  where l.created_at >= %s and l.created_at < %s
) as i
group by i.tenant_id, i.island
order by 1, 2
"""
_RECORDS = """
select pg_catalog.encode(c.file_sha256, 'hex'), c.file_bytes, c.row_count, c.tenants
from ledger.cold_files as c
where c.partition_name = %s
order by c.exported_at
"""


@dataclass(frozen=True)
class Record:
    """A row of `ledger.cold_files`: what the ledger was told of a file when it was exported."""

    file_sha256: str
    file_bytes: int
    row_count: int
    tenants: dict[str, Any]


def read_records(session: Session, partition_name: str) -> list[Record]:
    """Return what was recorded of the files of a partition, in the order of recording."""
    return [Record(*row) for row in session.rows(_RECORDS, partition_name)]


class LogWitness:
    """Knows the leaves of the log, which events it has of a time, and the ledger's records.

    Args:
        session: of a role that reads every tenant.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._of_file = Findings(None)
        self._by_tenant: dict[str, Findings] = {}
        self._logs: dict[str, Leaves] = {}
        self._manifest: Manifest | None = None
        self._is_ours = True

    def manifest(self, manifest: Manifest) -> None:
        """Compare with the partition, and with what was recorded."""
        self._manifest = manifest
        self._check_ledger(manifest)
        if self._is_ours:
            self._check_partition(manifest)
            self._check_record(manifest)

    def rows(self, tenant_id: str, positions: pa.Int64Array, leaves: Sequence[bytes]) -> None:
        """Compare with the leaves of the log."""
        if not self._is_ours:
            return
        log = self._logs.setdefault(tenant_id, Leaves(self._session, tenant_id))
        start = 0
        for first, last in ranges_of(positions):
            end = start + last - first + 1
            stored = log.read(first, last)
            if stored != leaves[start:end]:
                self._report(tenant_id, first, leaves[start:end], stored)
            start = end

    def end(self, parts: dict[str, TenantPart]) -> None:
        """Compare with the events that the log has of the partition's time."""
        if self._manifest is None or not self._is_ours:
            return
        bounds = self._manifest.from_time, self._manifest.to_time
        ranges: dict[str, list[tuple[int, int]]] = {}
        for tenant_id, first, last in self._session.rows(_ENTRIES, *bounds):
            ranges.setdefault(tenant_id, []).append((first, last))
        for tenant_id in sorted({*ranges, *parts}):
            part, there = parts.get(tenant_id), tuple(ranges.get(tenant_id, ()))
            wanted = TenantPart(0, there, "", None) if there else None
            findings = self._findings(tenant_id)
            # Leaf by leaf they were compared already.
            compare(part, wanted, findings, by="the log", with_root=False)

    def findings(self) -> Iterable[Finding]:
        """Return what is wrong."""
        found = self._of_file.all()
        for each in self._by_tenant.values():
            found += each.all()
        return found

    def _check_ledger(self, manifest: Manifest) -> None:
        ours = first_blocks(self._session, list(manifest.tenants))
        for tenant_id, part in manifest.tenants.items():
            if part.first_block != ours.get(tenant_id):
                self._is_ours = False
                self._findings(tenant_id).add(
                    kinds.OTHER_LEDGER,
                    f"the file is of the ledger {manifest.ledger_name}, where the log of "
                    f"{tenant_id} begins with block {part.first_block}; here it begins with "
                    f"{ours.get(tenant_id, 'none')}",
                )

    def _check_partition(self, manifest: Manifest) -> None:
        name = manifest.partition_name
        known = {each.name: each for each in read_partitions(self._session)}
        if name not in known:
            self._is_ours = False
            self._of_file.add(kinds.OTHER_LEDGER, f"this ledger never had a partition {name}")
        elif (known[name].from_time, known[name].to_time) != (manifest.from_time, manifest.to_time):
            detail = (
                f"{name} goes from {known[name].from_time} to {known[name].to_time}, "
                f"the manifest says {manifest.from_time} to {manifest.to_time}"
            )
            self._of_file.add(kinds.FORGED_MANIFEST, detail)

    def _check_record(self, manifest: Manifest) -> None:
        records = read_records(self._session, manifest.partition_name)
        if not records:
            detail = f"the ledger knows of no file of {manifest.partition_name}; export it again"
            self._of_file.add(kinds.UNRECORDED_FILE, detail)
            return
        record = next((r for r in records if r.file_sha256 == manifest.file_sha256), None)
        if record is None:
            detail = (
                f"it says SHA-256 {manifest.file_sha256}, but the ledger recorded "
                f"{', '.join(r.file_sha256 for r in records)}"
            )
            self._of_file.add(kinds.FORGED_MANIFEST, detail)
        elif (record.file_bytes, record.row_count, record.tenants) != (
            manifest.file_bytes,
            manifest.row_count,
            manifest.digest(),
        ):
            detail = "it does not say what the ledger recorded of this file when it was exported"
            self._of_file.add(kinds.FORGED_MANIFEST, detail)

    def _report(
        self,
        tenant_id: str,
        first: int,
        leaves: Sequence[bytes],
        stored: Sequence[bytes],
    ) -> None:
        findings = self._findings(tenant_id)
        for index, leaf in enumerate(leaves):
            there = stored[index].hex() if index < len(stored) else "none"
            if leaf.hex() != there:
                detail = f"the file has an event of hash {leaf.hex()}, the log {there}"
                findings.add(CHANGED_EVENT, detail, position=first + index)

    def _findings(self, tenant_id: str) -> Findings:
        return self._by_tenant.setdefault(tenant_id, Findings(tenant_id))


class Leaves:
    """The leaves of a tenant's tree, as its tiles have them."""

    def __init__(self, session: Session, tenant_id: str) -> None:
        self._session = session
        self._tenant_id = tenant_id
        self._size, edge = session.one(_EDGE, tenant_id) or (0, None)
        self._edge = bytes(edge or b"")

    def read(self, first: int, last: int) -> list[bytes]:
        """Return the leaves of a range of positions, both included; fewer where the log ends."""
        low, high = first // TILE, last // TILE
        tiles: dict[int, bytes] = dict(self._session.rows(_TILES, self._tenant_id, low, high))
        tiles.setdefault(self._size // TILE, self._edge)
        hashes = bytearray()
        for index in range(low, high + 1):
            if index not in tiles:
                break
            hashes += tiles[index]
        start = (first - low * TILE) * 32
        return split(bytes(hashes[start : start + (last - first + 1) * 32]))
