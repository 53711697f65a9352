"""Merkle proofs, signed checkpoints and the keys that sign them.

`merkle`, `ed25519` and `note` need the standard library only: they are what an auditor runs.
"""

from agent_events.proofs.keys import KeyFileError, SigningKey
from agent_events.proofs.merkle import (
    EMPTY_ROOT,
    Frontier,
    ProofError,
    consistency_proof,
    frontier_ranges,
    inclusion_proof,
    leaf_hash,
    node_hash,
    tile_root,
    tree_root,
    verify_consistency,
    verify_inclusion,
)
from agent_events.proofs.note import (
    BadSignature,
    Checkpoint,
    MalformedKey,
    MalformedNote,
    NoteError,
    Signature,
    SignedNote,
    TlogProof,
    UnknownKey,
    VerifierKey,
    check_origin,
    is_key_name,
    open_checkpoint,
    read_checkpoint,
)

__all__ = [
    "EMPTY_ROOT",
    "BadSignature",
    "Checkpoint",
    "Frontier",
    "KeyFileError",
    "MalformedKey",
    "MalformedNote",
    "NoteError",
    "ProofError",
    "Signature",
    "SignedNote",
    "SigningKey",
    "TlogProof",
    "UnknownKey",
    "VerifierKey",
    "check_origin",
    "consistency_proof",
    "frontier_ranges",
    "inclusion_proof",
    "is_key_name",
    "leaf_hash",
    "node_hash",
    "open_checkpoint",
    "read_checkpoint",
    "tile_root",
    "tree_root",
    "verify_consistency",
    "verify_inclusion",
]
