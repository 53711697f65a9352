"""`agent-events verify`, as a shell would call it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import Result
from psycopg.conninfo import make_conninfo
from verifying.tampering import forge

from agent_events.proofs import SigningKey

Run = Callable[..., Result]
AnyConnection = psycopg.Connection[Any]


@pytest.fixture
def sealed(pg: AnyConnection, run: Run) -> AnyConnection:  # noqa: ARG001
    """Three events of the tenant default."""
    for number in range(3):
        pg.execute("select ledger.emit_event('test.noted', %s)", [f'{{"text": "{number}"}}'])
    pg.execute("select ledger.seal()")
    return pg


@pytest.fixture
def key(tmp_path: Path) -> Path:
    SigningKey.generate("example.com/ledger/default").save(tmp_path / "key")
    vkey = SigningKey.load(tmp_path / "key").vkey().text()
    (tmp_path / "key.vkey").write_text(f"{vkey}\n")
    return tmp_path / "key"


def change(pg: AnyConnection) -> None:
    forge(pg, "update ledger.log_heads set root = sha256('x')")


def test_clean(sealed: AnyConnection, run: Run) -> None:  # noqa: ARG001
    done = run("verify")
    assert done.exit_code == 0, done.output
    assert "default: 3 events in 1 blocks" in done.stdout
    assert "Without a signed checkpoint only its consistency with itself was checked" in done.stdout
    assert "All is well." in done.stdout


def test_nothing_emitted(run: Run) -> None:
    assert run("verify").exit_code == 0


def test_findings(sealed: AnyConnection, run: Run) -> None:
    change(sealed)
    done = run("verify", "--tenant", "default")
    assert done.exit_code == 1
    assert "wrong head: tenant default" in done.stdout
    assert "1 findings" in done.stdout


def test_json(sealed: AnyConnection, run: Run) -> None:
    change(sealed)
    done = run("verify", "--json")
    finding, tenant = map(json.loads, done.stdout.splitlines())
    assert finding["type"] == "finding"
    assert (finding["kind"], finding["tenant_id"]) == ("wrong head", "default")
    assert (tenant["type"], tenant["tree_size"], tenant["events"]) == ("tenant", 3, 3)
    assert (tenant["findings"], tenant["anchored"]) == (1, False)


def test_checkpoints(sealed: AnyConnection, run: Run, key: Path, tmp_path: Path) -> None:
    anchor = f"file:{tmp_path / 'anchor'}"
    assert run("checkpoint", "--key", str(key), "--anchor", anchor).exit_code == 0
    vkey = str(key.with_suffix(".vkey"))
    done = run("verify", "--anchor", anchor, "--vkey", vkey, "--no-record")
    assert done.exit_code == 0, done.output
    assert "It agrees with the signed checkpoint of 3 events." in done.stdout
    sealed.execute("""select ledger.emit_event('test.noted', '{"text": "more"}')""")
    sealed.execute("select ledger.seal()")
    done = run("verify", "--anchor", anchor, "--vkey", Path(vkey).read_text().strip())
    assert "of 3 events; the 1 after it are consistent with themselves." in done.stdout


def test_range(sealed: AnyConnection, run: Run) -> None:  # noqa: ARG001
    done = run("verify", "--from", "1", "--to", "2", "--workers", "2")
    assert done.exit_code == 0
    assert "3 events in 1 blocks, 1 of them read" in done.stdout


def test_sealed_within(sealed: AnyConnection, run: Run) -> None:
    sealed.execute("""select ledger.emit_event('test.noted', '{"text": "more"}')""")
    assert run("verify").exit_code == 0
    done = run("verify", "--sealed-within", "0")
    assert done.exit_code == 1
    assert "sealing stopped" in done.stdout


def test_usage(run: Run, key: Path, tmp_path: Path) -> None:
    anchor = f"file:{tmp_path / 'anchor'}"
    vkey = str(key.with_suffix(".vkey"))
    assert run("verify", "--anchor", anchor).exit_code == 2
    assert run("verify", "--vkey", vkey).exit_code == 2
    assert run("verify", "--vkey", "no key", "--anchor", anchor).exit_code == 2
    assert run("verify", "--vkey", vkey, "--anchor", "ftp:x").exit_code == 2
    assert run("verify", "--vkey", vkey, "--anchor", "https://example.com/").exit_code == 2
    assert run("verify", "--from", "-1").exit_code == 2


def test_tenant_that_is_not_there(sealed: AnyConnection, run: Run) -> None:  # noqa: ARG001
    done = run("verify", "--tenant", "nobody")
    assert done.exit_code == 1
    assert "no tenant nobody" in done.stderr


def test_unreachable(run: Run, dsn: str) -> None:
    assert run("verify", "--dsn", make_conninfo(dsn, port=1)).exit_code == 3
