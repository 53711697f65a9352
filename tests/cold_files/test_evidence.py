"""Evidence about events in cold files: proofs go on working, bundles say what they cannot hold."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest
from click.testing import CliRunner, Result
from cold_files.ledgers import Ledger

from agent_events.cli import main
from agent_events.proofs.note import TlogProof

Evidence = Callable[..., Result]


@pytest.fixture
def evidence(cold: Ledger) -> Evidence:
    """Call `agent-events prove` or `bundle` of tenant acme, as the operator."""

    def invoke(*arguments: str) -> Result:
        options = ["--tenant", "acme", "--anchor", cold.anchor, "--dsn", cold.operator]
        vkey = ["--vkey", cold.keys["acme"].vkey().text()]
        return CliRunner().invoke(main, [*arguments, *options, *vkey], catch_exceptions=False)

    return invoke


@pytest.fixture
def first(cold: Ledger) -> UUID:
    """The first event of acme, which is in the file."""
    row = cold.pg.execute(
        "select event_id from ledger.log_entries where tenant_id = 'acme' and position = 0"
    ).fetchone()
    assert row is not None
    return UUID(str(row[0]))


def test_a_cold_event_is_proven(cold: Ledger, evidence: Evidence, first: UUID) -> None:
    result = evidence("prove", str(first), "--json")
    assert result.exit_code == 0, result.stderr
    assert "in a cold file" in result.stderr
    proof = json.loads(result.stdout)
    assert proof["is_cold"] is True
    found = CliRunner().invoke(
        main, ["cold", "find", str(cold.folder), "--tenant-id", "acme", "--json", "--oldest-first"]
    )
    event = json.loads(found.stdout.splitlines()[0])
    assert event["id"] == str(first)
    assert event["hash"] == proof["hash"], "the hash that is proven is the file's"
    key = cold.keys["acme"].vkey()
    TlogProof.parse(proof["proof"]).verify(bytes.fromhex(event["hash"]), [key])


def test_a_hot_event_is_proven_beside_them(cold: Ledger, evidence: Evidence) -> None:
    row = cold.pg.execute(
        "select id from ledger.log where tenant_id = 'acme' order by position limit 1"
    ).fetchone()
    assert row is not None
    result = evidence("prove", str(row[0]), "--json")
    assert (result.exit_code, json.loads(result.stdout)["is_cold"]) == (0, False)


@pytest.mark.parametrize("what", ["event", "range"])
def test_no_bundle_without_its_events(
    evidence: Evidence, first: UUID, tmp_path: Path, what: str
) -> None:
    path = tmp_path / "bundle.zip"
    wanted = ["--event", str(first)] if what == "event" else ["--complete", "disclosed"]
    result = evidence("bundle", "--out", str(path), *wanted)
    assert result.exit_code == 1
    assert "are in cold files, not in the database" in result.stderr
    assert "agent-events cold restore" in result.stderr
    assert not path.exists()


def test_a_bundle_says_what_it_did_not_look_at(
    cold: Ledger, evidence: Evidence, tmp_path: Path
) -> None:
    row = cold.pg.execute(
        "select correlation_id from ledger.log where tenant_id = 'acme' order by position limit 1"
    ).fetchone()
    assert row is not None
    result = evidence(
        "bundle", "--out", str(tmp_path / "bundle.zip"), "--correlation", str(row[0]), "--json"
    )
    assert result.exit_code == 0, result.stderr
    cold_count = json.loads(result.stdout)["cold_count"]
    assert cold_count == 64
    assert f"{cold_count} events of the tenant are in cold files" in result.stderr


def test_show_says_where_it_may_be(cold: Ledger, first: UUID) -> None:
    arguments = ["events", "show", str(first), "--tenant-id", "acme", "--dsn", cold.operator]
    result = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert result.exit_code == 1
    assert "The log has it at position 0. Is it in a cold file?" in result.stderr
