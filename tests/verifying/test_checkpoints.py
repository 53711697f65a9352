"""The log against what was signed, kept in real anchors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest
from verifying.tampering import emit, forge, seal

from agent_events.anchors import open_store
from agent_events.proofs import Checkpoint, SigningKey
from agent_events.signing import sign
from agent_events.verifying import Anchored, load

AnyConnection = psycopg.Connection[Any]
ORIGIN = "example.com/ledger/acme"


class Anchor:
    """A file of checkpoints and the key that signs them."""

    def __init__(self, path: Path) -> None:
        self.key = SigningKey.generate(ORIGIN)
        self.store = open_store(f"file:{path}")

    def load(self) -> Anchored:
        return load([self.store], [self.key.vkey()])

    def keep(self, size: int, root: bytes, key: SigningKey | None = None) -> None:
        key = key or self.key
        self.store.append(key.sign(Checkpoint(key.name, size, root)))


@pytest.fixture
def anchor(ledger: AnyConnection, dsn: str, tmp_path: Path) -> Anchor:
    """Three blocks of acme, 310 events, each signed."""
    anchor = Anchor(tmp_path / "anchor")
    for count in (100, 200, 10):
        emit(ledger, count, streams=3)
        seal(ledger)
        assert sign(dsn, anchor.key, {"a": anchor.store})
    return anchor


@pytest.fixture
def found(check: Any, anchor: Anchor) -> Any:
    """Return kind and position of what is found."""

    def run() -> list[tuple[str, int | None]]:
        report = check(anchored=anchor.load())
        return [(finding.kind, finding.position) for finding in report.findings]

    return run


def test_agrees(check: Any, anchor: Anchor) -> None:
    report = check(anchored=anchor.load())
    assert report.findings == []
    (tenant,) = [tenant for tenant in report.tenants if tenant.tenant_id == "acme"]
    assert (tenant.checkpoints, tenant.anchored_size) == (3, 310)


def test_grown_since(ledger: AnyConnection, anchor: Anchor, found: Any) -> None:  # noqa: ARG001
    emit(ledger, 400)
    seal(ledger)
    assert found() == []


def rewrite(ledger: AnyConnection, statement: str) -> None:
    """Change history and seal all of it anew, so that the ledger is consistent with itself."""
    forge(
        ledger,
        """
        truncate
          ledger.log_entries, ledger.log_tiles, ledger.log_edges, ledger.log_blocks,
          ledger.log_heads
        """,
    )
    forge(ledger, "update ledger.log_sweep set snapshot = '3:3:'")
    forge(ledger, statement)
    seal(ledger)


def test_fork(ledger: AnyConnection, check: Any, anchor: Anchor) -> None:
    """All hashes and the log itself were made anew without one event: only the signature tells."""
    rewrite(
        ledger,
        """
        delete from ledger.agent_events where id = (
          select id from ledger.agent_events order by created_at, id offset 299 limit 1
        )
        """,
    )
    emit(ledger, 5)
    seal(ledger)
    report = check(anchored=anchor.load())
    (fork,) = [finding for finding in report.findings if finding.kind == "fork"]
    assert fork.position == 100
    assert "positions from 100 to 299" in fork.detail
    assert "2 of 3 checkpoints" in fork.detail


def test_truncated(ledger: AnyConnection, anchor: Anchor, found: Any) -> None:  # noqa: ARG001
    rewrite(
        ledger,
        """
        delete from ledger.agent_events where id in (
          select id from ledger.agent_events order by created_at, id offset 300
        )
        """,
    )
    assert found() == [("truncated", 300)]


def test_tenant_that_is_gone(ledger: AnyConnection, anchor: Anchor, check: Any) -> None:
    rewrite(ledger, "truncate ledger.agent_events")
    forge(ledger, "delete from ledger.tenants where tenant_id = 'acme'")
    kinds = {finding.kind for finding in check(anchored=anchor.load()).findings}
    assert kinds == {"truncated"}


def test_bad_signature(anchor: Anchor, found: Any) -> None:
    other = SigningKey.generate(ORIGIN)
    anchor.keep(310, bytes(32), other)
    assert found() == [("bad checkpoint", None)]


def test_damaged_anchor(anchor: Anchor, found: Any) -> None:
    path = anchor.store.path  # type: ignore[attr-defined]
    path.write_bytes(path.read_bytes() + b"{}\n")
    assert found() == [("bad checkpoint", None)]


def test_split_view(anchor: Anchor, found: Any) -> None:
    anchor.keep(300, bytes(32))
    assert sorted(found()) == [("fork", 100), ("split view", 300)]


def test_other_origins_are_skipped(anchor: Anchor, check: Any) -> None:
    anchor.keep(5, bytes(32), SigningKey.generate("example.com/another/acme"))
    anchored = anchor.load()
    assert check(anchored=anchored).findings == []
    assert anchored.skipped == {"example.com/another/acme": 1}


def test_empty_anchor(ledger: AnyConnection, check: Any, tmp_path: Path) -> None:
    """What was asked for and is not there must not pass for verified."""
    emit(ledger, 1)
    seal(ledger)
    (finding,) = check(anchored=Anchor(tmp_path / "none").load()).findings
    assert finding.kind == "bad checkpoint"
