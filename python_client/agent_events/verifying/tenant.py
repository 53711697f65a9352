"""Verifies the log of one tenant: gives out its stretches and puts together what comes back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from agent_events.proofs.merkle import EMPTY_ROOT, Frontier
from agent_events.verifying import head as heads
from agent_events.verifying.blocks import GENESIS, Block, check_chain, last_block
from agent_events.verifying.checkpoints import Signed, compare
from agent_events.verifying.cold import Resumed, read_cold
from agent_events.verifying.findings import (
    BROKEN_STREAM,
    CHANGED_BLOCK,
    CHANGED_EVENT,
    SWAPPED_ENTRY,
    WRONG_HEAD,
    Finding,
    Findings,
)
from agent_events.verifying.head import Head
from agent_events.verifying.nodes import STRETCH, fold
from agent_events.verifying.session import Session
from agent_events.verifying.streams import Streams, stream_name
from agent_events.verifying.stretch import Moved, Result, Task, verify_stretch
from agent_events.verifying.unlogged import check_unlogged

Run = Callable[[Iterable[Task]], Iterator[Result]]
"""Runs tasks, here or in other processes, and returns their results in the same order."""


@dataclass(frozen=True)
class Scope:
    """What of a log is verified.

    Attributes:
        from_position, to_position: only these events are read; the tree is verified as a whole.
            None: from the first, to the last.
        max_age: seconds after which an event should have been sealed.
    """

    from_position: int | None = None
    to_position: int | None = None
    max_age: float = 3600.0

    @property
    def is_whole(self) -> bool:
        """Whether all events are read."""
        return not self.from_position and self.to_position is None


@dataclass(frozen=True)
class TenantReport:
    """What was verified of one tenant.

    Attributes:
        tree_size: events that the log has.
        events: how many of them were read and hashed.
        cold: how many are in cold files, and were not read.
        block_no: the last block.
        root: of the tree, recomputed.
        unsealed: events that have no position yet.
        checkpoints: signed checkpoints that agree.
        anchored_size: tree size of the largest of them.
        findings: how many.
    """

    tenant_id: str
    tree_size: int
    events: int
    cold: int
    block_no: int
    root: bytes
    unsealed: int | None
    checkpoints: int
    anchored_size: int | None
    findings: int


class TenantVerification:
    """One pass over the log of a tenant.

    Args:
        session: whose snapshot `run` sees too.
        tenant_id: whose log.
        scope: what of it.
        signed: its verified checkpoints, by size.
    """

    def __init__(
        self, session: Session, tenant_id: str, scope: Scope, signed: Sequence[Signed]
    ) -> None:
        self.session = session
        self.tenant_id = tenant_id
        self.scope = scope
        self.signed = signed
        self.findings = Findings(tenant_id)
        self.head = heads.read_head(session, tenant_id)
        self.last = last_block(session, tenant_id)
        self.size = self._size()
        self._frontier = Frontier()  # its leaves are the roots of full stretches
        self._stretch_roots: list[bytes] = []
        self._root = EMPTY_ROOT
        self._roots: dict[int, bytes] = {}
        self._block: Block = GENESIS
        self._blocks = 0
        self._events = 0
        self._cold_events = 0
        self.cold = read_cold(session, tenant_id)
        self._streams = Streams(scope.is_whole, self.cold)
        self._resumed: list[Resumed] = self._streams.resumed
        self._moved: list[Moved] = []
        self._found: list[Finding] = []

    def events(self) -> int:
        """Return how many events will be read."""
        first, last = self._range()
        return max(last - first, 0)

    def run(self, run: Run, advance: Callable[[int], object]) -> tuple[TenantReport, list[Finding]]:
        """Verify.

        Args:
            run: runs the tasks.
            advance: called with the number of events after each stretch.
        """
        self._check_size()
        for result in run(self._tasks()):
            self._take(self._decided(result))
            advance(result.count)
        self._finish()
        agreed = compare(self.signed, self.size, self._roots, self.findings)
        unsealed = None
        if self.scope.is_whole:
            unsealed = check_unlogged(
                self.session, self.tenant_id, self.head, self.scope.max_age, self.findings
            ).count
        found = [self._in_its_block(one) for one in (*self._found, *self.findings.all())]
        sizes = [one.checkpoint.tree_size for one in self.signed]
        report = TenantReport(
            self.tenant_id,
            self.size,
            self._events,
            self._cold_events,
            self._block.block_no,
            self._root,
            unsealed,
            agreed,
            max(sizes) if sizes and agreed == len(sizes) else None,
            len(found),
        )
        return report, found

    def _size(self) -> int:
        """Return the size to verify: what two of head, last block, and entries and tiles say."""
        self._reach = heads.reach(self.session, self.tenant_id)
        if self.last and self.last.tree_size == self._reach:
            return self._reach
        stored: Head | Block | None = self.head or self.last
        return min(max(stored.tree_size, 0) if stored else 0, self._reach)

    def _check_size(self) -> None:
        if self.head is None and (self.last or self._reach):
            self.findings.add(WRONG_HEAD, "there is no head, or it is hidden from this role")
        elif self.head and self.head.tree_size > self.size:
            self.findings.add(
                WRONG_HEAD,
                f"it says {self.head.tree_size:,} events, but there are entries or tiles for "
                f"{self.size:,}",
                position=self.size,
            )
        heads.check_outside(self.session, self.tenant_id, self.size, self.findings)

    def _range(self) -> tuple[int, int]:
        to = self.scope.to_position
        return self.scope.from_position or 0, self.size if to is None else min(to, self.size)

    def _tasks(self) -> Iterator[Task]:
        from_position, to_position = self._range()
        sizes = sorted({one.checkpoint.tree_size for one in self.signed})
        for first in range(0, self.size, STRETCH):
            last = min(first + STRETCH, self.size)
            wanted = tuple(size for size in sizes if first < size <= last)
            yield Task(
                self.tenant_id,
                first,
                last,
                self.size,
                from_position,
                to_position,
                wanted,
                cold=self.cold.within(first, last),
            )

    def _decided(self, result: Result) -> Result:
        """Find out whether events of the edge are wrong or the edge: by what the head says."""
        if not result.undecided:
            return result
        wanted = self.head.root if self.head else self.last.root if self.last else b""
        left = self._frontier.hashes
        by_events = result.root_by_events
        if fold(left, result.root) != wanted and by_events and fold(left, by_events) == wanted:
            return verify_stretch(self.session, replace(result.task, believes_events=True))
        self._moved += result.undecided
        return result

    def _take(self, result: Result) -> None:
        """Add the next stretch on the right."""
        task, left = result.task, self._frontier.hashes
        roots = {size: fold(left, root) for size, root in result.roots.items()}
        self._root = fold(left, result.root)
        self._found += result.findings
        self._moved += result.moved
        self._events += result.count
        self._cold_events += result.cold
        self._resumed += result.resumed
        self._check_blocks(result.blocks, roots)
        self._roots.update((size, roots[size]) for size in task.sizes)
        self._streams.add(result.parts, self.findings)
        if task.last - task.first == STRETCH:
            self._frontier.append(result.root)
            self._stretch_roots.append(result.root)

    def _check_blocks(self, blocks: Sequence[Block], roots: dict[int, bytes]) -> None:
        check_chain([self._block, *blocks], self.findings)
        for block in blocks:
            self._block = block
            self._blocks += 1
            root = roots[block.tree_size]
            if block.root != root:
                self.findings.add(
                    CHANGED_BLOCK,
                    f"its root is {block.root.hex()}, but that of the first "
                    f"{block.tree_size:,} events is {root.hex()}",
                    block_no=block.block_no,
                )

    def _finish(self) -> None:
        """Check what needs all stretches."""
        session, tenant_id, findings = self.session, self.tenant_id, self.findings
        heads.check_shape(session, tenant_id, self.size, findings)
        heads.check_upper_levels(session, tenant_id, self.size, self._stretch_roots, findings)
        if self.head:
            heads.check_head(self.head, self.last, self.size, self._root, findings)
        count = heads.count_blocks(session, tenant_id)
        if count != self._blocks:
            findings.add(
                CHANGED_BLOCK,
                f"{count - self._blocks:,} of {count:,} blocks end outside of the log",
            )
        elif self.last and self.last.tree_size != self.size:
            findings.add(
                WRONG_HEAD,
                f"the log has {self.size:,} events, its last block ends at {self.last.tree_size:,}",
                block_no=self.last.block_no,
            )
        if self._moved:
            self._report_moved()
        if self._resumed:
            self._check_resumed()

    def _check_resumed(self) -> None:
        """Check that what goes on after events in cold files names one of them."""
        wanted = {one.prev_hash for one in self._resumed}
        leaves = heads.find_leaves(self.session, self.tenant_id, wanted)
        for one in self._resumed:
            if leaves.get(one.prev_hash, -1) not in self.cold:
                self.findings.add(
                    BROKEN_STREAM,
                    f"stream {stream_name(one.key)}: sequence {one.sequence:,} follows an event "
                    f"with hash {one.prev_hash.hex()}, which is in no cold file",
                    position=one.position,
                )

    def _report_moved(self) -> None:
        """Tell swapped entries from changed events: is the event's hash a leaf elsewhere?"""
        wanted = {moved.hash for moved in self._moved}
        leaves = heads.find_leaves(self.session, self.tenant_id, wanted)
        for moved in self._moved:
            event_id = self._event_id(moved.position)
            at = leaves.get(moved.hash)
            if at is not None and at != moved.position:
                kind = SWAPPED_ENTRY
                detail = f"it names the event that was sealed at position {at:,}"
            else:
                kind = CHANGED_EVENT
                detail = f"its hash is {moved.hash.hex()}, but {moved.sealed.hex()} was sealed"
            self.findings.add(kind, detail, position=moved.position, event_id=event_id)

    def _in_its_block(self, finding: Finding) -> Finding:
        if finding.position is None or finding.block_no is not None:
            return finding
        row = self.session.one(
            "select b.block_no from ledger.log_blocks as b"
            " where b.tenant_id = %s and b.first_position <= %s"
            " order by b.first_position desc limit 1",
            self.tenant_id,
            finding.position,
        )
        return replace(finding, block_no=row[0]) if row else finding

    def _event_id(self, position: int) -> UUID | None:
        row = self.session.one(
            "select l.event_id from ledger.log_entries as l"
            " where l.tenant_id = %s and l.position = %s",
            self.tenant_id,
            position,
        )
        return row[0] if row else None
