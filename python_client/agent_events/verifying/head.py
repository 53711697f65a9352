"""Where a log stands: its head, held against its entries, blocks and tiles."""

from __future__ import annotations

from dataclasses import dataclass

from agent_events.verifying.blocks import GENESIS, Block
from agent_events.verifying.findings import CHANGED_TILE, WRONG_HEAD, Findings
from agent_events.verifying.nodes import TILE, TILE_SIZE, root_of, split, stored_tile
from agent_events.verifying.session import Session

_HEAD = """
select
  h.tree_size,
  h.root,
  h.block_no,
  h.block_hash,
  pg_catalog.timestamptz_send(h.sealed_at),
  h.sealed_at::pg_catalog.text,
  h.snapshot::pg_catalog.text,
  h.system_identifier
from ledger.log_heads as h
where h.tenant_id = %s
"""
_REACH = """
select
  (select max(l.position) from ledger.log_entries as l where l.tenant_id = %(tenant_id)s),
  (
    select max(t.tile_index)
    from ledger.log_tiles as t
    where t.tenant_id = %(tenant_id)s and t.level = 0
  ),
  (
    select pg_catalog.octet_length(g.hashes)
    from ledger.log_edges as g
    where g.tenant_id = %(tenant_id)s and g.level = 0
  )
"""
_OUTSIDE = """
select count(*), min(l.position)
from ledger.log_entries as l
where l.tenant_id = %s and (l.position < 0 or l.position >= %s)
"""
_TILES = """
select t.level, count(*), min(t.tile_index), max(t.tile_index)
from ledger.log_tiles as t
where t.tenant_id = %s
group by t.level
"""
_LEAVES = """
select t.tile_index, t.hashes
from ledger.log_tiles as t
where t.tenant_id = %s and t.level = 0 and t.tile_index > %s
order by t.tile_index
limit 256
"""
_EDGES = """
select g.level, coalesce(pg_catalog.octet_length(g.hashes), -1)
from ledger.log_edges as g
where g.tenant_id = %s
"""


@dataclass(frozen=True)
class Head:
    """A row of log_heads. `sealed_at` is microseconds since 2000-01-01T00:00:00Z."""

    tree_size: int
    root: bytes
    block_no: int
    block_hash: bytes
    sealed_at: int
    sealed_at_text: str
    snapshot: str
    system_identifier: int


def read_head(session: Session, tenant_id: str) -> Head | None:
    """Return the head of a tenant's log; None where there is none, or none to be seen."""
    row = session.one(_HEAD, tenant_id)
    if row is None:
        return None
    size, root, block_no, block_hash, sealed_at, *rest = row
    return Head(
        size, root, block_no, block_hash, int.from_bytes(sealed_at, "big", signed=True), *rest
    )


def reach(session: Session, tenant_id: str) -> int:
    """Return the size that entries or tiles bear witness to, whatever the head says."""
    row = session.connection.execute(_REACH, {"tenant_id": tenant_id}).fetchone()
    position, tile, edge = row or (None, None, None)
    by_entries = 0 if position is None else position + 1
    by_tiles = (0 if tile is None else (tile + 1) * TILE) + (edge or 0) // 32
    return int(max(by_entries, by_tiles, 0))


def check_outside(session: Session, tenant_id: str, size: int, findings: Findings) -> None:
    """Look for entries at positions that the log does not reach."""
    count, position = session.one(_OUTSIDE, tenant_id, size) or (0, None)
    if count:
        findings.add(
            WRONG_HEAD,
            f"the log has {size:,} events, but {count:,} entries stand outside of it",
            position=position,
        )


