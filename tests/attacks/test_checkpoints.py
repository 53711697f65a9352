"""Checkpoints forged, doubled, signed by a stranger; and copies of them inside the database."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from attacks.tampering import AnyConnection, Audit, Outside, Report, Superuser, command

from agent_events.proofs import Checkpoint, SigningKey, read_checkpoint


def keep(outside: Outside, note: str) -> None:
    """Put a note beside the others, as somebody with access to the file would."""
    file = outside.folder / "checkpoints.jsonl"
    line = json.loads(file.read_text().splitlines()[-1])
    checkpoint = read_checkpoint(note)
    line |= {"note": note, "tree_size": checkpoint.tree_size, "root": checkpoint.root.hex()}
    with file.open("a") as lines:
        lines.write(json.dumps(line) + "\n")


def test_forged_signature(superuser: Superuser, outside: Outside, from_outside: Report) -> None:
    superuser.tampers()
    (note,) = outside.notes()
    keep(outside, note.replace("\n400\n", "\n300\n"))
    assert from_outside() == {"bad checkpoint"}


def test_unknown_key(
    superuser: Superuser, outside: Outside, tmp_path: Path, from_outside: Report
) -> None:
    """Somebody else signs the same log under the same name."""
    superuser.tampers()
    stranger = tmp_path / "stranger.key"
    assert command("keygen", "example.com/ledger/acme", "--out", str(stranger))[0] == 0
    (note,) = outside.notes()
    keep(outside, SigningKey.load(stranger).sign(read_checkpoint(note)))
    assert from_outside() == {"bad checkpoint"}


def test_two_checkpoints_of_one_size(superuser: Superuser, outside: Outside, audit: Audit) -> None:
    """The key's owner tells two stories."""
    superuser.tampers()
    (note,) = outside.notes()
    checkpoint = read_checkpoint(note)
    other = Checkpoint(checkpoint.origin, checkpoint.tree_size, bytes(32))
    keep(outside, SigningKey.load(outside.key).sign(other))
    assert {line["kind"] for line in audit()} >= {"split view"}
    assert command("anchors", "check", "--anchor", outside.anchor, "--vkey", outside.vkey)[0] == 1


def test_copies_inside_the_database_prove_nothing(
    pg: AnyConnection,
    superuser: Superuser,
    from_outside: Report,
    signed: Callable[[], int],
) -> None:
    """Head and blocks say what the tree says; only what is kept outside is believed."""
    superuser.tampers(
        "update ledger.log_blocks as b set root = sha256('x'), block_hash = ledger.block_hash("
        "b.block_no, b.first_position, b.tree_size, sha256('x'), b.prev_block_hash, b.sealed_at)"
        " where b.block_no = 5",
        "update ledger.log_heads as h set root = b.root, block_hash = b.block_hash"
        " from ledger.log_blocks as b where b.block_no = 5",
    )
    (root,) = pg.execute("select root from ledger.log_heads").fetchone() or (b"",)
    assert root != pg.execute("select ledger.log_root('acme')").fetchone()
    assert from_outside() == {"changed block", "wrong head"}
    assert signed() == 1, "the signer recomputes, it does not copy"
