"""What a verified bundle proves, and what it does not, in words that claim no more."""

from __future__ import annotations

from agent_events.evidence.offline.checks import Verification
from agent_events.evidence.offline.manifest import CHAIN, DISCLOSED, Query

ALWAYS_OPEN = (
    (
        "Anything about what was emitted after the checkpoint, or not sealed by then, about other "
        "tenants, or whether what an event says was true when it was emitted."
    ),
    "What only README.txt or manifest.json say: no signature covers them.",
)
UNKNOWN_KEY = (
    "The key came with the bundle, so this shows nothing yet about who signed: anybody can make a "
    "key. Get the ledger's public key from a source that you trust and compare all of it, or run "
    "this again with --vkey."
)


def proven(verification: Verification) -> list[str]:
    """Say what is proven, a sentence each; it holds only where nothing was found."""
    manifest, checkpoint = verification.manifest, verification.checkpoint
    about = manifest.query
    signer = "the key given" if verification.trusted_keys else "a key that is not known to be right"
    events = "event stands" if verification.verified_count == 1 else "events each stand"
    sentences = [
        (
            f"The {verification.verified_count} {events}, exactly as here, in the log of "
            f"{checkpoint.origin} that was signed at {checkpoint.tree_size} events with {signer}."
        )
    ]
    if manifest.mode == CHAIN:
        sentences.append(
            f"The {verification.matching_count} events of {about} are its sequences 1 to "
            f"{verification.last_sequence} without a gap, each with the hash of the one before: "
            "none was left out between the first and the last of this chain."
        )
    if manifest.mode == DISCLOSED:
        sentences.append(f"These are all events of {_range(verification)}: none is left out.")
        if about != Query():
            count = verification.matching_count
            sentences.append(f"Of {about} there are exactly {count} among them.")
    return sentences


def not_proven(verification: Verification) -> list[str]:
    """Say what is not proven, a sentence each."""
    manifest = verification.manifest
    about, size = manifest.query, verification.checkpoint.tree_size
    sentences = []
    if manifest.mode == CHAIN:
        later = size - 1 - (verification.last_position or 0)
        if later:
            sentences.append(
                f"That no later event of {about} exists: it would be among the {later} events "
                f"from position {size - later} to {size - 1} of the log, which are not here."
            )
        sentences.append(
            "That the log holds no second chain under the same name: the database prevents one, "
            "but whoever rules the database could have forged it before sealing. Only "
            "--complete=disclosed excludes it."
        )
    elif manifest.mode == DISCLOSED:
        if (manifest.first, manifest.end) != (0, size):
            sentences.append(f"Anything about events at other positions of the {size} in the log.")
    else:
        sentences.append("That these are all such events: others may have been left out.")
    return [*sentences, *ALWAYS_OPEN]


def _range(verification: Verification) -> str:
    manifest, size = verification.manifest, verification.checkpoint.tree_size
    if (manifest.first, manifest.end) == (0, size):
        return f"the whole log up to the checkpoint, positions 0 to {size - 1}"
    return f"positions {manifest.first} to {(manifest.end or 0) - 1} of the log"
