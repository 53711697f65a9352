"""`agent-events checkpoint`, as a shell would call it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import Result
from psycopg.conninfo import make_conninfo

from agent_events.anchors import open_store
from agent_events.proofs import Checkpoint, SigningKey, open_checkpoint

Run = Callable[..., Result]
ORIGIN = "example.com/ledger/default"


@pytest.fixture
def key(tmp_path: Path) -> SigningKey:
    key = SigningKey.generate(ORIGIN)
    key.save(tmp_path / "key")
    return key


@pytest.fixture
def anchor(tmp_path: Path) -> str:
    return f"file:{tmp_path / 'anchor'}"


@pytest.fixture
def checkpoint(run: Run, key: SigningKey, anchor: str, tmp_path: Path) -> Run:  # noqa: ARG001
    return lambda *rest: run("checkpoint", "--key", f"{tmp_path}/key", "--anchor", anchor, *rest)


@pytest.fixture
def emitted(pg: psycopg.Connection[Any], run: Run) -> psycopg.Connection[Any]:  # noqa: ARG001
    pg.execute("""select ledger.emit_event('test.noted', '{"text": "one"}')""")
    return pg


def test_signs_what_is_sealed(
    emitted: psycopg.Connection[Any], checkpoint: Run, key: SigningKey, anchor: str
) -> None:
    done = checkpoint()
    assert done.exit_code == 0
    assert "nothing is sealed yet" in done.stdout
    done = checkpoint("--seal")
    assert done.exit_code == 0, done.output
    signed = open_checkpoint(done.stdout, [key.vkey()])
    assert list(open_store(anchor).notes()) == [done.stdout]
    row = emitted.execute("select tree_size, root from ledger.log_heads").fetchone()
    assert row == (signed.tree_size, signed.root)
    done = checkpoint("--seal", "--tenant", "default")
    assert done.exit_code == 0
    assert "nothing new since the checkpoint of 1 events" in done.stdout


@pytest.mark.usefixtures("emitted")
def test_json(checkpoint: Run, anchor: str) -> None:
    first, again = (json.loads(checkpoint("--seal", "--json").stdout) for _ in range(2))
    assert (first["origin"], first["tree_size"], first["signed"]) == (ORIGIN, 1, True)
    assert list(first["kept"]) == [anchor]
    assert (again["signed"], again["note"], again["root"]) == (False, None, first["root"])


@pytest.mark.usefixtures("emitted")
def test_refuses(checkpoint: Run, key: SigningKey, anchor: str) -> None:
    open_store(anchor).append(key.sign(Checkpoint(ORIGIN, 9, bytes(32))))
    done = checkpoint("--seal")
    assert done.exit_code == 1
    assert "nothing was signed: the log has 1 events, but 9 were signed" in done.stderr


@pytest.mark.usefixtures("emitted")
def test_anchor_that_fails(checkpoint: Run, tmp_path: Path) -> None:
    done = checkpoint("--seal", "--anchor", f"file:{tmp_path / 'no' / 'folder'}")
    assert done.exit_code == 1
    assert "kept: " in done.stderr
    assert "not kept at file:" in done.stderr


def recorded(pg: psycopg.Connection[Any]) -> list[Any]:
    query = "select payload from ledger.events where event_type = 'ledger.checkpoint_signed'"
    return [payload for (payload,) in pg.execute(query).fetchall()]


def test_record(emitted: psycopg.Connection[Any], checkpoint: Run, key: SigningKey) -> None:
    checkpoint("--seal")
    assert recorded(emitted) == []
    checkpoint("--record")
    assert recorded(emitted) == [], "nothing was new"
    emitted.execute("""select ledger.emit_event('test.noted', '{"text": "two"}')""")
    done = checkpoint("--seal", "--record")
    assert done.exit_code == 0, done.output
    signed = open_checkpoint(done.stdout, [key.vkey()])
    assert recorded(emitted) == [
        {
            "origin": ORIGIN,
            "tree_size": 2,
            "root": signed.root.hex(),
            "key_name": ORIGIN,
            "recorded_by": emitted.info.user,
        }
    ]


def test_what_cannot_be_recorded_is_signed_all_the_same(
    emitted: psycopg.Connection[Any], checkpoint: Run, login_role: Callable[..., str], dsn: str
) -> None:
    reader = login_role("reader", {"default": ["read"]})
    emitted.execute("select ledger.seal()")
    done = checkpoint("--record", "--dsn", make_conninfo(dsn, user=reader))
    assert done.exit_code == 0, done.output
    assert "kept: " in done.stderr
    assert "Not recorded as an event: " in done.stderr
    assert recorded(emitted) == []


def test_usage(checkpoint: Run, run: Run, anchor: str, tmp_path: Path, dsn: str) -> None:
    assert checkpoint("--tenant", "other").exit_code == 2
    assert checkpoint("--anchor", "ftp:x").exit_code == 2
    assert run("checkpoint", "--key", f"{tmp_path}/none", "--anchor", anchor).exit_code == 2
    (tmp_path / "key").chmod(0o644)
    assert checkpoint().exit_code == 2
    (tmp_path / "key").chmod(0o600)
    assert checkpoint("--dsn", make_conninfo(dsn, port=1)).exit_code == 3
