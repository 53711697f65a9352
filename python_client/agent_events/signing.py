"""The signer of checkpoints: signs only what it has recomputed, and only what continues the last.

CannotSign        it would sign something that it cannot stand behind; the message says what
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agent_events.anchors import AnchorError, AnchorStore, Entry
from agent_events.proofs.keys import SigningKey
from agent_events.proofs.merkle import Frontier
from agent_events.proofs.note import (
    Checkpoint,
    NoteError,
    open_checkpoint,
    read_checkpoint,
)
from agent_events.verifying.blocks import GENESIS, last_block
from agent_events.verifying.checkpoints import tenant_of
from agent_events.verifying.cold import Cold, read_cold
from agent_events.verifying.head import Head, read_head
from agent_events.verifying.nodes import STRETCH, TILE, split, stored_frontier, stored_tile
from agent_events.verifying.rows import Stretch, read_stretch
from agent_events.verifying.session import Session, open_session


class CannotSign(Exception):
    """What would be signed does not continue what was signed, or cannot be recomputed."""


@dataclass(frozen=True)
class Signing:
    """What the signer did.

    Attributes:
        checkpoint: the last one that is signed now.
        previous: the one before, or None where it was the first.
        note: the new signed note; None where nothing was new.
        kept: by anchor, where the note is; where nothing was new, of anchors that lacked the last.
        failed: by anchor, why it is not there.
    """

    checkpoint: Checkpoint
    previous: Checkpoint | None
    note: str | None
    kept: Mapping[str, str]
    failed: Mapping[str, str]


def sign(dsn: str, key: SigningKey, stores: Mapping[str, AnchorStore]) -> Signing | None:
    """Sign the log as it stands, if it continues what the anchors hold, and keep the note there.

    Every event since the last signed checkpoint is read and hashed, but for those in cold files,
    whose leaves are taken from the tiles; the tree up to there is taken from its tiles, and must
    have the root that was signed. Writes nothing to the database.

    Args:
        dsn: connection string.
        key: named as the origin, `<ledger name>/<tenant_id>`.
        stores: by name, the anchors; the first of them must be readable.

    Returns:
        what was done; None where nothing was ever sealed, so that there is nothing to sign.

    Raises:
        CannotSign: see there. Nothing was signed.
        AnchorError: an anchor cannot be read. Nothing was signed.
        psycopg.Error: the database refuses, or the connection is gone. Nothing was signed.
    """
    kept = _last_kept(key, stores)
    last = max(filter(None, kept.values()), key=lambda k: k.checkpoint.tree_size, default=None)
    previous = last.checkpoint if last else None
    with open_session(dsn) as session:
        tenant_id = tenant_of(key.name)
        head = read_head(session, tenant_id)
        if head is None or head.tree_size == 0:
            if previous is not None and previous.tree_size:
                raise CannotSign(
                    f"{previous.tree_size:,} events were signed, but there is no log of "
                    f"{tenant_id}, or this role may not read it"
                )
            return None
        for one in filter(None, kept.values()):
            _check_grown(session, tenant_id, one.checkpoint, head)
        if last is not None and last.checkpoint.tree_size == head.tree_size:
            behind = {name: stores[name] for name, one in kept.items() if not _is_at(one, last)}
            return Signing(last.checkpoint, previous, None, *_keep(last.note, behind))
        checkpoint = _recomputed(session, key.name, previous, head)
    note = key.sign(checkpoint)
    return Signing(checkpoint, previous, note, *_keep(note, stores))


@dataclass(frozen=True)
class Kept:
    """The largest checkpoint that an anchor holds, verified, and its note."""

    checkpoint: Checkpoint
    note: str


def _last_kept(key: SigningKey, stores: Mapping[str, AnchorStore]) -> dict[str, Kept | None]:
    """Return what each anchor that can be read holds last.

    Raises:
        CannotSign: anchors contradict each other or themselves, or the last entry is no good.
    """
    roots: dict[int, tuple[bytes, str]] = {}
    last: dict[str, Kept | None] = {}
    for number, (name, store) in enumerate(stores.items()):
        try:
            entries = list(store.entries(key.name))
        except AnchorError:
            if number == 0:
                raise
            continue  # one that is only written to
        last[name] = _largest(key, entries, roots)
    return last


def _largest(
    key: SigningKey, entries: Sequence[Entry], roots: dict[int, tuple[bytes, str]]
) -> Kept | None:
    """Return the largest checkpoint of an anchor; `roots` has those of all anchors, by size."""
    largest: Kept | None = None
    damage = None
    for entry in entries:
        note = entry.note or ""
        try:
            checkpoint = read_checkpoint(note)
            problem = entry.problem
        except NoteError as error:
            problem = entry.problem or str(error)
        # What is signed later covers what was damaged before.
        damage = f"{entry.where}: {problem}" if problem else None
        if problem:
            continue
        size, root = checkpoint.tree_size, checkpoint.root
        other, where = roots.setdefault(size, (root, entry.where))
        if other != root:
            raise CannotSign(
                f"two trees of {size:,} events were signed: {other.hex()} ({where}) and "
                f"{root.hex()} ({entry.where})"
            )
        if largest is None or size >= largest.checkpoint.tree_size:
            largest = Kept(checkpoint, note)
    if damage:
        raise CannotSign(f"what was kept last is damaged, so what was signed is unknown: {damage}")
    if largest is not None:
        try:
            open_checkpoint(largest.note, [key.vkey()])
        except NoteError as error:
            raise CannotSign(f"the last checkpoint does not verify: {error}") from error
    return largest


def _check_grown(session: Session, tenant_id: str, old: Checkpoint, head: Head) -> None:
    """Check that the log was once the tree that a checkpoint signs."""
    if head.tree_size < old.tree_size:
        raise CannotSign(
            f"the log has {head.tree_size:,} events, but {old.tree_size:,} were signed: it was cut "
            "off or restored"
        )
    root = _frontier(session, tenant_id, old.tree_size, head).root()
    if root != old.root:
        raise CannotSign(
            f"the first {old.tree_size:,} events have the root {root.hex()}, but {old.root.hex()} "
            "was signed: the log was rewritten"
        )


def _frontier(session: Session, tenant_id: str, size: int, head: Head) -> Frontier:
    try:
        return Frontier(size, stored_frontier(session, tenant_id, size, head.tree_size))
    except LookupError as error:
        raise CannotSign(str(error)) from error


def _recomputed(
    session: Session, origin: str, previous: Checkpoint | None, head: Head
) -> Checkpoint:
    """Append the new events to the tree that was signed; it must be the head's and its block's."""
    tenant_id = tenant_of(origin)
    size = previous.tree_size if previous else 0
    frontier = _frontier(session, tenant_id, size, head)
    cold = read_cold(session, tenant_id)
    while size < head.tree_size:
        last = min(size // STRETCH * STRETCH + STRETCH, head.tree_size)
        frontier.extend(_leaves(session, tenant_id, size, last, head.tree_size, cold))
        size = last
    root = frontier.root()
    if root != head.root:
        raise CannotSign(f"the log's root is {head.root.hex()}, that of its events {root.hex()}")
    block = last_block(session, tenant_id) or GENESIS
    if (
        block.block_hash != block.computed_hash()
        or (block.tree_size, block.root) != (head.tree_size, root)
        or (block.block_no, block.block_hash) != (head.block_no, head.block_hash)
    ):
        raise CannotSign(f"block {block.block_no}, the last, is not what the log's head says")
    return Checkpoint(origin, head.tree_size, root)


def _leaves(
    session: Session, tenant_id: str, first: int, last: int, tree_size: int, cold: Cold
) -> Sequence[bytes]:
    """Read and hash events; each must be there and have the hash that it is stored with."""
    stretch = read_stretch(session, tenant_id, first, last, range(first, last))
    _fill_in(session, tenant_id, stretch, tree_size, cold)
    leaves = [leaf for leaf in stretch.leaves if leaf is not None]
    if len(leaves) < last - first:
        position = first + stretch.leaves.index(None)
        raise CannotSign(f"the event at position {position:,} is missing, or hidden from this role")
    if stretch.odd or stretch.twice:
        position = first + min({**stretch.odd, **stretch.twice})
        raise CannotSign(f"the event at position {position:,} is not what its hash says")
    return leaves


def _fill_in(
    session: Session, tenant_id: str, stretch: Stretch, tree_size: int, cold: Cold
) -> None:
    """Take the leaves of events in cold files from the tiles: a signed checkpoint covers them."""
    tiles: dict[int, list[bytes]] = {}
    for index in stretch.missing:
        number, offset = divmod(stretch.first + index, TILE)
        if stretch.first + index not in cold:
            continue
        if number not in tiles:
            tiles[number] = split(stored_tile(session, tenant_id, 0, number, tree_size))
        if offset < len(tiles[number]):
            stretch.leaves[index] = tiles[number][offset]


def _is_at(one: Kept | None, last: Kept) -> bool:
    return one is not None and one.checkpoint.tree_size == last.checkpoint.tree_size


def _keep(note: str, stores: Mapping[str, AnchorStore]) -> tuple[dict[str, str], dict[str, str]]:
    """Append a note to anchors: where it is, by anchor, and why not."""
    kept: dict[str, str] = {}
    failed: dict[str, str] = {}
    for name, store in stores.items():
        try:
            kept[name] = store.append(note)
        except AnchorError as error:
            failed[name] = str(error)
    return kept, failed
