"""Hold a cold file against its manifest, and every event against its own hash.

Nothing that the file says of itself is believed: hashes, chains, counts, ranges and roots are
computed anew. What else is known, such as the log, listens in as a `Witness`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from uuid import UUID

import pyarrow as pa
import pyarrow.compute as pc

from agent_events.cold import findings as kinds
from agent_events.cold.chains import Chains
from agent_events.cold.encode import leaf_hashes
from agent_events.cold.errors import MalformedManifest, UnreadableFile
from agent_events.cold.files import digest_of
from agent_events.cold.manifest import (
    DATA_SUFFIX,
    SUFFIX,
    Manifest,
    TenantPart,
    data_path,
    manifest_path,
    read_manifest,
)
from agent_events.cold.ranges import described, without
from agent_events.cold.reading import ColdFile, open_file
from agent_events.cold.tally import OutOfOrder, Tallies, runs
from agent_events.verifying.findings import CHANGED_EVENT, Finding, Findings

Progress = Callable[[int], object]


class Witness(Protocol):
    """Knows something about what should be in the file."""

    def manifest(self, manifest: Manifest) -> None:
        """Hear what the manifest says, before rows are read."""

    def rows(self, tenant_id: str, positions: pa.Int64Array, leaves: Sequence[bytes]) -> None:
        """Hear of the next rows of a tenant: their positions, and the hashes of their fields."""

    def end(self, parts: dict[str, TenantPart]) -> None:
        """Hear that all rows were read, in order, and what they come to."""

    def findings(self) -> Iterable[Finding]:
        """Return what is wrong."""


@dataclass(frozen=True)
class Checked:
    """What came out.

    Attributes:
        path: of the file.
        manifest: None where there is none that can be read.
        row_count: events that were read and hashed.
        findings: what is wrong; none where the file may be relied on.
        parts: what the rows come to, by tenant; None where not all could be read.
    """

    path: Path
    manifest: Manifest | None
    row_count: int
    findings: tuple[Finding, ...]
    parts: dict[str, TenantPart] | None


def partitions_in(path: Path) -> list[tuple[Path, str]]:
    """Return the folder and name of each partition that a file, or a folder of files, is of."""
    if not path.is_dir():
        return [(path.parent, _partition_name(path))]
    names = {
        _partition_name(each)
        for each in path.iterdir()
        if each.name.endswith((DATA_SUFFIX, SUFFIX)) and not each.name.startswith(".")
    }
    return [(path, name) for name in sorted(names)]


def check_file(
    folder: Path,
    name: str,
    witnesses: Sequence[Witness] = (),
    progress: Progress = lambda _rows: None,
) -> Checked:
    """Read a cold file again, all of it, and find what is wrong.

    Args:
        folder: where it is.
        name: of the partition.
        witnesses: what else is known.
        progress: called with how many rows more were read.
    """
    return _Check(folder, name, witnesses, progress).run()


class _Check:
    def __init__(
        self, folder: Path, name: str, witnesses: Sequence[Witness], progress: Progress
    ) -> None:
        self._path = data_path(folder, name)
        self._manifest_path = manifest_path(folder, name)
        self._name = name
        self._witnesses = witnesses
        self._progress = progress
        self._of_file = Findings(None)
        self._by_tenant: dict[str, Findings] = {}
        self._manifest: Manifest | None = None
        self._tallies = Tallies()
        self._chains = Chains()
        self._is_complete = False

    def run(self) -> Checked:
        self._read_manifest()
        digest = self._digest()
        if digest is not None:
            try:
                with open_file(self._path) as file:
                    self._check_bytes(digest, kinds.CHANGED_FILE, kinds.CHANGED_FILE)
                    self._check_identity(file)
                    self._read_rows(file)
            except UnreadableFile as error:
                if not self._check_bytes(digest, kinds.TRUNCATED_FILE, kinds.EXTENDED_FILE):
                    self._of_file.add(kinds.NO_COLD_FILE, error.message)
        parts = self._parts() if self._is_complete else None
        if parts is not None:
            self._compare(parts)
            for witness in self._witnesses:
                witness.end(parts)
        found = self._of_file.all()
        for tenant in self._by_tenant.values():
            found += tenant.all()
        for witness in self._witnesses:
            found += witness.findings()
        return Checked(self._path, self._manifest, self._tallies.row_count, tuple(found), parts)

    def _read_manifest(self) -> None:
        if not self._manifest_path.exists():
            self._of_file.add(kinds.MISSING_MANIFEST, f"there is no {self._manifest_path}")
            return
        try:
            self._manifest = read_manifest(self._manifest_path)
        except MalformedManifest as error:
            self._of_file.add(kinds.MALFORMED_MANIFEST, error.message)
            return
        if self._manifest.partition_name != self._name:
            self._of_file.add(
                kinds.OTHER_PARTITION,
                f"{self._manifest_path} is of the partition {self._manifest.partition_name}",
            )
        for witness in self._witnesses:
            witness.manifest(self._manifest)

    def _digest(self) -> tuple[str, int] | None:
        """Return the file's SHA-256 and size, or nothing where it cannot be read at all."""
        try:
            return digest_of(self._path)
        except FileNotFoundError:
            self._of_file.add(kinds.MISSING_FILE, f"there is no {self._path}")
        except OSError as error:
            detail = f"{self._path} cannot be read: {error.strerror}"
            self._of_file.add(kinds.UNREADABLE_ROWS, detail)
        return None

    def _check_bytes(self, found: tuple[str, int], if_shorter: str, if_longer: str) -> bool:
        """Hold size and digest against the manifest; whether the size is another."""
        (sha256, size), manifest = found, self._manifest
        if manifest is None:
            return False
        if size != manifest.file_bytes:
            self._of_file.add(
                if_shorter if size < manifest.file_bytes else if_longer,
                f"{self._path} has {size:,} bytes, not {manifest.file_bytes:,}",
            )
            return True
        if sha256 != manifest.file_sha256:
            self._of_file.add(
                kinds.CHANGED_FILE,
                f"{self._path} has the SHA-256 {sha256}, not {manifest.file_sha256}",
            )
        return False

    def _check_identity(self, file: ColdFile) -> None:
        """Hold what the file says of itself against the manifest."""
        if self._manifest is None:
            return
        said = self._manifest.identity()
        for key, kind in (
            ("format", kinds.NO_COLD_FILE),
            ("ledger_name", kinds.OTHER_LEDGER),
            ("partition_name", kinds.OTHER_PARTITION),
            ("from_time", kinds.FORGED_MANIFEST),
            ("to_time", kinds.FORGED_MANIFEST),
        ):
            found, wanted = (each.get(f"agent_events.{key}") for each in (file.metadata, said))
            if found != wanted:
                detail = f"the file says {key} {found}, its manifest {wanted}"
                self._of_file.add(kind, detail)

    def _read_rows(self, file: ColdFile) -> None:
        is_complete = True
        first = 0
        for group in file.row_groups:
            rows = file.rows_of(group)
            try:
                for batch in file.batches(group):
                    self._check_batch(batch)
                    self._progress(batch.num_rows)
            except UnreadableFile as error:
                is_complete = False
                detail = f"among rows {first:,} to {first + rows - 1:,}: {error.message}"
                self._of_file.add(kinds.UNREADABLE_ROWS, detail)
            except OutOfOrder as error:
                self._of_file.add(kinds.WRONG_ORDER, str(error))
                return
            first += rows
        self._is_complete = is_complete

    def _check_batch(self, batch: pa.RecordBatch) -> None:
        leaves = leaf_hashes(batch)
        start = 0
        for tenant_id, run in runs(batch):
            of_run = leaves[start : start + run.num_rows]
            start += run.num_rows
            positions = run.column("position")
            self._tallies.of(tenant_id).add(positions, of_run)
            findings = self._by_tenant.setdefault(tenant_id, Findings(tenant_id))
            _check_hashes(run, of_run, findings)
            self._check_bounds(run, findings)
            self._chains.check(tenant_id, run, findings)
            for witness in self._witnesses:
                witness.rows(tenant_id, positions, of_run)

    def _check_bounds(self, run: pa.RecordBatch, findings: Findings) -> None:
        if self._manifest is None:
            return
        column = run.column("created_at")
        kind = column.type
        is_outside = pc.or_(
            pc.less(column, pa.scalar(self._manifest.from_time, kind)),
            pc.greater_equal(column, pa.scalar(self._manifest.to_time, kind)),
        )
        for index in pc.indices_nonzero(is_outside).to_pylist():
            findings.add(
                kinds.MISPLACED_EVENT,
                f"it was created at {column[index].cast(pa.string())}",
                position=run.column("position")[index].as_py(),
                event_id=UUID(bytes=run.column("id")[index].as_py()),
            )

    def _parts(self) -> dict[str, TenantPart]:
        known = self._manifest.tenants if self._manifest else {}
        return {
            tenant_id: tally.part(known[tenant_id].first_block if tenant_id in known else None)
            for tenant_id, tally in self._tallies.by_tenant.items()
        }

    def _compare(self, parts: dict[str, TenantPart]) -> None:
        """Hold what was read against the manifest."""
        if self._manifest is None:
            return
        said = self._manifest.tenants
        # Where the file is the one that the manifest means, it is the manifest that is wrong.
        is_same = kinds.CHANGED_FILE not in {each.kind for each in self._of_file.all()}
        for tenant_id in sorted({*said, *parts}):
            findings = self._by_tenant.setdefault(tenant_id, Findings(tenant_id))
            compare(
                parts.get(tenant_id),
                said.get(tenant_id),
                findings,
                by="the manifest",
                with_root=CHANGED_EVENT not in {each.kind for each in findings.all()},
                kind=kinds.FORGED_MANIFEST if is_same else None,
            )


