"""The signed checkpoints that the anchors keep, for the pages that hold the log against them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from agent_events.anchors import AnchorError, Entry, open_store
from agent_events.evidence.checkpoints import MAKE_ONE, SignedCheckpoint, origin_of
from agent_events.evidence.errors import EvidenceError
from agent_events.explorer.settings import Settings
from agent_events.proofs.note import NoteError, VerifierKey, read_checkpoint

_UNREADABLE = -1


@dataclass(frozen=True)
class Anchor:
    """What an anchor keeps of a tenant.

    count        entries of it
    signed       the largest checkpoint that verifies, kept at `recorded_at`, as the anchor says
    unusable     entries that cannot be read, or are larger and do not verify
    problem      why there is no checkpoint, None where there is one; `hint` says what to do
    """

    url: str
    count: int = 0
    signed: SignedCheckpoint | None = None
    recorded_at: datetime | None = None
    unusable: int = 0
    problem: str | None = None
    hint: str | None = None


def read_anchors(settings: Settings, tenant_id: str) -> list[Anchor]:
    """Read every anchor; this may take as long as they take."""
    return [_read(url, tenant_id, settings.keys) for url in settings.anchors]


def largest(anchors: list[Anchor]) -> SignedCheckpoint | None:
    """Return the largest checkpoint that any of them has."""
    signed = [anchor.signed for anchor in anchors if anchor.signed]
    return max(signed, key=lambda each: each.checkpoint.tree_size, default=None)


def _read(url: str, tenant_id: str, keys: tuple[VerifierKey, ...]) -> Anchor:
    """Verify from the largest on until one is good: an anchor may hold years of them."""
    try:
        origin = origin_of(tenant_id, keys)
        entries = list(open_store(url).entries(origin))
    except (AnchorError, EvidenceError) as error:
        return Anchor(url, problem=error.message, hint=error.hint)
    sizes = [_size(entry, origin) for entry in entries]
    readable = [number for number, size in enumerate(sizes) if size is not None and size >= 0]
    unusable = sizes.count(_UNREADABLE)
    for number in sorted(readable, key=lambda each: sizes[each] or 0, reverse=True):
        try:
            signed = SignedCheckpoint(entries[number].note or "", keys)
        except NoteError:
            unusable += 1
            continue
        return Anchor(url, len(readable), signed, entries[number].recorded_at, unusable)
    problem = f"it has no signed checkpoint of {origin}"
    return Anchor(url, len(readable), unusable=unusable, problem=problem, hint=MAKE_ONE)


def _size(entry: Entry, origin: str) -> int | None:
    """Return the size of the tree that an entry says, None where it is another origin's."""
    try:
        checkpoint = read_checkpoint(entry.note or "")
    except NoteError:
        return _UNREADABLE
    return checkpoint.tree_size if checkpoint.origin == origin else None
