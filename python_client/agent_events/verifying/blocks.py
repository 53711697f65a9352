"""Blocks: what the tree was after each seal, chained by their hashes (docs/leaf-format.md)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise
from struct import pack

from agent_events.verifying.findings import (
    BACK_DATED_EVENT,
    CHANGED_BLOCK,
    MISSING_BLOCK,
    Findings,
)
from agent_events.verifying.rows import Late
from agent_events.verifying.session import Session

MAGIC = b"agent-events/block/v1\x00"
MINUTE = 60_000_000  # microseconds
LONG_AGO = -(2**63)

_COLUMNS = """
  b.block_no,
  coalesce(b.first_position, -1),
  coalesce(b.tree_size, -1),
  coalesce(b.root, ''),
  coalesce(b.prev_block_hash, ''),
  coalesce(b.block_hash, ''),
  pg_catalog.timestamptz_send(coalesce(b.sealed_at, '-infinity')),
  coalesce(b.epoch, -1)
"""
# Those that reach into the stretch, and the one before them.
_REACHING = f"""
select {_COLUMNS}
from ledger.log_blocks as b
where b.tenant_id = %(tenant_id)s
  and b.first_position < %(last)s
  and b.first_position >= coalesce((
    select min(x.first_position)
    from (
      select p.first_position
      from ledger.log_blocks as p
      where p.tenant_id = %(tenant_id)s and p.first_position <= %(first)s
      order by p.first_position desc
      limit 2
    ) as x
  ), 0)
order by b.first_position, b.block_no
"""
_LAST = f"""
select {_COLUMNS}
from ledger.log_blocks as b
where b.tenant_id = %s
order by b.block_no desc
limit 1
"""
_SEALED_BEFORE = """
select pg_catalog.timestamptz_send(max(b.sealed_at))
from ledger.log_blocks as b
where b.tenant_id = %s
  and b.epoch = %s
  and b.block_no < %s
  and b.next_xact_id <= %s::pg_catalog.xid8
"""


@dataclass(frozen=True)
class Block:
    """A row of log_blocks. `sealed_at` is microseconds since 2000-01-01T00:00:00Z."""

    block_no: int
    first_position: int
    tree_size: int
    root: bytes
    prev_block_hash: bytes
    block_hash: bytes
    sealed_at: int
    epoch: int

    def computed_hash(self) -> bytes:
        """Hash the block's fields."""
        return sha256(
            MAGIC
            + pack(">qqq", self.block_no, self.first_position, self.tree_size)
            + self.root
            + self.prev_block_hash
            + pack(">q", self.sealed_at)
        ).digest()


GENESIS = Block(0, 0, 0, b"", b"", sha256(b"").digest(), LONG_AGO, 0)
"""What the first block follows."""


def reaching(session: Session, tenant_id: str, first: int, last: int) -> list[Block]:
    """Return the blocks of the positions from `first` to `last` - 1, and the one before them."""
    parameters = {"tenant_id": tenant_id, "first": first, "last": last}
    return _blocks(session.connection.execute(_REACHING, parameters).fetchall())


def last_block(session: Session, tenant_id: str) -> Block | None:
    """Return the block with the highest number."""
    return next(iter(_blocks(session.rows(_LAST, tenant_id))), None)


def _blocks(rows: Iterable[tuple[object, ...]]) -> list[Block]:
    return [
        Block(no, first, size, root, prev, hash_, int.from_bytes(at, "big", signed=True), epoch)  # type: ignore[arg-type]
        for no, first, size, root, prev, hash_, at, epoch in rows
    ]


def check_hashes(blocks: Iterable[Block], findings: Findings) -> None:
    """Check that each block's hash is that of its fields."""
    for block in blocks:
        if block.computed_hash() != block.block_hash:
            findings.add(
                CHANGED_BLOCK,
                f"its fields hash to {block.computed_hash().hex()}, but block_hash is "
                f"{block.block_hash.hex()}",
                block_no=block.block_no,
            )


def check_chain(blocks: Sequence[Block], findings: Findings) -> None:
    """Check that each block continues the one before it."""
    for before, block in pairwise(blocks):
        if block.block_no != before.block_no + 1 or block.first_position != before.tree_size:
            findings.add(
                MISSING_BLOCK,
                f"block {block.block_no} begins at position {block.first_position:,}, but the one "
                f"before it is block {before.block_no}, which ends before {before.tree_size:,}",
                block_no=block.block_no,
                position=before.tree_size,
            )
        elif block.prev_block_hash != before.block_hash:
            findings.add(
                CHANGED_BLOCK,
                f"prev_block_hash is {block.prev_block_hash.hex()}, but block {before.block_no} "
                f"has {before.block_hash.hex()}",
                block_no=block.block_no,
            )
        if block.sealed_at < before.sealed_at:
            findings.add(
                CHANGED_BLOCK,
                f"it was sealed before block {before.block_no}",
                block_no=block.block_no,
            )


def not_before(blocks: Sequence[Block], first: int, last: int) -> list[int]:
    """Return, by index, what an event must not be older than without being looked at.

    That is a minute before the seal of the block before its own, in microseconds since 2000: an
    event that is older was emitted by a transaction that was still open then, or is back-dated.
    """
    limits = [LONG_AGO] * (last - first)
    for before, block in pairwise(blocks):
        low = max(block.first_position, first) - first
        high = min(block.tree_size, last) - first
        if low < high and before.block_no and before.epoch == block.epoch:
            limits[low:high] = [before.sealed_at - MINUTE] * (high - low)
    return limits


def check_late(
    session: Session,
    blocks: Sequence[Block],
    first: int,
    late: Iterable[Late],
    findings: Findings,
) -> None:
    """Tell events of long transactions from back-dated ones: by when their transaction began.

    A transaction whose id is not below a block's `next_xact_id` began after it was sealed.
    """
    sealed: dict[tuple[int, int], int] = {}
    for event in late:
        position = first + event.index
        block = next(b for b in blocks if b.first_position <= position < b.tree_size)
        key = (block.block_no, event.xact_id)
        if key not in sealed:
            sealed[key] = _sealed_before(session, findings.tenant_id, block, event.xact_id)
        if event.created_at < sealed[key] - MINUTE:
            seconds = (sealed[key] - event.created_at) / 1_000_000
            findings.add(
                BACK_DATED_EVENT,
                f"its transaction {event.xact_id} began after a seal, but its created_at lies "
                f"{seconds:,.0f} seconds before that",
                position=position,
                event_id=event.event_id,
                block_no=block.block_no,
            )


def _sealed_before(session: Session, tenant_id: str | None, block: Block, xact_id: int) -> int:
    """When the last block before this one was sealed that the transaction began after."""
    found = session.one(_SEALED_BEFORE, tenant_id, block.epoch, block.block_no, str(xact_id))
    if found is None or found[0] is None:
        return LONG_AGO
    return int.from_bytes(found[0], "big", signed=True)
