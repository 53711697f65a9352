"""C2SP tlog-proof@v1."""

from __future__ import annotations

from base64 import b64encode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent_events.proofs import (
    BadSignature,
    Checkpoint,
    MalformedNote,
    ProofError,
    SigningKey,
    TlogProof,
    UnknownKey,
    inclusion_proof,
)
from agent_events.proofs.note import MAX_PROOF_HASHES

HASH = b64encode(bytes(32)).decode()
with_fixtures = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@with_fixtures
@given(index=st.integers(0, 4), extra=st.none() | st.binary(min_size=1))
def test_a_proof_verifies_after_a_round_trip(
    index: int,
    extra: bytes | None,
    key: SigningKey,
    checkpoint: Checkpoint,
    leaves: list[bytes],
    note: str,
) -> None:
    proof = TlogProof(index, tuple(inclusion_proof(leaves, index)), note, extra)
    assert TlogProof.parse(proof.text()) == proof
    assert TlogProof.parse(proof.text().encode()).verify(leaves[index], [key.vkey()]) == checkpoint


def test_the_text(leaves: list[bytes], note: str) -> None:
    proof = TlogProof(4, tuple(inclusion_proof(leaves, 4)), note, b"extra")
    (hash_,) = proof.hashes
    assert proof.text() == (
        f"c2sp.org/tlog-proof@v1\nextra ZXh0cmE=\nindex 4\n{b64encode(hash_).decode()}\n\n" + note
    )


def test_a_tree_of_one_leaf_needs_no_hashes(key: SigningKey, leaves: list[bytes]) -> None:
    checkpoint = Checkpoint(key.name, 1, leaves[0])
    proof = TlogProof(0, (), key.sign(checkpoint))
    assert proof.text().startswith("c2sp.org/tlog-proof@v1\nindex 0\n\nledger.example/acme\n1\n")
    assert TlogProof.parse(proof.text()).verify(leaves[0], [key.vkey()]) == checkpoint


def test_no_extra_data_is_no_line(note: str) -> None:
    assert "extra" not in TlogProof(0, (), note, b"").text()


def test_what_does_not_hold(key: SigningKey, leaves: list[bytes], note: str) -> None:
    proof = TlogProof(2, tuple(inclusion_proof(leaves, 2)), note)
    with pytest.raises(ProofError, match="the leaf is not in the tree"):
        proof.verify(leaves[3], [key.vkey()])
    with pytest.raises(ProofError, match="a tree of 5 leaves has none at 5"):
        TlogProof(5, proof.hashes, note).verify(leaves[2], [key.vkey()])
    with pytest.raises(UnknownKey):
        proof.verify(leaves[2], [SigningKey.generate(key.name).vkey()])
    larger = note.replace("\n5\n", "\n6\n")
    with pytest.raises(BadSignature):
        TlogProof(2, proof.hashes, larger).verify(leaves[2], [key.vkey()])
    with pytest.raises(MalformedNote):
        TlogProof(2, proof.hashes, "no note").verify(leaves[2], [key.vkey()])


@pytest.mark.parametrize(
    "head",
    [
        "",
        "c2sp.org/tlog-proof@v2\nindex 0\n",
        "c2sp.org/tlog-proof@v1\n",
        "c2sp.org/tlog-proof@v1\r\nindex 0\r\n",
        "c2sp.org/tlog-proof@v1\nextra AAAA\n",
        "c2sp.org/tlog-proof@v1\nindex 0\nextra AAAA\n",
        "c2sp.org/tlog-proof@v1\nextra \nindex 0\n",
        "c2sp.org/tlog-proof@v1\nextra AAA\nindex 0\n",
        "c2sp.org/tlog-proof@v1\nextra AAAA\nextra AAAA\nindex 0\n",
        "c2sp.org/tlog-proof@v1\nindex 00\n",
        "c2sp.org/tlog-proof@v1\nindex -1\n",
        "c2sp.org/tlog-proof@v1\nindex  1\n",
        f"c2sp.org/tlog-proof@v1\nindex {2**63}\n",
        "c2sp.org/tlog-proof@v1\nindex 0\nAAAA\n",
        f"c2sp.org/tlog-proof@v1\nindex 0\n{HASH[:-2]}B=\n",
        f"c2sp.org/tlog-proof@v1\nindex 0\n {HASH}\n",
        "c2sp.org/tlog-proof@v1\nindex 0\n" + f"{HASH}\n" * (MAX_PROOF_HASHES + 1),
    ],
)
def test_a_malformed_proof_is_refused(head: str, note: str) -> None:
    with pytest.raises(MalformedNote):
        TlogProof.parse(f"{head}\n{note}")
    with pytest.raises(MalformedNote):
        TlogProof.parse(head)
