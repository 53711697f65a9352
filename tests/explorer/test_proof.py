"""The inclusion proof of an event, drawn and recomputed, and its evidence to take away."""

from __future__ import annotations

import io
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from explorer.conftest import AnyConnection, Emit, Explore

from agent_events import Ledger
from agent_events.anchors import open_store
from agent_events.explorer.merkle_svg import drawing_of
from agent_events.explorer.proving import EventProof, Node, climb
from agent_events.models import InclusionProof
from agent_events.proofs.keys import SigningKey
from agent_events.proofs.merkle import inclusion_proof, leaf_hash, tree_root
from agent_events.signing import sign


@pytest.fixture
def events(ledger: AnyConnection, emit: Emit) -> list[UUID]:
    """Seven sealed events, and one that is not."""
    emitted = [emit(payload={"number": number}) for number in range(7)]
    Ledger(ledger).seal(tenant_id="acme")
    return [*emitted, emit()]


@pytest.fixture
def settings(events: list[UUID], dsn: str, tmp_path: Path) -> dict[str, Any]:  # noqa: ARG001
    """Of an explorer that knows the checkpoint of the seven."""
    key = SigningKey.generate("crm.example/acme")
    anchor = f"file:{tmp_path / 'checkpoints.jsonl'}"
    sign(dsn, key, {"anchor": open_store(anchor)})
    return {"anchors": (anchor,), "keys": (key.vkey(),)}


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 100])
def test_the_steps_lead_from_every_leaf_to_the_root(size: int) -> None:
    leaves = [leaf_hash(str(number).encode()) for number in range(size)]
    for position, leaf in enumerate(leaves):
        proof = tuple(inclusion_proof(leaves, position))
        steps = [*climb(InclusionProof(position, size, leaf, proof, tree_root(leaves)))]
        assert [step.sibling.hash for step in steps] == [*proof]
        for node in [node for step in steps for node in (step.sibling, step.parent)]:
            assert node.hash == tree_root(leaves[node.first : node.last + 1])
        if steps:
            assert steps[-1].parent == Node(tree_root(leaves), 0, size - 1)


def test_no_two_boxes_of_a_drawing_overlap() -> None:
    leaves = [leaf_hash(str(number).encode()) for number in range(100)]
    root = tree_root(leaves)
    proof = InclusionProof(37, 100, leaves[37], tuple(inclusion_proof(leaves, 37)), root)
    shown = EventProof(
        37, 100, leaves[37], Node(leaves[37], 37, 37), tuple(climb(proof)), root, None, None
    )
    drawing = drawing_of(shown)
    assert len({(box.x, box.y) for box in drawing.boxes}) == len(drawing.boxes) == 2 * 7 + 1
    assert len(drawing.edges) == 2 * 7
    for box in drawing.boxes:
        assert 0 <= box.x < box.x + box.width <= drawing.width
        assert 0 <= box.y < box.y + box.height <= drawing.height


def test_an_event_is_proven_against_the_signed_checkpoint(
    events: list[UUID], settings: dict[str, Any], explore: Explore
) -> None:
    page = explore(settings).get(f"/events/{events[3]}/proof").text
    assert "proven</span>" in page
    assert page.count("holds</span>") == 3
    assert "crm.example/acme" in page
    assert len(re.findall(r'<g class="node', page)) == 2 * 3 + 1 + 3  # three more are the legend


def test_without_a_checkpoint_it_is_only_consistent(events: list[UUID], explore: Explore) -> None:
    page = explore().get(f"/events/{events[3]}/proof").text
    assert "consistent</span>" in page
    assert "--vkey" in page
    assert "evidence.zip?" not in page


def test_an_event_after_the_checkpoint_waits_for_the_next(
    ledger: AnyConnection, events: list[UUID], settings: dict[str, Any], explore: Explore
) -> None:
    browser = explore(settings)
    assert "is not sealed" in browser.get(f"/events/{events[7]}/proof").text
    Ledger(ledger).seal(tenant_id="acme")
    page = browser.get(f"/events/{events[7]}/proof").text
    assert "consistent</span>" in page
    assert "sign the next with" in page


def test_there_is_no_proof_of_what_is_not_there(explore: Explore) -> None:
    assert explore().get(f"/events/{uuid4()}/proof").status_code == 404
    assert explore().get("/events/nothing/proof").status_code == 404


def test_the_evidence_convinces_whoever_has_python_alone(
    events: list[UUID], settings: dict[str, Any], explore: Explore, tmp_path: Path
) -> None:
    answer = explore(settings).get(f"/events/{events[3]}/evidence.zip")
    assert answer.status_code == 200
    assert (
        answer.headers["content-disposition"] == f'attachment; filename="evidence-{events[3]}.zip"'
    )
    zipfile.ZipFile(io.BytesIO(answer.content)).extractall(tmp_path / "evidence")
    done = subprocess.run(
        [sys.executable, "-I", "verify.py"],
        check=False,
        cwd=tmp_path / "evidence",
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_evidence_needs_a_signed_checkpoint(
    events: list[UUID], settings: dict[str, Any], explore: Explore
) -> None:
    refused = explore().get(f"/events/{events[3]}/evidence.zip")
    assert refused.status_code == 409
    assert "--anchor and --vkey" in refused.text
    unsealed = explore(settings).get(f"/events/{events[7]}/evidence.zip")
    assert unsealed.status_code == 409
    assert "agent-events checkpoint" in unsealed.text
