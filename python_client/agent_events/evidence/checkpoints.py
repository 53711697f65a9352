"""Choose the signed checkpoint that evidence is made against, and hold the log against it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from psycopg import Connection

from agent_events.anchors import Entry
from agent_events.evidence.errors import EvidenceError
from agent_events.proofs.note import (
    Checkpoint,
    NoteError,
    SignedNote,
    VerifierKey,
    open_checkpoint,
    read_checkpoint,
)

MAKE_ONE = "Seal and sign what is there now: agent-events checkpoint"


class SignedCheckpoint:
    """A checkpoint whose signature was verified, its note as it was signed, and the signers.

    Raises:
        NoteError: it is none, or not signed by a key of its origin.
    """

    def __init__(self, note: str, keys: Iterable[VerifierKey]) -> None:
        keys = tuple(keys)
        self.note = note
        self.checkpoint: Checkpoint = open_checkpoint(note, keys)
        signers = SignedNote.parse(note).verify(keys)
        self.signers = tuple(key for key in signers if key.name == self.checkpoint.origin)


def origin_of(tenant_id: str, keys: Iterable[VerifierKey]) -> str:
    """Return the origin that these keys sign for, for a tenant: `<ledger name>/<tenant_id>`.

    Raises:
        EvidenceError: there is none, or more than one.
    """
    origins = sorted({key.name for key in keys if key.name.rpartition("/")[2] == tenant_id})
    if not origins:
        raise EvidenceError(
            f"none of the given keys is of tenant {tenant_id}",
            "A key is named as what it signs for: <ledger name>/<tenant id>.",
        )
    if len(origins) > 1:
        raise EvidenceError(
            f"the given keys are of {len(origins)} ledgers: {', '.join(origins)}",
            "Choose with --origin.",
        )
    return origins[0]


def latest(
    entries: Iterable[Entry], origin: str, keys: Iterable[VerifierKey]
) -> tuple[SignedCheckpoint, int]:
    """Find the largest checkpoint of an origin that verifies.

    Returns:
        the checkpoint, and how many of the anchor's entries for it are not usable.

    Raises:
        EvidenceError: there is none.
    """
    keys = tuple(keys)
    found: SignedCheckpoint | None = None
    unusable = 0
    for entry in entries:
        try:
            if entry.note is None or read_checkpoint(entry.note).origin != origin:
                unusable += entry.note is None
                continue
            signed = SignedCheckpoint(entry.note, keys)
        except NoteError:
            unusable += 1
            continue
        if found is None or signed.checkpoint.tree_size > found.checkpoint.tree_size:
            found = signed
    if found is None:
        reason = f"; {unusable} are not usable" if unusable else ""
        raise EvidenceError(f"the anchor has no signed checkpoint of {origin}{reason}", MAKE_ONE)
    return found, unusable


def require_consistent(connection: Connection[Any], tenant_id: str, signed: Checkpoint) -> None:
    """Check that the tenant's log, as its tiles say, is still the one that was signed.

    Raises:
        EvidenceError: it is shorter, or has another root.
    """
    hint = "Find out what was changed: agent-events verify"
    head = connection.execute(
        "select h.tree_size from ledger.log_heads as h where h.tenant_id = %s", (tenant_id,)
    ).fetchone()
    size = head[0] if head else 0
    if size < signed.tree_size:
        message = f"the log has {size} events, but {signed.tree_size} were signed: it was truncated"
        raise EvidenceError(message, hint)
    row = connection.execute(
        "select ledger.log_root(%s, %s)", (tenant_id, signed.tree_size)
    ).fetchone()
    if row is None or row[0] != signed.root:
        message = f"the log's first {signed.tree_size} events are not those that were signed"
        raise EvidenceError(message, hint)
