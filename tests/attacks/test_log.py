"""The log itself rewritten: tiles, blocks, the tail, all of it; and what no hash shows."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from attacks.tampering import AnyConnection, Audit, Report, Superuser
from attacks.test_rows import RECOMPUTE
from psycopg import sql

FORGET_LOG = (
    "truncate ledger.log_entries, ledger.log_tiles, ledger.log_blocks, ledger.log_edges,"
    " ledger.log_heads"
)
SEAL_EVERYTHING_ANEW = (
    FORGET_LOG,
    "update ledger.log_sweep set snapshot = '3:3:'",
    "select ledger.seal('acme')",
)
EDIT = "update ledger.agent_events set payload = '{{\"n\": 0}}' where id = {id}"
DELETE_TAIL = (
    "delete from ledger.agent_events as e using ledger.log_entries as l"
    " where l.event_id = e.id and l.position >= {size}"
)
# What a careful superuser does after deleting the tail: as if block 5 had never been.
FORGET_LAST_BLOCKS = (
    "delete from ledger.log_entries where position >= {size}",
    "delete from ledger.log_blocks where block_no > {block}",
    "delete from ledger.log_tiles where level = 0 and (tile_index + 1) * 256 > {size}",
    """
    insert into ledger.log_edges
    select 'acme', 0, coalesce(string_agg(e.hash, '' order by l.position), '')
    from ledger.log_entries as l
    join ledger.agent_events as e on e.id = l.event_id
    where l.position >= {size} / 256 * 256
    on conflict (tenant_id, level) do update set hashes = excluded.hashes
    """,
    """
    update ledger.log_edges as g set hashes = (
      select coalesce(string_agg(ledger.merkle_root(t.hashes), '' order by t.tile_index), '')
      from ledger.log_tiles as t where t.level = 0
    )
    where g.level = 1
    """,
    """
    update ledger.log_heads as h
    set tree_size = b.tree_size, root = b.root, block_no = b.block_no, block_hash = b.block_hash,
      sealed_at = b.sealed_at
    from ledger.log_blocks as b
    where b.block_no = {block}
    """,
    """
    update ledger.streams as s
    set (sequence, created_at, hash, prev_hash) = (
      select e.sequence, e.created_at, e.hash, e.prev_hash
      from ledger.agent_events as e
      where e.aggregate_id = s.aggregate_id order by e.sequence desc limit 1
    )
    """,
)


def test_tail_forgotten_but_for_the_checkpoint(
    superuser: Superuser, inside: Report, from_outside: Report
) -> None:
    """The log is whole, and shorter than what was signed: only the checkpoint knows."""
    superuser.tampers(
        DELETE_TAIL.format(size=300), *(s.format(size=300, block=3) for s in FORGET_LAST_BLOCKS)
    )
    assert inside() == set()
    assert from_outside() == {"truncated"}


def test_tail_after_the_checkpoint_forgotten(
    superuser: Superuser, inside: Report, from_outside: Report
) -> None:
    """What was sealed and not yet signed can be taken back unseen: so sign often."""
    superuser.tampers(
        DELETE_TAIL.format(size=400), *(s.format(size=400, block=4) for s in FORGET_LAST_BLOCKS)
    )
    assert inside() == set()
    assert from_outside() == set()


def test_tile_rewritten(superuser: Superuser, inside: Report, audit: Audit) -> None:
    """Row, hash and leaf agree; the tile no longer folds to what stands above it."""
    event_id = superuser.event_at(151)
    superuser.tampers(
        EDIT.format(id=event_id),
        RECOMPUTE.format(id=event_id),
        "update ledger.log_tiles set hashes = overlay(hashes placing"
        f" (select hash from ledger.agent_events where id = {event_id}) from 151 * 32 + 1)"
        " where level = 0 and tile_index = 0",
    )
    assert inside() >= {"changed tile"}
    assert "changed event" not in inside()
    (tile, *_) = [line for line in audit() if line["kind"] == "changed tile"]
    assert tile["position"] == 0


def test_every_level_rewritten(superuser: Superuser, inside: Report, from_outside: Report) -> None:
    """The tree agrees with itself; no block's root is its root, nor the checkpoint's."""
    event_id = superuser.event_at(151)
    superuser.tampers(
        EDIT.format(id=event_id),
        RECOMPUTE.format(id=event_id),
        "update ledger.log_tiles set hashes = overlay(hashes placing"
        f" (select hash from ledger.agent_events where id = {event_id}) from 151 * 32 + 1)"
        " where level = 0 and tile_index = 0",
        "update ledger.log_edges set hashes ="
        " (select ledger.merkle_root(hashes) from ledger.log_tiles) where level = 1",
    )
    assert inside() >= {"changed block"}
    assert from_outside() >= {"changed block", "fork"}


def test_tile_removed(superuser: Superuser, inside: Report, from_outside: Report) -> None:
    superuser.tampers("delete from ledger.log_tiles")
    assert inside() >= {"changed tile"}
    assert from_outside() >= {"changed tile"}


def test_block_removed(superuser: Superuser, inside: Report, audit: Audit) -> None:
    superuser.tampers("delete from ledger.log_blocks where block_no = 3")
    assert inside() == {"missing block"}
    assert {line["kind"] for line in audit()} == {"missing block"}


def test_last_block_removed(superuser: Superuser, inside: Report, from_outside: Report) -> None:
    superuser.tampers("delete from ledger.log_blocks where block_no = 5")
    assert inside() == {"wrong head"}
    assert "wrong head" in from_outside() or "missing block" in from_outside()


@pytest.mark.parametrize(
    "change",
    [
        "root = sha256('x')",
        "sealed_at = sealed_at - interval '1 day'",
        "block_hash = sha256('x')",
        "prev_block_hash = sha256('x')",
        "tree_size = tree_size + 1",
    ],
)
def test_block_edited(
    superuser: Superuser, inside: Report, from_outside: Report, change: str
) -> None:
    superuser.tampers(f"update ledger.log_blocks set {change} where block_no = 3")
    assert inside() >= {"changed block"}
    assert from_outside() >= {"changed block"}


def test_head_edited(superuser: Superuser, inside: Report, from_outside: Report) -> None:
    superuser.tampers("update ledger.log_heads set root = sha256('x')")
    assert inside() == {"wrong head"}
    assert from_outside() == {"wrong head"}


def test_everything_sealed_anew_is_a_fork(
    superuser: Superuser, inside: Report, audit: Audit, signed: Callable[[], int]
) -> None:
    """An event without a stream is edited, hashed again, and the whole log built from nothing."""
    event_id = superuser.event_at(151)
    superuser.connection.execute(
        f"select 1 from ledger.agent_events where id = {event_id} and aggregate_id is null"
    )
    superuser.tampers(
        EDIT.format(id=event_id), RECOMPUTE.format(id=event_id), *SEAL_EVERYTHING_ANEW
    )
    assert "fork" in {line["kind"] for line in audit()}
    assert signed() == 1, "the signer refuses what does not continue its last checkpoint"
    assert "broken stream" in inside() or inside() == set()


def test_an_old_backup_appended_to(
    superuser: Superuser,
    audit: Audit,
    emit: Callable[[int], None],
    signed: Callable[[], int],
) -> None:
    """The database of block 3 comes back and goes another way than was signed."""
    superuser.tampers(
        DELETE_TAIL.format(size=300), *(s.format(size=300, block=3) for s in FORGET_LAST_BLOCKS)
    )
    emit(250)
    assert {line["kind"] for line in audit()} == {"fork"}
    assert signed() == 1


def test_an_edit_before_sealing_is_not_seen(
    pg: AnyConnection,
    emit: Callable[[int], None],
    inside: Report,
    from_outside: Report,
    signed: Callable[[], int],
) -> None:
    """The limit: between commit and seal nothing but the receipt knows what was emitted."""
    emit(10)
    assert signed() == 0
    (event_id, receipt_hash) = pg.execute(
        "select id::text, hash from ledger.emit_event('deal.noted', '{\"n\": 1}',"
        " tenant_id => 'acme')"
    ).fetchone() or ("", b"")
    quoted = f"'{event_id}'::uuid"
    Superuser(pg).tampers(EDIT.format(id=quoted), RECOMPUTE.format(id=quoted))
    pg.execute("select ledger.seal('acme')")
    assert signed() == 0
    assert inside() == set()
    assert from_outside() == set()
    (stored,) = pg.execute(
        sql.SQL("select hash from ledger.agent_events where id = {}").format(sql.SQL(quoted))
    ).fetchone() or (b"",)
    assert stored != receipt_hash, "who kept the receipt can prove it"
