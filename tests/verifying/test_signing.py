"""The signer signs what continues the last checkpoint, and refuses everything else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest
from verifying.tampering import emit, flip, forge, seal

from agent_events.anchors import AnchorStore, open_store
from agent_events.proofs import Checkpoint, SigningKey, open_checkpoint
from agent_events.signing import CannotSign, sign

AnyConnection = psycopg.Connection[Any]


@pytest.fixture
def key() -> SigningKey:
    return SigningKey.generate("example.com/ledger/acme")


@pytest.fixture
def stores(tmp_path: Path) -> dict[str, AnchorStore]:
    return {name: open_store(f"file:{tmp_path / name}") for name in ("first", "second")}


@pytest.fixture
def signer(ledger: AnyConnection, dsn: str, key: SigningKey, stores: dict[str, AnchorStore]) -> Any:  # noqa: ARG001
    return lambda: sign(dsn, key, stores)


def test_sizes(ledger: AnyConnection, signer: Any, key: SigningKey) -> None:
    """Every signed root is the log's, however the tree's edge lies."""
    assert signer() is None
    size = 0
    for count in (1, 254, 1, 1, 254, 1, 300):
        emit(ledger, count, streams=5)
        seal(ledger)
        size += count
        done = signer()
        row = ledger.execute("select tree_size, root from ledger.log_heads").fetchone()
        assert row == (done.checkpoint.tree_size, done.checkpoint.root)
        assert open_checkpoint(done.note, [key.vkey()]).tree_size == size
        assert list(done.kept) == ["first", "second"]


def test_nothing_new(ledger: AnyConnection, signer: Any, stores: dict[str, AnchorStore]) -> None:
    emit(ledger, 3)
    seal(ledger)
    first = signer()
    again = signer()
    assert again.note is None
    assert again.checkpoint == first.checkpoint
    assert list(stores["first"].notes()) == [first.note]


def test_anchor_that_lags(
    ledger: AnyConnection, dsn: str, signer: Any, key: SigningKey, stores: dict[str, AnchorStore]
) -> None:
    """What was kept in one place only is kept in the others too."""
    emit(ledger, 3)
    seal(ledger)
    done = sign(dsn, key, {"first": stores["first"]})
    assert done
    assert list(signer().kept) == ["second"]
    assert list(stores["second"].notes()) == [done.note]


def test_anchor_that_fails(
    ledger: AnyConnection, dsn: str, key: SigningKey, stores: dict[str, AnchorStore], tmp_path: Path
) -> None:
    emit(ledger, 3)
    seal(ledger)
    nowhere = open_store(f"file:{tmp_path / 'no folder' / 'anchor'}")
    done = sign(dsn, key, {"first": stores["first"], "nowhere": nowhere})
    assert done
    assert list(done.kept) == ["first"]
    assert "cannot be appended" in done.failed["nowhere"]


def refused(signer: Any, stores: dict[str, AnchorStore]) -> str:
    before = [list(store.entries()) for store in stores.values()]
    with pytest.raises(CannotSign) as caught:
        signer()
    assert before == [list(store.entries()) for store in stores.values()]
    return str(caught.value)


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("update ledger.agent_events set payload = '{}' where id = {new}", "position 305 is not"),
        ("delete from ledger.agent_events where id = {new}", "position 305 is missing"),
        ("delete from ledger.log_entries where position = 305", "position 305 is missing"),
        ("update ledger.log_heads set tree_size = 299", "was cut off"),
        ("delete from ledger.log_heads", "there is no log"),
        (
            f"update ledger.log_edges set hashes = {flip('hashes', 8)}",
            "the log was rewritten",
        ),
        ("delete from ledger.log_edges", "missing or too short"),
        ("update ledger.log_heads set root = sha256('x')", "the log's root is"),
        ("update ledger.log_blocks set root = sha256('x') where block_no = 2", "block 2"),
        ("delete from ledger.log_blocks where block_no = 2", "block 1"),
    ],
)
def test_refusals(
    ledger: AnyConnection,
    signer: Any,
    stores: dict[str, AnchorStore],
    statement: str,
    reason: str,
) -> None:
    emit(ledger, 300)
    seal(ledger)
    signer()
    emit(ledger, 10)
    seal(ledger)
    new = "(select event_id from ledger.log_entries where position = 305)"
    forge(ledger, statement.replace("{new}", new))
    assert reason in refused(signer, stores)


def test_anchors_that_contradict_each_other(
    ledger: AnyConnection, signer: Any, key: SigningKey, stores: dict[str, AnchorStore]
) -> None:
    emit(ledger, 3)
    seal(ledger)
    signer()
    stores["second"].append(key.sign(Checkpoint(key.name, 3, bytes(32))))
    assert "two trees of 3 events" in refused(signer, stores)


def test_last_checkpoint_of_another_key(
    ledger: AnyConnection, signer: Any, key: SigningKey, stores: dict[str, AnchorStore]
) -> None:
    emit(ledger, 3)
    seal(ledger)
    stores["first"].append(SigningKey.generate(key.name).sign(Checkpoint(key.name, 1, bytes(32))))
    assert "does not verify" in refused(signer, stores)


def test_last_line_cut_off(
    ledger: AnyConnection, signer: Any, stores: dict[str, AnchorStore]
) -> None:
    emit(ledger, 3)
    seal(ledger)
    signer()
    path = stores["first"].path  # type: ignore[attr-defined]
    path.write_bytes(path.read_bytes() + b'{"cut')
    assert "damaged" in refused(signer, stores)