def compare(
    part: TenantPart | None,
    wanted: TenantPart | None,
    findings: Findings,
    *,
    by: str,
    with_root: bool = True,
    kind: str | None = None,
) -> None:
    """Report where a tenant's rows are not those that somebody tells of.

    Args:
        part: what was read.
        wanted: what should have been.
        findings: takes what differs.
        by: who tells.
        with_root: compare the roots too.
        kind: of the findings; None: what is wrong with the rows.
    """
    ranges = part.ranges if part else ()
    other = wanted.ranges if wanted else ()
    missing, extra = list(without(other, ranges)), list(without(ranges, other))
    for found, own_kind, text in (
        (missing, kinds.MISSING_ROWS, f"{by} has events that the file has not"),
        (extra, kinds.EXTRA_ROWS, f"the file has events that {by} has not"),
    ):
        if found:
            detail = f"{text}: {described(found)}"
            findings.add(kind or own_kind, detail, position=found[0][0])
    if with_root and part and wanted and not missing + extra and part.root != wanted.root:
        detail = f"the events have the root {part.root}, {by} says {wanted.root}"
        findings.add(kind or kinds.WRONG_ROOT, detail, position=ranges[0][0])


def _check_hashes(run: pa.RecordBatch, leaves: list[bytes], findings: Findings) -> None:
    stored = run.column("hash")
    if stored.equals(pa.array(leaves, pa.binary(32))):
        return
    for index, (leaf, hash_) in enumerate(zip(leaves, stored.to_pylist(), strict=True)):
        if leaf != hash_:
            findings.add(
                CHANGED_EVENT,
                f"its fields hash to {leaf.hex()}, but its hash is {hash_.hex()}",
                position=run.column("position")[index].as_py(),
                event_id=UUID(bytes=run.column("id")[index].as_py()),
            )


def _partition_name(path: Path) -> str:
    return path.name.removesuffix(SUFFIX).removesuffix(DATA_SUFFIX)
