"""Inclusion proofs of single events against a signed checkpoint, verified as they are made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from psycopg import Connection

from agent_events.evidence.checkpoints import MAKE_ONE, SignedCheckpoint, require_consistent
from agent_events.evidence.cold import cold_ranges, refuse_cold
from agent_events.evidence.errors import EvidenceError
from agent_events.evidence.offline.entry import BundledEvent
from agent_events.evidence.rows import read_events
from agent_events.proofs.merkle import ProofError
from agent_events.proofs.note import NoteError, TlogProof, VerifierKey


class Proven(NamedTuple):
    """The proof of an event, and the hash that it proves.

    `is_cold`: the event is in a cold file, and the hash is the one that the log has for it.
    """

    hash: bytes
    proof: TlogProof
    is_cold: bool


def prove(
    connection: Connection[Any],
    tenant_id: str,
    event_id: UUID,
    signed: SignedCheckpoint,
    keys: Iterable[VerifierKey],
) -> Proven:
    """Prove that an event is in the log that was signed.

    The hash is computed from the event's fields, or, where those are in a cold file, taken from the
    log; the proof is verified with it before it is returned.

    Args:
        connection: its client_encoding is UTF8.
        tenant_id: whose event.
        event_id: which.
        signed: the checkpoint to prove it against.
        keys: the keys that are trusted.

    Raises:
        EvidenceError: the event is not there, not sealed, not covered by the checkpoint, or not
            what was signed.
    """
    position = sealed_position(connection, tenant_id, event_id)
    require_covered(event_id, position, signed)
    require_consistent(connection, tenant_id, signed.checkpoint)
    is_cold = bool(cold_ranges(connection, tenant_id, position, position + 1))
    ((_, leaf, hashes),) = read_proofs(connection, tenant_id, [str(event_id)], signed)
    if not is_cold:
        leaf = sealed_event(connection, tenant_id, event_id).computed_hash()
    proof = TlogProof(position, hashes, signed.note)
    try:
        proof.verify(leaf, keys)
    except (ProofError, NoteError) as error:
        raise EvidenceError(
            f"event {event_id} is not what was signed: {error}",
            "Find out what was changed: agent-events verify",
        ) from error
    return Proven(leaf, proof, is_cold)


def sealed_position(connection: Connection[Any], tenant_id: str, event_id: UUID) -> int:
    """Return the position of an event.

    Raises:
        EvidenceError: it is not there, or not sealed.
    """
    row = connection.execute("select ledger.position_of(%s, %s)", (event_id, tenant_id)).fetchone()
    if row and row[0] is not None:
        return int(row[0])
    exists = connection.execute(
        "select from ledger.events as e where e.tenant_id = %s and e.id = %s "
        "and e.created_at = ledger.event_time(%s)",
        (tenant_id, event_id, event_id),
    ).fetchone()
    if exists is None:
        raise EvidenceError(f"tenant {tenant_id} has no event {event_id} that you may see")
    raise EvidenceError(
        f"event {event_id} is not sealed: it has no position in the log yet", MAKE_ONE
    )


def sealed_event(connection: Connection[Any], tenant_id: str, event_id: UUID) -> BundledEvent:
    """Read an event that has its position.

    Raises:
        EvidenceError: it is not there, not sealed, or in a cold file.
    """
    position = sealed_position(connection, tenant_id, event_id)
    refuse_cold(connection, tenant_id, position, position + 1)
    events = list(
        read_events(
            connection,
            "ledger.log as l where l.tenant_id = %s and l.position = %s",
            (tenant_id, position),
        )
    )
    if not events:
        raise EvidenceError(
            f"event {event_id} is gone, but the log has it at position {position}",
            "Find out what was changed: agent-events verify",
        )
    return events[0]


def require_covered(event_id: UUID | str, position: int, signed: SignedCheckpoint) -> None:
    """Check that a checkpoint covers an event.

    Raises:
        EvidenceError: it does not.
    """
    size = signed.checkpoint.tree_size
    if position >= size:
        raise EvidenceError(
            f"no checkpoint covers event {event_id} yet: its position is {position}, "
            f"and the last one is of {size} events",
            MAKE_ONE,
        )


def read_proofs(
    connection: Connection[Any],
    tenant_id: str,
    event_ids: Sequence[str],
    signed: SignedCheckpoint,
) -> Iterator[tuple[int, bytes, tuple[bytes, ...]]]:
    """Read position, leaf and inclusion proof of each event, in their order; not verified."""
    rows = connection.execute(
        """
        select p.position, p.leaf_hash, p.proof
        from unnest(%s::uuid[]) with ordinality as e (id, number)
        cross join lateral ledger.inclusion_proof(e.id, %s, %s) as p
        order by e.number
        """,
        (list(event_ids), signed.checkpoint.tree_size, tenant_id),
    )
    for position, leaf, hashes in rows:
        yield position, leaf, tuple(hashes)
