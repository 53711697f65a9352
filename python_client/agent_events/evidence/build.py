"""Make an evidence bundle: events, proofs, the signed checkpoint, and what checks them offline.

What it proves depends on its mode (README.txt, which goes into every bundle, says it at length):

events      each event in it is in the log; others may have been left out
chain       … and the events of one aggregate are its sequences from 1 on without a gap, linked by
            their hashes; not that no later one exists, nor that no second chain was forged
disclosed   every event of a range of positions is in it, whatever it is about, so none is left out
            and all of one aggregate or correlation in that range are seen; so are all others

There is no mode that hides fields or events and proves completeness: an event's hash is over all of
its fields together, so what it is not about cannot be shown without showing it whole.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import UUID

from psycopg import Connection

import agent_events
from agent_events.evidence.checkpoints import SignedCheckpoint, require_consistent
from agent_events.evidence.cold import cold_ranges, refuse_cold
from agent_events.evidence.errors import EvidenceError
from agent_events.evidence.inclusion import read_proofs, require_covered, sealed_event
from agent_events.evidence.offline.checks import Finding, Verification
from agent_events.evidence.offline.container import NotABundle, ZipContainer
from agent_events.evidence.offline.entry import BundledEvent, format_event
from agent_events.evidence.offline.manifest import DISCLOSED, EVENTS, Manifest, Query
from agent_events.evidence.offline.ranges import cover
from agent_events.evidence.rows import PAGE, read_events, read_positions
from agent_events.evidence.writer import BundleWriter, new_file

Progress = Callable[[str, int], object]

_EVIDENCE = Path(__file__).parent
_PROOFS = _EVIDENCE.parent / "proofs"
_STUB = b'"""Cut down to what checking an evidence bundle needs."""\n'


@dataclass(frozen=True)
class Order:
    """What a bundle is to hold.

    Attributes:
        tenant_id: whose log.
        query: which events it is about.
        mode: `events`, `chain` or `disclosed`.
        first, end: of the range from `first` to `end` - 1 that is disclosed; `end` None: up to the
            checkpoint. They mean nothing in the other modes.
    """

    tenant_id: str
    query: Query
    mode: str = EVENTS
    first: int = 0
    end: int | None = None


@dataclass(frozen=True)
class Made:
    """A bundle that was made, and verified as its reader will.

    Attributes:
        path: the zip file.
        event_count: events in it.
        matching_count: those that it is about.
        uncovered_count: events it would be about, but for a position beyond the checkpoint.
        cold_count: events of the tenant in cold files, among which there may be some that it would
            be about; 0 where its events were named one by one.
        tree_size: of the checkpoint.
    """

    path: Path
    event_count: int
    matching_count: int
    uncovered_count: int
    cold_count: int
    tree_size: int


def build_bundle(
    connection: Connection[Any],
    order: Order,
    signed: SignedCheckpoint,
    path: Path,
    progress: Progress = lambda _what, _count: None,
) -> Made:
    """Make a bundle and verify it before it gets its name. Events are streamed, never collected.

    Args:
        connection: autocommit, its client_encoding UTF8, of a role that reads the tenant.
        order: what to put in.
        signed: the checkpoint to prove it against.
        path: a file that does not exist yet.
        progress: called with what was done, `events` or `proofs`, and how many of them.

    Raises:
        EvidenceError: there is nothing to put in, the checkpoint does not cover it, what the
            database holds is not what was signed, or the file cannot be written.
    """
    require_consistent(connection, order.tenant_id, signed.checkpoint)
    with new_file(path) as partial:
        made_at = datetime.now(UTC)
        with BundleWriter(partial, made_at) as writer:
            content = _Content(connection, order, signed, progress)
            _add_tools(writer)
            writer.add("checkpoint.note", signed.note.encode())
            keys = "".join(f"{key.text()}\n" for key in signed.signers)
            writer.add("vkey.txt", keys.encode())
            content.write(writer)
            manifest = content.manifest(made_at, dict(writer.files))
            text = json.dumps(manifest.members(), ensure_ascii=False, indent=2)
            writer.add("manifest.json", f"{text}\n".encode())
        _verify(partial, signed)
    return Made(
        path,
        content.event_count,
        content.matching_count,
        content.count_uncovered(),
        content.count_cold(),
        signed.checkpoint.tree_size,
    )


class _Content:
    """The part of a bundle that comes from the ledger."""

    def __init__(
        self,
        connection: Connection[Any],
        order: Order,
        signed: SignedCheckpoint,
        progress: Progress,
    ) -> None:
        size = signed.checkpoint.tree_size
        self._connection = connection
        self._order = order
        self._signed = signed
        self._progress = progress
        self._end = size if order.end is None else order.end
        self.event_count = 0
        self.matching_count = 0
        if order.mode == DISCLOSED and not 0 <= order.first < self._end <= size:
            raise EvidenceError(
                f"there is no range from position {order.first} to {self._end} in the {size} "
                "events that the checkpoint covers"
            )

    def write(self, writer: BundleWriter) -> None:
        """Write events.jsonl and what proves them."""
        if self._order.mode == DISCLOSED:
            refuse_cold(self._connection, self._order.tenant_id, self._order.first, self._end)
            events = read_positions(
                self._connection, self._order.tenant_id, self._order.first, self._end
            )
            for _ in self._write_events(writer, events):
                pass
            writer.add("range.json", _json_line(self._range_proof()))
            return
        ids = [event.id for event in self._write_events(writer, self._selected())]
        if not ids:
            raise EvidenceError(
                f"the checkpoint of {self._signed.checkpoint.tree_size} events covers no event of "
                f"{self._order.query} that you may see"
            )
        with writer.member("proofs.jsonl") as member:
            for page in _pages(ids):
                proofs = read_proofs(self._connection, self._order.tenant_id, page, self._signed)
                for position, _, hashes in proofs:
                    line = {"position": position, "hashes": _base64(hashes)}
                    member.write(_json_line(line))
                self._progress("proofs", len(page))

    def manifest(self, made_at: datetime, files: dict[str, tuple[str, int]]) -> Manifest:
        """Say what was written."""
        order, checkpoint = self._order, self._signed.checkpoint
        is_range = order.mode == DISCLOSED
        return Manifest(
            mode=order.mode,
            query=order.query,
            first=order.first if is_range else None,
            end=self._end if is_range else None,
            tree_size=checkpoint.tree_size,
            root=checkpoint.root.hex(),
            origin=checkpoint.origin,
            ledger_name=checkpoint.origin.rpartition("/")[0],
            tenant_id=order.tenant_id,
            event_count=self.event_count,
            matching_count=self.matching_count,
            made_at=made_at.isoformat(timespec="seconds"),
            made_by=f"agent-events {agent_events.__version__}",
            files=files,
        )

    def count_uncovered(self) -> int:
        """Count the events that it would be about, had the checkpoint covered them."""
        query = self._order.query
        if self._order.mode == DISCLOSED or query.event_ids:
            return 0
        condition, parameters = _condition(query)
        row = self._connection.execute(
            f"select count(*) from ledger.events as l where l.tenant_id = %s and {condition}",
            (self._order.tenant_id, *parameters),
        ).fetchone()
        return max(0, (row[0] if row else 0) - self.matching_count)

    def count_cold(self) -> int:
        """Count the events that it could not look at."""
        order, size = self._order, self._signed.checkpoint.tree_size
        if order.mode == DISCLOSED or order.query.event_ids:
            return 0
        ranges = cold_ranges(self._connection, order.tenant_id, 0, size)
        return sum(end - first for first, end in ranges)

    def _write_events(
        self, writer: BundleWriter, events: Iterator[BundledEvent]
    ) -> Iterator[BundledEvent]:
        with writer.member("events.jsonl") as member:
            for event in events:
                member.write(format_event(event.position, event.hash, event.fields))
                self.event_count += 1
                self.matching_count += self._order.query.matches(event.fields)
                if self.event_count % PAGE == 0:
                    self._progress("events", PAGE)
                yield event

    def _selected(self) -> Iterator[BundledEvent]:
        order, size = self._order, self._signed.checkpoint.tree_size
        if order.query.event_ids:
            ids = order.query.event_ids
            events = [sealed_event(self._connection, order.tenant_id, UUID(id_)) for id_ in ids]
            for event in events:
                require_covered(event.id, event.position, self._signed)
            return iter(sorted(events, key=lambda event: event.position))
        condition, parameters = _condition(order.query)
        return read_events(
            self._connection,
            f"ledger.log as l where l.tenant_id = %s and {condition} and l.position < %s "
            "order by l.position",
            (order.tenant_id, *parameters, size),
        )

    def _range_proof(self) -> dict[str, list[str]]:
        size = self._signed.checkpoint.tree_size
        return {
            "left": _base64(self._nodes(0, self._order.first)),
            "right": _base64(self._nodes(self._end, size)),
        }

    def _nodes(self, first: int, end: int) -> Iterator[bytes]:
        for height, index in cover(first, end):
            row = self._connection.execute(
                "select ledger.log_node(%s, %s, %s)", (self._order.tenant_id, height, index)
            ).fetchone()
            if row is not None:
                yield row[0]


def _condition(query: Query) -> tuple[str, tuple[str, ...]]:
    """Return what picks the events of an aggregate or a correlation, of the alias l."""
    if query.aggregate is not None:
        return "l.aggregate_type = %s and l.aggregate_id = %s", query.aggregate
    if query.correlation_id is not None:
        return "l.correlation_id = %s::uuid", (query.correlation_id,)
    raise EvidenceError("which events? An aggregate, a correlation or ids are needed")


def _add_tools(writer: BundleWriter) -> None:
    """Add what says how to check, and the programs that do, verbatim."""
    for name in ("README.txt", "verify.py", "leaf-format.md"):
        writer.add(name, (_EVIDENCE / name).read_bytes())
    writer.add("agent_events/__init__.py", _STUB)
    writer.add("agent_events/proofs/__init__.py", _STUB)
    for name in ("merkle.py", "note.py", "ed25519.py"):
        writer.add(f"agent_events/proofs/{name}", (_PROOFS / name).read_bytes())
    writer.add("agent_events/evidence/__init__.py", (_EVIDENCE / "__init__.py").read_bytes())
    for path in sorted((_EVIDENCE / "offline").glob("*.py")):
        writer.add(f"agent_events/evidence/offline/{path.name}", path.read_bytes())


def _verify(path: Path, signed: SignedCheckpoint) -> None:
    """Check the finished bundle as its reader will."""
    try:
        findings = list(islice(Verification(ZipContainer(path), signed.signers).findings(), 4))
    except NotABundle as error:
        findings = [Finding("not a bundle", str(error))]
    if findings:
        shown = "; ".join(_line(finding) for finding in findings[:3])
        more = "; and more" if len(findings) > 3 else ""
        raise EvidenceError(
            f"what the database holds is not what was signed: {shown}{more}",
            "No bundle was made. Find out what was changed: agent-events verify",
        )


def _line(finding: Finding) -> str:
    where = "" if finding.position is None else f" at position {finding.position}"
    return f"{finding.kind}{where}: {finding.detail}"


def _pages(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for at in range(0, len(ids), PAGE):
        yield ids[at : at + PAGE]


def _base64(hashes: Any) -> list[str]:
    return [b64encode(hash_).decode() for hash_ in hashes]


def _json_line(value: dict[str, Any]) -> bytes:
    return json.dumps(value).encode() + b"\n"