def check_head(head: Head, last: Block | None, size: int, root: bytes, findings: Findings) -> None:
    """Hold the head against the last block and the tree.

    Args:
        head: as it is stored.
        last: the block with the highest number.
        size: of the tree as it was recomputed.
        root: of the tree as it was recomputed.
        findings: takes what differs.
    """
    block = last or GENESIS
    if (head.block_no, head.block_hash) != (block.block_no, block.block_hash):
        findings.add(
            WRONG_HEAD,
            f"it names block {head.block_no} with hash {head.block_hash.hex()}, but the last is "
            f"block {block.block_no} with hash {block.block_hash.hex()}",
            block_no=block.block_no,
        )
    if head.tree_size != block.tree_size or (last and head.sealed_at != block.sealed_at):
        findings.add(
            WRONG_HEAD,
            f"it says {head.tree_size:,} events, sealed at {head.sealed_at_text}; the last block "
            f"has another size or time ({block.tree_size:,} events)",
            block_no=block.block_no,
        )
    if head.tree_size != size:
        findings.add(WRONG_HEAD, f"it says {head.tree_size:,} events, but there are {size:,}")
    elif head.root != root:
        findings.add(WRONG_HEAD, f"its root is {head.root.hex()}, that of the tree {root.hex()}")


def check_shape(session: Session, tenant_id: str, size: int, findings: Findings) -> None:
    """Check that each level has as many tiles, and as long an edge, as the tree's size asks for."""
    tiles = {level: rest for level, *rest in session.rows(_TILES, tenant_id)}
    edges: dict[int, int] = dict(session.rows(_EDGES, tenant_id))
    for level in sorted({*tiles, *edges, *range((size.bit_length() + 7) // 8)}):
        count, low, high = tiles.get(level, (0, None, None))
        wanted = size >> 8 * (level + 1) if level >= 0 else 0
        if count != wanted or (count and (low, high) != (0, wanted - 1)):
            findings.add(CHANGED_TILE, f"level {level} has {count:,} full tiles, not {wanted:,}")
        length = (size >> 8 * level & 255) * 32 if level >= 0 else 0
        if edges.get(level, 0) != length:
            findings.add(
                CHANGED_TILE,
                f"the edge of level {level} has {edges.get(level, 0)} bytes, not {length}",
            )


def check_upper_levels(
    session: Session, tenant_id: str, size: int, roots: list[bytes], findings: Findings
) -> None:
    """Check the tiles above level 1.

    Args:
        session: where.
        tenant_id: whose tree.
        size: leaves of the tree.
        roots: of the full tiles of level 1, from left to right.
        findings: takes the tiles that are wrong.
    """
    level = 2
    while roots:
        above = []
        for index in range(0, len(roots), TILE):
            wanted = b"".join(roots[index : index + TILE])
            if stored_tile(session, tenant_id, level, index // TILE, size) != wanted:
                findings.add(
                    CHANGED_TILE,
                    f"tile {index // TILE:,} of level {level} is not what the level below folds to",
                )
            if len(wanted) == TILE_SIZE:
                above.append(root_of(split(wanted)))
        roots = above
        level += 1


def count_blocks(session: Session, tenant_id: str) -> int:
    """Return how many blocks a tenant has."""
    ((count,),) = session.rows(
        "select count(*) from ledger.log_blocks as b where b.tenant_id = %s", tenant_id
    )
    return int(count)


def find_leaves(session: Session, tenant_id: str, wanted: set[bytes]) -> dict[bytes, int]:
    """Look for leaves in the stored tiles of level 0: their positions."""
    found: dict[bytes, int] = {}
    last = -1
    while rows := session.rows(_LEAVES, tenant_id, last):
        for index, hashes in rows:
            last = index
            for offset, leaf in enumerate(split(bytes(hashes))):
                if leaf in wanted:
                    found.setdefault(leaf, index * TILE + offset)
    edge = session.one(
        "select g.hashes from ledger.log_edges as g where g.tenant_id = %s and g.level = 0",
        tenant_id,
    )
    for offset, leaf in enumerate(split(bytes(edge[0]) if edge else b"")):
        if leaf in wanted:
            found.setdefault(leaf, (last + 1) * TILE + offset)
    return found
