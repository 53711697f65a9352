"""What kept checkpoints say against each other, without the log."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from agent_events.proofs.note import Checkpoint, read_checkpoint


@dataclass(frozen=True)
class Conflict:
    """Two checkpoints of one origin that an honest log does not both sign.

    Attributes:
        kind: `two_roots`: one size, two roots: the log was rewritten or shows two faces.
            `backwards`: a smaller tree was kept after a larger one: the log was cut off or
            restored, or two signers raced.
        earlier: the one that was kept first.
        later: the other.
        indexes: their places in the order of keeping, from 0.
    """

    kind: Literal["two_roots", "backwards"]
    earlier: Checkpoint
    later: Checkpoint
    indexes: tuple[int, int]

    def __str__(self) -> str:
        size = self.later.tree_size
        if self.kind == "two_roots":
            first, second = (b64encode(c.root).decode() for c in (self.earlier, self.later))
            return f"two trees of {size} events: root {first}, then {second}"
        return f"{size} events, after a checkpoint of {self.earlier.tree_size}"


def conflicts(notes: Iterable[str]) -> list[Conflict]:
    """Find two checkpoints of one size with different roots, and sizes that go backwards.

    Signatures are not verified: give it notes that are. No conflict here does not mean that the
    trees are consistent: that takes consistency proofs, from the log.

    Args:
        notes: signed checkpoints in the order of keeping, of any number of origins.

    Raises:
        MalformedNote: one is no signed checkpoint.
    """
    return conflicts_between(map(read_checkpoint, notes))


def conflicts_between(checkpoints: Iterable[Checkpoint]) -> list[Conflict]:
    """Find the same in checkpoints that were read already."""
    found: list[Conflict] = []
    first: dict[tuple[str, int], tuple[int, Checkpoint]] = {}
    previous: dict[str, tuple[int, Checkpoint]] = {}
    for index, later in enumerate(checkpoints):
        at, earlier = first.setdefault((later.origin, later.tree_size), (index, later))
        if earlier.root != later.root:
            found.append(Conflict("two_roots", earlier, later, (at, index)))
        at, earlier = previous.get(later.origin, (index, later))
        if later.tree_size < earlier.tree_size:
            found.append(Conflict("backwards", earlier, later, (at, index)))
        previous[later.origin] = (index, later)
    return found
