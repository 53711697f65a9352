"""Prove that the rows of a cold file are in the tree that was signed outside the database.

The hashes of the file's events, in their positions, and the subtrees between them, which the log's
tiles give, must fold to the signed root. No tile can be chosen so that other events would do.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pyarrow as pa

from agent_events.cold import findings as kinds
from agent_events.cold.manifest import Manifest, TenantPart
from agent_events.cold.tally import ranges_of
from agent_events.evidence.offline.ranges import RangeTree, cover
from agent_events.proofs.merkle import ProofError, tile_root
from agent_events.proofs.note import Checkpoint
from agent_events.verifying.checkpoints import Anchored
from agent_events.verifying.findings import FORK, TRUNCATED, Finding, Findings
from agent_events.verifying.head import read_head
from agent_events.verifying.nodes import stored_tile
from agent_events.verifying.session import Session


class SignedWitness:
    """Knows the newest signed checkpoint of each tenant.

    Attributes:
        used: the checkpoints that the rows were proven against, by tenant.
    """

    def __init__(self, session: Session, anchored: Anchored) -> None:
        self._session = session
        self._anchored = anchored
        self._found: list[Finding] = []
        self._ledger_name: str | None = None
        self._trees: dict[str, _Tree] = {}
        self.used: dict[str, Checkpoint] = {}

    def manifest(self, manifest: Manifest) -> None:
        """Choose the checkpoints: those that the ledger of this name signs."""
        self._ledger_name = manifest.ledger_name

    def rows(self, tenant_id: str, positions: pa.Int64Array, leaves: Sequence[bytes]) -> None:
        """Put the next rows into the tenant's tree."""
        if tenant_id not in self._trees:
            self._trees[tenant_id] = _Tree(self._session, tenant_id)
        self._trees[tenant_id].add(positions, leaves)

    def end(self, parts: dict[str, TenantPart]) -> None:
        """Hold the trees against what was signed; without a manifest nobody says by whom."""
        if self._ledger_name is None:
            return
        mine = [f for f in self._anchored.findings if f.tenant_id is None or f.tenant_id in parts]
        self._found += mine
        for tenant_id, part in parts.items():
            findings = Findings(tenant_id)
            self._hold(tenant_id, part, findings)
            self._found += findings.all()

    def findings(self) -> Iterable[Finding]:
        """Return what is wrong."""
        return self._found

    def _hold(self, tenant_id: str, part: TenantPart, findings: Findings) -> None:
        origin = f"{self._ledger_name}/{tenant_id}"
        signed = [
            each
            for each in self._anchored.signed.get(tenant_id, ())
            if each.checkpoint.origin == origin
        ]
        newest = max(signed, key=lambda each: each.checkpoint.tree_size, default=None)
        last = part.ranges[-1][1]
        if newest is None or newest.checkpoint.tree_size <= last:
            there = "none" if newest is None else f"one of {newest.checkpoint.tree_size:,} events"
            findings.add(
                kinds.NO_CHECKPOINT,
                f"the events reach position {last:,}; signed for {origin} is {there}",
                position=last,
            )
            return
        checkpoint = newest.checkpoint
        try:
            root = self._trees[tenant_id].root(checkpoint.tree_size)
        except _Shorter as error:
            findings.add(TRUNCATED, f"{error} were signed ({newest.where})")
            return
        except (LookupError, ProofError) as error:
            findings.add(FORK, f"the tree that was signed cannot be had from the log: {error}")
            return
        if root != checkpoint.root:
            findings.add(
                FORK,
                f"with these events the tree of {checkpoint.tree_size:,} has the root "
                f"{root.hex()}, but {checkpoint.root.hex()} was signed ({newest.where})",
                position=part.ranges[0][0],
            )
            return
        self.used[tenant_id] = checkpoint


class _Shorter(Exception):
    """The log is shorter than what was signed."""


class _Tree:
    """A tenant's tree, from the file's leaves and, between them, the log's subtrees."""

    def __init__(self, session: Session, tenant_id: str) -> None:
        head = read_head(session, tenant_id)
        self._session = session
        self._tenant_id = tenant_id
        self._size = head.tree_size if head else 0
        self._tree = RangeTree(0, [])
        self._error: Exception | None = None

    def add(self, positions: pa.Int64Array, leaves: Sequence[bytes]) -> None:
        start = 0
        for first, last in ranges_of(positions):
            end = start + last - first + 1
            try:
                self._skip(first)
            except (LookupError, ProofError) as error:
                self._error = self._error or error
            for leaf in leaves[start:end]:
                self._tree.append(leaf)
            start = end

    def root(self, tree_size: int) -> bytes:
        if tree_size > self._size:
            raise _Shorter(f"the log has {self._size:,} events, but {tree_size:,}")
        if self._error is not None:
            raise self._error
        return self._tree.close(tree_size, self._nodes(self._tree.tree_size, tree_size))

    def _skip(self, end: int) -> None:
        if end > self._tree.tree_size:
            self._tree.skip(end, self._nodes(self._tree.tree_size, end))

    def _nodes(self, first: int, end: int) -> list[bytes]:
        return [self._node(height, index) for height, index in cover(first, end)]

    def _node(self, height: int, index: int) -> bytes:
        """Return the root of the `index`-th subtree of `1 << height` leaves, from its tile."""
        level, width = height // 8, 1 << height % 8
        tile, offset = divmod(index * width, 256)
        hashes = stored_tile(self._session, self._tenant_id, level, tile, self._size)
        part = hashes[offset * 32 : (offset + width) * 32]
        if len(part) != width * 32:
            raise LookupError(f"tile {tile:,} of level {level} is missing or too short")
        return tile_root(part)
