"""Verifies one stretch of a log: the events under one tile of level 1, their tiles and blocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from agent_events.verifying import blocks as block_checks
from agent_events.verifying.blocks import Block
from agent_events.verifying.cold import Cold, Resumed
from agent_events.verifying.findings import (
    BROKEN_STREAM,
    CHANGED_EVENT,
    CHANGED_TILE,
    MISSING_ENTRY,
    MISSING_EVENT,
    UNLOGGED_EVENT,
    Finding,
    Findings,
)
from agent_events.verifying.nodes import STRETCH, TILE, Nodes, root_of, split, stored_tile
from agent_events.verifying.rows import NO_HASH, Stretch, read_stretch
from agent_events.verifying.session import Session
from agent_events.verifying.streams import Parts, check_links

_TILES = """
select t.tile_index, t.hashes
from ledger.log_tiles as t
where t.tenant_id = %s and t.level = 0 and t.tile_index >= %s and t.tile_index < %s
"""


@dataclass(frozen=True)
class Task:
    """A stretch to verify.

    Attributes:
        tenant_id: whose log.
        first: position; a multiple of `STRETCH`.
        last: position after the last one, at most `first + STRETCH`.
        tree_size: of the whole log.
        from_position, to_position: only these events are read; of others the tiles are believed.
        sizes: tree sizes whose roots are wanted, in `first + 1 .. last`.
        believes_events: where the edge of level 0 and the events differ, the edge is wrong.
        cold: positions whose events are in cold files, as `Cold.ranges`.
    """

    tenant_id: str
    first: int
    last: int
    tree_size: int
    from_position: int
    to_position: int
    sizes: tuple[int, ...] = ()
    believes_events: bool = False
    cold: tuple[tuple[int, int], ...] = ()

    def wanted(self) -> range:
        """Return the positions whose events are read."""
        return range(max(self.first, self.from_position), min(self.last, self.to_position))


@dataclass(frozen=True)
class Moved:
    """An event that is sound in itself, but not the one that was sealed at its position."""

    position: int
    hash: bytes
    sealed: bytes


@dataclass
class Result:
    """What came out of a stretch.

    Attributes:
        findings: what is wrong within it.
        root: over its leaves.
        roots: over its leaves up to each of `Task.sizes` and each block's tree_size.
        blocks: those that end in it, in order.
        before: the block before these; None where there is none to be seen.
        parts: of streams.
        moved: to be looked for at other positions.
        undecided: `moved` events of the edge, where only the root can tell which is wrong ...
        root_by_events: ... and what `root` would be if they were right.
        count: events that were read.
        cold: events that are in cold files.
        resumed: events of streams that go on after such events.
    """

    task: Task
    findings: list[Finding] = field(default_factory=list)
    root: bytes = b""
    roots: dict[int, bytes] = field(default_factory=dict)
    blocks: list[Block] = field(default_factory=list)
    before: Block | None = None
    parts: Parts = field(default_factory=dict)
    moved: list[Moved] = field(default_factory=list)
    undecided: list[Moved] = field(default_factory=list)
    root_by_events: bytes | None = None
    count: int = 0
    cold: int = 0
    resumed: list[Resumed] = field(default_factory=list)


def verify_stretch(session: Session, task: Task) -> Result:
    """Read and verify the events of a stretch, everything that can be told without the others."""
    return _Verification(session, task).run()


class _Verification:
    def __init__(self, session: Session, task: Task) -> None:
        self.session = session
        self.task = task
        self.findings = Findings(task.tenant_id)
        self.cold = Cold(task.cold)
        self.result = Result(task)
        self.parents = split(self._tile(1, task.first // STRETCH))
        self.edge_by_events: list[bytes] | None = None

    def run(self) -> Result:
        task, result, findings = self.task, self.result, self.findings
        reaching = block_checks.reaching(self.session, task.tenant_id, task.first, task.last)
        not_before = block_checks.not_before(reaching, task.first, task.last)
        stretch = read_stretch(
            self.session, task.tenant_id, task.first, task.last, task.wanted(), not_before
        )
        self._report_missing(stretch)
        leaves = self._settle(stretch)
        self._report_odd(stretch, leaves)
        nodes = Nodes(leaves)
        self._check_parents(nodes)
        result.root = nodes.root(len(leaves))
        result.blocks = [b for b in reaching if task.first < b.tree_size <= task.last]
        result.before = next((b for b in reversed(reaching) if b.tree_size <= task.first), None)
        sizes = {*task.sizes, *(block.tree_size for block in result.blocks)}
        result.roots = {size: nodes.root(size - task.first) for size in sizes}
        block_checks.check_hashes(result.blocks, findings)
        result.parts, result.resumed = check_links(
            stretch.links, leaves, task.first, findings, self.cold
        )
        block_checks.check_late(self.session, reaching, task.first, stretch.late, findings)
        result.count = stretch.count
        result.findings = findings.all()
        return result

    def _tile(self, level: int, index: int) -> bytes:
        return stored_tile(self.session, self.task.tenant_id, level, index, self.task.tree_size)

    def _tiles(self) -> list[bytes]:
        """Return the tiles of level 0, the edge as the last of them."""
        first, last = self.task.first // TILE, self.task.last // TILE
        stored = {
            index: bytes(hashes or b"")
            for index, hashes in self.session.rows(_TILES, self.task.tenant_id, first, last)
        }
        tiles = [stored.get(index, b"") for index in range(first, last)]
        if self.task.last % TILE:
            tiles.append(self._tile(0, last))
        return tiles

    def _report_missing(self, stretch: Stretch) -> None:
        task, findings = self.task, self.findings
        for index, event_id in sorted(stretch.missing.items()):
            if task.first + index in self.cold:
                self.result.cold += 1
                continue
            findings.add(
                MISSING_EVENT,
                "the entry names an event that is nowhere, or hidden from this role",
                position=task.first + index,
                event_id=event_id,
            )
        for index, event_id in sorted(stretch.twice.items()):
            findings.add(
                UNLOGGED_EVENT,
                "a second row has the id and time of this event",
                position=task.first + index,
                event_id=event_id,
            )
        for index, event_id in sorted(stretch.unlinked.items()):
            findings.add(
                BROKEN_STREAM,
                "it has a prev_hash, but no sequence",
                position=task.first + index,
                event_id=event_id,
            )
        if None not in stretch.leaves:
            return
        absent = [
            position
            for position in task.wanted()
            if stretch.leaves[position - task.first] is None
            and position - task.first not in stretch.missing
        ]
        for low, high in _runs(absent):
            findings.add(
                MISSING_ENTRY,
                f"no entry at position {low:,}"
                if low == high
                else f"no entries at the positions from {low:,} to {high:,}",
                position=low,
            )

    def _report_odd(self, stretch: Stretch, leaves: Sequence[bytes]) -> None:
        for index, odd in sorted(stretch.odd.items()):
            computed, sealed = stretch.leaves[index], leaves[index]
            if computed is None:
                continue
            if computed == sealed:
                detail = "its fields are what was sealed, but its stored hash is"
                detail += f" {odd.stored.hex()}"
            else:
                detail = f"its fields hash to {computed.hex()}, but {sealed.hex()} was sealed"
            self.findings.add(
                CHANGED_EVENT, detail, position=self.task.first + index, event_id=odd.event_id
            )

    def _settle(self, stretch: Stretch) -> list[bytes]:
        """Return the leaves as they were sealed: where events and tiles agree, what both say."""
        settled: list[bytes] = []
        for number, tile in enumerate(self._tiles()):
            low = number * TILE
            computed = stretch.leaves[low : low + TILE]
            if None not in computed and b"".join(computed) == tile:  # type: ignore[arg-type]
                settled += computed  # type: ignore[arg-type]
            else:
                settled += self._settle_tile(stretch, number, computed, tile)
                if self.edge_by_events is not None:
                    leaves = settled[:low] + self.edge_by_events
                    self.result.root_by_events = Nodes(leaves).root(len(leaves))
        return settled

    def _settle_tile(
        self, stretch: Stretch, number: int, computed: Sequence[bytes | None], tile: bytes
    ) -> list[bytes]:
        """Find out which is wrong, an event or the tile, by the hash that stands for the tile."""
        low = number * TILE
        is_whole = len(tile) == len(computed) * 32
        stored = split(tile) if is_whole else [NO_HASH] * len(computed)
        by_events = [
            leaf if leaf is not None and (low + i not in stretch.odd or not is_whole) else stored[i]
            for i, leaf in enumerate(computed)
        ]
        if not is_whole:
            self._report_tile(0, low // TILE, f"has {len(tile):,} bytes, not {len(computed) * 32}")
            return by_events
        moved = [
            Moved(self.task.first + low + i, leaf, stored[i])
            for i, leaf in enumerate(by_events)
            if leaf != stored[i]
        ]
        if not moved:
            return stored
        if len(computed) < TILE and self.task.believes_events:
            self._report_tile(0, low // TILE, "is not what the events are, nor what the root says")
            return by_events
        if len(computed) < TILE:
            self.result.undecided = moved
            self.edge_by_events = by_events
            return stored
        if self.parents[number : number + 1] == [root_of(by_events)]:
            self._report_tile(0, number, "is not what the events are, nor what stands above it")
            return by_events
        self.result.moved += moved
        return stored

    def _report_tile(self, level: int, number: int, detail: str) -> None:
        """Report a tile of this stretch: the number-th of level 0, or the one of level 1."""
        first = self.task.first // TILE ** (level + 1)
        self.findings.add(
            CHANGED_TILE,
            f"tile {first + number:,} of level {level} {detail}",
            position=self.task.first + number * TILE if level == 0 else self.task.first,
        )

    def _check_parents(self, nodes: Nodes) -> None:
        roots = nodes.tile_roots()
        if len(self.parents) != len(roots):
            detail = f"has {len(self.parents)} hashes, not {len(roots)}"
            self._report_tile(1, 0, detail)
            return
        for number, (stored, root) in enumerate(zip(self.parents, roots, strict=True)):
            if stored != root:
                below = self.task.first // TILE + number
                detail = f"is wrong at {number}: tile {below:,} of level 0 folds to {root.hex()}"
                self._report_tile(1, 0, detail)


def _runs(positions: Sequence[int]) -> list[tuple[int, int]]:
    """Return the first and last of each run of consecutive numbers."""
    runs: list[tuple[int, int]] = []
    for position in positions:
        if runs and runs[-1][1] == position - 1:
            runs[-1] = (runs[-1][0], position)
        else:
            runs.append((position, position))
    return runs
