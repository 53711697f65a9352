"""What must hold of every tenant's log after whatever happened."""

from __future__ import annotations

import hashlib
import itertools
import struct
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from log.rfc6962 import Tree
from psycopg.rows import dict_row

AnyConnection = psycopg.Connection[Any]
Row = dict[str, Any]

NOTHING = hashlib.sha256(b"").digest()
MAGIC = b"agent-events/block/v1\x00"
EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


def rows(connection: AnyConnection, query: str, *parameters: Any) -> list[Row]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query, parameters or None).fetchall()


def block_hash(block: Row) -> bytes:
    microseconds = (block["sealed_at"] - EPOCH) // timedelta(microseconds=1)
    numbers = struct.pack(">qqq", block["block_no"], block["first_position"], block["tree_size"])
    time = struct.pack(">q", microseconds)
    content = MAGIC + numbers + block["root"] + block["prev_block_hash"] + time
    return hashlib.sha256(content).digest()


def entries_of(connection: AnyConnection, tenant_id: str) -> list[Row]:
    """The tenant's entries by position, each with its event; the tables are read directly."""
    return rows(
        connection,
        """
        select
          l.position, l.event_id, e.id, e.created_at, e.hash, e.aggregate_type, e.aggregate_id,
          e.sequence
        from ledger.log_entries as l
        left join ledger.events as e
          on e.tenant_id = l.tenant_id and e.id = l.event_id and e.created_at = l.created_at
        where l.tenant_id = %s
        order by l.position
        """,
        tenant_id,
    )


def check_log(connection: AnyConnection, tenant_id: str, *, unsealed: int = 0) -> list[Row]:
    """Everything about one tenant's log is right, and all but so many events are in it.

    Returns its entries, in order.
    """
    entries = entries_of(connection, tenant_id)
    assert [entry["position"] for entry in entries] == list(range(len(entries)))
    assert all(entry["id"] == entry["event_id"] for entry in entries)
    ids = [entry["id"] for entry in entries]
    assert len(set(ids)) == len(ids)
    events = rows(connection, "select id from ledger.events where tenant_id = %s", tenant_id)
    assert len(events) == len(ids) + unsealed
    assert {event["id"] for event in events} >= set(ids)
    check_streams(entries)

    heads = rows(connection, "select * from ledger.log_heads where tenant_id = %s", tenant_id)
    if not heads:
        assert entries == []
        return entries
    (head,) = heads
    tree = Tree([entry["hash"] for entry in entries])
    assert (head["tree_size"], head["root"]) == (len(entries), tree.root(len(entries)))
    check_tiles(connection, tenant_id, tree)
    blocks = rows(
        connection, "select * from ledger.log_blocks where tenant_id = %s order by 2", tenant_id
    )
    check_blocks(blocks, tree, entries)
    last = blocks[-1] if blocks else {"tree_size": 0, "block_no": 0, "block_hash": NOTHING}
    assert all(head[name] == last[name] for name in ("tree_size", "block_no", "block_hash"))
    return entries


def check_streams(entries: Sequence[Row]) -> None:
    """By position, every stream goes 1, 2, 3, …"""
    last: dict[tuple[str, str], int] = {}
    for entry in entries:
        if entry["sequence"] is not None:
            stream = (entry["aggregate_type"], entry["aggregate_id"])
            assert entry["sequence"] == last.get(stream, 0) + 1, entry
            last[stream] = entry["sequence"]


def check_tiles(connection: AnyConnection, tenant_id: str, tree: Tree) -> None:
    size = len(tree.leaves)
    tiles = rows(connection, "select * from ledger.log_tiles where tenant_id = %s", tenant_id)
    assert {(t["level"], t["tile_index"]): t["hashes"] for t in tiles} == tree.tiles(size)
    edges = rows(connection, "select * from ledger.log_edges where tenant_id = %s", tenant_id)
    assert {e["level"]: e["hashes"] for e in edges if e["hashes"]} == tree.edges(size)


def check_blocks(blocks: Sequence[Row], tree: Tree, entries: Sequence[Row]) -> None:
    """Blocks are numbered from 1, chained, cover every position; each is in (created_at, id)."""
    before: Row = {"tree_size": 0, "block_hash": NOTHING, "sealed_at": EPOCH, "epoch": 0}
    for number, block in enumerate(blocks, 1):
        assert block["block_no"] == number
        assert block["first_position"] == before["tree_size"] < block["tree_size"]
        assert block["prev_block_hash"] == before["block_hash"]
        assert block["root"] == tree.root(block["tree_size"])
        assert block["block_hash"] == block_hash(block)
        assert block["sealed_at"] >= before["sealed_at"]
        assert block["epoch"] >= before["epoch"]
        sealed = entries[block["first_position"] : block["tree_size"]]
        keys = [(entry["created_at"], entry["id"]) for entry in sealed]
        assert all(one < next_ for one, next_ in itertools.pairwise(keys))
        before = block
    assert before["tree_size"] == len(entries)
