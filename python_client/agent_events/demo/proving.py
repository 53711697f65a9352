"""Seal the log, sign a checkpoint of it outside the database, and verify everything against it."""

from __future__ import annotations

from dataclasses import dataclass

from ..anchors import open_store
from ..proofs import SigningKey
from ..signing import sign
from ..verifying import verify
from ..verifying.checkpoints import load

NAME = "demo.example/ledger/default"


@dataclass(frozen=True, slots=True)
class Proven:
    """What came out.

    note          the signed checkpoint
    events        how many events were hashed again
    checkpoints   signed checkpoints that the log agrees with
    findings      what is wrong; none
    vkey          the public key by which the checkpoint is verified
    """

    note: str
    events: int
    checkpoints: int
    findings: list[str]
    vkey: str


def prove_the_record(dsn: str, anchor: str) -> Proven:
    """Sign and verify the sealed log of the tenant default, with a key made for this."""
    key = SigningKey.generate(NAME)
    store = open_store(anchor)
    signing = sign(dsn, key, {"demo": store})
    report = verify(dsn, tenant_id="default", anchored=load([store], [key.vkey()]))
    tenant = report.tenants[0]
    return Proven(
        (signing.note if signing else None) or "",
        tenant.events,
        tenant.checkpoints,
        [f"{finding.kind}: {finding.detail}" for finding in report.findings],
        key.vkey().text(),
    )
