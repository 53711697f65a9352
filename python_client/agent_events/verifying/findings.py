"""What the verifier found, in the words that `ledger.verify` uses too."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any
from uuid import UUID

MISSING_ENTRY = "missing entry"
MISSING_EVENT = "missing event"
CHANGED_EVENT = "changed event"
SWAPPED_ENTRY = "swapped entry"
BROKEN_STREAM = "broken stream"
CHANGED_TILE = "changed tile"
MISSING_BLOCK = "missing block"
CHANGED_BLOCK = "changed block"
WRONG_HEAD = "wrong head"
UNLOGGED_EVENT = "unlogged event"
BACK_DATED_EVENT = "back-dated event"
TRUNCATED = "truncated"
FORK = "fork"
BAD_CHECKPOINT = "bad checkpoint"
SPLIT_VIEW = "split view"
SEALING_STOPPED = "sealing stopped"
ALTERED_FUNCTION = "altered function"

MAX_OF_A_KIND = 100
"""How many findings of one kind are told apart within one stretch of the log."""


@dataclass(frozen=True)
class Finding:
    """Something that is not as an untouched ledger has it.

    Attributes:
        kind: one of the constants of this module, or `guard …`.
        detail: what was found and what should be there.
        tenant_id: whose log; None for what concerns the whole ledger.
        position: of the event in the log, from 0.
        event_id: the event, where it is known.
        block_no: the block, from 1.
    """

    kind: str
    detail: str
    tenant_id: str | None = None
    position: int | None = None
    event_id: UUID | None = None
    block_no: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return it for `--json`."""
        return {
            "kind": self.kind,
            "tenant_id": self.tenant_id,
            "position": self.position,
            "event_id": self.event_id,
            "block_no": self.block_no,
            "detail": self.detail,
        }


class Findings:
    """Collects the findings of one stretch of one log, and counts on where they are too many."""

    def __init__(self, tenant_id: str | None) -> None:
        self.tenant_id = tenant_id
        self._found: list[Finding] = []
        self._counts: Counter[str] = Counter()

    def add(
        self,
        kind: str,
        detail: str,
        *,
        position: int | None = None,
        event_id: UUID | None = None,
        block_no: int | None = None,
    ) -> None:
        """Keep one, unless there are `MAX_OF_A_KIND` already: then it is only counted."""
        self._counts[kind] += 1
        if self._counts[kind] <= MAX_OF_A_KIND:
            self._found.append(Finding(kind, detail, self.tenant_id, position, event_id, block_no))

    def all(self) -> list[Finding]:
        """Return them, and one more of each kind that had too many."""
        more = [
            Finding(kind, f"… and {count - MAX_OF_A_KIND:,} more nearby", self.tenant_id)
            for kind, count in self._counts.items()
            if count > MAX_OF_A_KIND
        ]
        return self._found + more
