"""What goes by in a file, counted per tenant: rows, ranges of positions, and the root over them."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from agent_events.cold.manifest import TenantPart
from agent_events.proofs.merkle import Frontier


class OutOfOrder(Exception):
    """Rows do not come by tenant and position, each once; the message says where."""


class Tally:
    """One tenant's rows."""

    def __init__(self, tenant_id: str) -> None:
        self.tenant_id = tenant_id
        self.row_count = 0
        self.ranges: list[tuple[int, int]] = []
        self._frontier = Frontier()

    def add(self, positions: pa.Int64Array, leaves: list[bytes]) -> None:
        """Take the next rows: positions without a NULL, and the leaves there, 32 bytes each.

        Raises:
            OutOfOrder: a position is not above the one before it.
        """
        for first, last in ranges_of(positions):
            if self.ranges and first <= self.ranges[-1][1]:
                raise OutOfOrder(f"position {first:,} comes after {self.ranges[-1][1]:,}")
            if self.ranges and first == self.ranges[-1][1] + 1:
                first = self.ranges.pop()[0]
            self.ranges.append((first, last))
        self._frontier.extend(leaves)
        self.row_count += len(leaves)

    def part(self, first_block: str | None) -> TenantPart:
        """Return what a manifest says of the tenant."""
        root = self._frontier.root().hex()
        return TenantPart(self.row_count, tuple(self.ranges), root, first_block)


class Tallies:
    """All tenants' rows, which come in the order of tenant and position."""

    def __init__(self) -> None:
        self.by_tenant: dict[str, Tally] = {}
        self._last: str | None = None

    def of(self, tenant_id: str) -> Tally:
        """Return the tally of the tenant whose rows come next.

        Raises:
            OutOfOrder: it came before, or should have.
        """
        if tenant_id != self._last:
            if self._last is not None and tenant_id < self._last:
                raise OutOfOrder(f"tenant {tenant_id} comes after {self._last}")
            self._last = tenant_id
            self.by_tenant[tenant_id] = Tally(tenant_id)
        return self.by_tenant[tenant_id]

    @property
    def row_count(self) -> int:
        """How many rows went by."""
        return sum(tally.row_count for tally in self.by_tenant.values())


def runs(batch: pa.RecordBatch) -> Iterator[tuple[str, pa.RecordBatch]]:
    """Cut a batch into the rows of one tenant each."""
    if not batch.num_rows:
        return
    encoded = pc.run_end_encode(batch.column("tenant_id"))
    start = 0
    for tenant_id, end in zip(
        encoded.values.to_pylist(), encoded.run_ends.to_pylist(), strict=True
    ):
        yield tenant_id, batch.slice(start, end - start)
        start = end


def ranges_of(positions: pa.Int64Array) -> Iterator[tuple[int, int]]:
    """Return the runs of consecutive numbers, first and last; a step back ends one too."""
    steps = pc.not_equal(pc.pairwise_diff(positions, 1), 1)
    start = 0
    for end in (*pc.indices_nonzero(steps).to_pylist(), len(positions)):
        if end > start:
            yield positions[start].as_py(), positions[end - 1].as_py()
            start = end
