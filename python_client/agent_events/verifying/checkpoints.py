"""Signed checkpoints from the anchors, and whether the log is still the one that they sign."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from agent_events.anchors import AnchorStore, Entry
from agent_events.proofs.merkle import EMPTY_ROOT
from agent_events.proofs.note import (
    Checkpoint,
    NoteError,
    VerifierKey,
    check_origin,
    open_checkpoint,
    read_checkpoint,
)
from agent_events.verifying.findings import (
    BAD_CHECKPOINT,
    FORK,
    SPLIT_VIEW,
    TRUNCATED,
    Finding,
    Findings,
)


@dataclass(frozen=True)
class Signed:
    """A checkpoint whose signature was verified, and where it is kept."""

    checkpoint: Checkpoint
    where: str


@dataclass(frozen=True)
class Anchored:
    """What the anchors hold.

    Attributes:
        signed: by tenant, the verified checkpoints, each once, by size.
        keys: tenants that a key was given for.
        findings: entries that do not verify, and checkpoints that contradict each other.
        skipped: by origin, how many entries no key was given for.
    """

    signed: Mapping[str, Sequence[Signed]]
    keys: frozenset[str]
    findings: Sequence[Finding]
    skipped: Mapping[str, int]


def load(stores: Iterable[AnchorStore], keys: Sequence[VerifierKey]) -> Anchored:
    """Read everything that the anchors keep and verify it.

    Args:
        stores: the anchors.
        keys: those to trust; the checkpoints of origins that none of them is named as are skipped.

    Raises:
        AnchorError: an anchor cannot be read.
    """
    origins = {key.name for key in keys}
    found: dict[tuple[str, int, bytes], Signed] = {}
    bad: list[Finding] = []
    skipped: dict[str, int] = {}
    for store in stores:
        for entry in store.entries():
            origin = _origin(entry)
            if origin is not None and origin not in origins:
                skipped[origin] = skipped.get(origin, 0) + 1
                continue
            try:
                checkpoint = open_checkpoint(entry.note or "", keys)
            except NoteError as error:
                bad.append(_bad(entry, origin, entry.problem or str(error)))
                continue
            if entry.problem:
                bad.append(_bad(entry, origin, entry.problem))
            key = (checkpoint.origin, checkpoint.tree_size, checkpoint.root)
            found.setdefault(key, Signed(checkpoint, entry.where))
    signed: dict[str, list[Signed]] = {}
    for _, one in sorted(found.items()):
        signed.setdefault(tenant_of(one.checkpoint.origin), []).append(one)
    tenants = frozenset(tenant_of(origin) for origin in origins if _is_origin(origin))
    return Anchored(signed, tenants, bad + _split_views(signed), skipped)


def tenant_of(origin: str) -> str:
    """Return the tenant of `<ledger name>/<tenant_id>`."""
    return origin.rpartition("/")[2]


def compare(
    signed: Sequence[Signed], tree_size: int, roots: Mapping[int, bytes], findings: Findings
) -> int:
    """Hold a log against the checkpoints of its tenant.

    Args:
        signed: the checkpoints, by size.
        tree_size: of the log.
        roots: the roots that its tree had, recomputed, at the checkpoints' sizes.
        findings: takes where it is another log, or a shorter one.

    Returns:
        the number of checkpoints that agree.
    """
    longer = [one for one in signed if one.checkpoint.tree_size > tree_size]
    if longer:
        last = longer[-1]
        findings.add(
            TRUNCATED,
            f"the log has {tree_size:,} events, but a checkpoint of "
            f"{last.checkpoint.tree_size:,} was signed ({last.where}); "
            f"{len(longer):,} checkpoints are longer than the log",
            position=tree_size,
        )
    agreed = 0
    last_agreed = 0
    forks: list[Signed] = []
    for one in signed[: len(signed) - len(longer)]:
        size = one.checkpoint.tree_size
        if (EMPTY_ROOT if size == 0 else roots[size]) == one.checkpoint.root:
            agreed += 1
            last_agreed = max(last_agreed, size if not forks else 0)
        else:
            forks.append(one)
    if forks:
        first = forks[0]
        size = first.checkpoint.tree_size
        findings.add(
            FORK,
            f"the tree of {size:,} events has the root {roots.get(size, EMPTY_ROOT).hex()}, but "
            f"{first.checkpoint.root.hex()} was signed ({first.where}); what differs lies in the "
            f"positions from {last_agreed:,} to {max(size - 1, 0):,}; "
            f"{len(forks):,} of {len(signed):,} checkpoints disagree",
            position=last_agreed,
        )
    return agreed


def _origin(entry: Entry) -> str | None:
    """Whose checkpoint an entry is, as it says; None where that is not readable."""
    try:
        return read_checkpoint(entry.note).origin if entry.note else None
    except NoteError:
        return None


def _is_origin(name: str) -> bool:
    try:
        check_origin(name)
    except NoteError:
        return False
    return True


def _bad(entry: Entry, origin: str | None, reason: str) -> Finding:
    tenant_id = None if origin is None else tenant_of(origin)
    return Finding(BAD_CHECKPOINT, f"{entry.where}: {reason}", tenant_id)


def _split_views(signed: Mapping[str, Sequence[Signed]]) -> list[Finding]:
    findings = []
    for tenant_id, checkpoints in signed.items():
        first: dict[tuple[str, int], Signed] = {}
        for one in checkpoints:
            checkpoint = one.checkpoint
            other = first.setdefault((checkpoint.origin, checkpoint.tree_size), one)
            if other is not one:
                findings.append(
                    Finding(
                        SPLIT_VIEW,
                        f"{checkpoint.origin} signed two trees of {checkpoint.tree_size:,} events: "
                        f"root {other.checkpoint.root.hex()} ({other.where}) and "
                        f"{checkpoint.root.hex()} ({one.where})",
                        tenant_id,
                        position=checkpoint.tree_size,
                    )
                )
    return findings
