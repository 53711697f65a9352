"""Sealing, reading and proving the log through the client."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import psycopg
import pytest

from agent_events import Ledger, Receipt, errors
from agent_events.proofs import merkle


@pytest.fixture
def ledger(pg: psycopg.Connection[Any]) -> Ledger:
    """Every call commits: what is not committed is not sealed."""
    return Ledger(pg)


@pytest.fixture
def receipts(ledger: Ledger, noted: str) -> list[Receipt]:
    """Ten notes, nine of them in one stream."""
    return [
        ledger.emit_event(
            noted,
            {"text": f"{n}"},
            **({"aggregate_type": "note", "aggregate_id": "a"} if n else {}),
        )
        for n in range(10)
    ]


def test_sealing_gives_positions(ledger: Ledger, receipts: list[Receipt]) -> None:
    assert ledger.position_of(receipts[3].id) is None
    sealed = ledger.seal()
    assert (sealed.tenant_id, sealed.sealed, sealed.tree_size, sealed.block_no) == (
        "default",
        10,
        10,
        1,
    )
    assert ledger.position_of(receipts[3].id) == 3
    assert ledger.seal().sealed == 0
    assert sealed.root == ledger.log_root() == merkle.tree_root([r.hash for r in receipts])


def test_the_log_is_read_by_position(ledger: Ledger, receipts: list[Receipt]) -> None:
    ledger.seal()
    entries = list(ledger.iter_log(page_size=4))
    assert [entry.position for entry in entries] == list(range(10))
    assert [entry.event.id for entry in entries] == [receipt.id for receipt in receipts]
    assert ledger.read_log(after_position=7, page_size=1) == [entries[8]]
    assert ledger.read_log(after_position=9, wait=timedelta(milliseconds=1)) == []
    assert ledger.read_log(event_types=["test.other"]) == []


def test_proofs_verify(ledger: Ledger, receipts: list[Receipt]) -> None:
    ledger.seal()
    proof = ledger.inclusion_proof(receipts[4].id)
    assert proof.leaf_hash == receipts[4].hash
    merkle.verify_inclusion(
        proof.leaf_hash, proof.position, proof.tree_size, list(proof.proof), proof.root
    )
    merkle.verify_consistency(
        6, ledger.log_root(tree_size=6), 10, proof.root, list(ledger.consistency_proof(6))
    )
    with pytest.raises(errors.InvalidArgument, match="is not among the first 3 events"):
        ledger.inclusion_proof(receipts[4].id, tree_size=3)


def test_checkpoint_names_the_ledger(ledger: Ledger, receipts: list[Receipt]) -> None:
    ledger.seal()
    origin, size, _ = ledger.checkpoint(ledger_name="example.com/notes").splitlines()
    assert (origin, size) == ("example.com/notes/default", str(len(receipts)))
    with pytest.raises(errors.InvalidArgument):
        ledger.checkpoint(ledger_name="two words")


def test_a_whole_log_has_no_findings(ledger: Ledger, receipts: list[Receipt]) -> None:
    ledger.seal()
    assert ledger.verify() == []
    assert ledger.verify(from_position=2, to_position=5) == []
    assert ledger.verify(aggregate_type="note", aggregate_id="a") == []
    assert receipts


def test_operators_seal_everything(ledger: Ledger, noted: str) -> None:
    ledger.emit_event(noted, {"text": "a"}, tenant_id="acme")
    ledger.emit_event(noted, {"text": "b"})
    assert [(r.tenant_id, r.sealed) for r in ledger.seal_all()] == [("acme", 1), ("default", 1)]
    assert ledger.rebase_log(tenant_id="acme").tree_size == 1
