"""`agent-events prove`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest
from click.testing import Result
from evidence.ledgers import ORIGIN, AnyConnection, Evidence, fill
from psycopg import sql

from agent_events.anchors import open_store
from agent_events.proofs import Checkpoint, SigningKey, TlogProof, VerifierKey

Run = Callable[..., Result]


@pytest.fixture
def evidence(pg: AnyConnection, tmp_path: Path) -> Evidence:
    """23 events of acme; not signed yet."""
    return fill(pg, tmp_path)


@pytest.fixture
def prove(run: Run, evidence: Evidence) -> Run:
    """`agent-events prove` for acme, with its anchor and key."""
    options = ("--tenant", "acme", "--anchor", evidence.anchor, "--vkey", evidence.vkey)
    return lambda *arguments: run("prove", *map(str, arguments), *options)


def rewrite(pg: AnyConnection, statement: str) -> None:
    """Do as a superuser what the guards forbid."""
    names = pg.execute("select evtname from pg_event_trigger where evtname like 'ledger%'")
    for (name,) in names.fetchall():
        pg.execute(sql.SQL("alter event trigger {} disable").format(sql.Identifier(name)))
    tables = pg.execute(
        "select t.relid::regclass::text from pg_partition_tree('ledger.agent_events') as t"
    ).fetchall()
    for (table,) in [*tables, ("ledger.log_entries",)]:
        pg.execute(f"alter table {table} disable trigger all")
    assert pg.execute(statement).rowcount == 1


def test_every_event_is_proven(prove: Run, evidence: Evidence) -> None:
    evidence.sign()
    for event_id in evidence.ids:
        result = prove(event_id)
        assert result.exit_code == 0, result.stderr
        proof = TlogProof.parse(result.stdout)
        (leaf,) = evidence.pg.execute(
            "select hash from ledger.events where tenant_id = 'acme' and id = %s", [event_id]
        ).fetchone() or (b"",)
        checkpoint = proof.verify(leaf, [VerifierKey.parse(evidence.vkey)])
        assert (checkpoint.origin, checkpoint.tree_size) == (ORIGIN, 23)
        assert proof.index == evidence.position(event_id)


def test_the_latest_checkpoint_is_taken(prove: Run, evidence: Evidence) -> None:
    first = evidence.sign()
    evidence.emit()
    evidence.sign()
    open_store(evidence.anchor).append(first.note)
    result = prove(evidence.ids[0], "--json")
    assert json.loads(result.stdout)["tree_size"] == 24


def test_out_and_json(prove: Run, evidence: Evidence) -> None:
    evidence.sign()
    path = evidence.folder / "event.tlog-proof"
    result = prove(evidence.ids[3], "--out", path, "--json")
    printed = json.loads(result.stdout)
    assert path.read_text() == printed["proof"]
    assert printed["position"] == 3
    assert printed["event_id"] == str(evidence.ids[3])
    assert path.read_text().startswith("c2sp.org/tlog-proof@v1\nindex 3\n")
    again = prove(evidence.ids[4], "--out", path)
    assert again.exit_code == 1
    assert "exists" in again.stderr
    assert path.read_text() == printed["proof"]
    assert [p.name for p in evidence.folder.iterdir() if "partial" in p.name] == []


def test_no_checkpoint(prove: Run, evidence: Evidence) -> None:
    evidence.seal()
    result = prove(evidence.ids[0])
    assert result.exit_code == 1
    assert "no signed checkpoint of" in result.stderr or "none of" in result.stderr
    assert "agent-events checkpoint" in result.stderr


def test_an_event_that_is_not_sealed(prove: Run, evidence: Evidence) -> None:
    evidence.sign()
    result = prove(evidence.emit())
    assert result.exit_code == 1
    assert "is not sealed" in result.stderr


def test_an_event_that_no_checkpoint_covers(prove: Run, evidence: Evidence) -> None:
    evidence.sign()
    event_id = evidence.emit()
    evidence.seal()
    result = prove(event_id)
    assert result.exit_code == 1
    assert "no checkpoint covers" in result.stderr
    assert "hint: Seal and sign what is there now: agent-events checkpoint" in result.stderr


def test_no_such_event(prove: Run, evidence: Evidence) -> None:
    evidence.sign()
    result = prove(uuid4())
    assert result.exit_code == 1
    assert "has no event" in result.stderr


def test_another_tenants_event(prove: Run, evidence: Evidence) -> None:
    evidence.sign()
    row = evidence.pg.execute(
        "select id from ledger.emit_event('test.happened', tenant_id => 'other')"
    ).fetchone()
    assert row is not None
    assert "has no event" in prove(row[0]).stderr


def test_a_key_of_another_tenant(run: Run, evidence: Evidence) -> None:
    evidence.sign()
    other = SigningKey.generate("ledger.example/other").vkey().text()
    event_id = str(evidence.ids[0])
    options = ("--tenant", "acme", "--anchor", evidence.anchor, "--vkey", other)
    result = run("prove", event_id, *options)
    assert result.exit_code == 1
    assert "none of the given keys is of tenant acme" in result.stderr
    assert run("prove", event_id, *options, "--origin", "x/other").exit_code == 2


def test_keys_of_two_ledgers(run: Run, evidence: Evidence) -> None:
    evidence.sign()
    other = SigningKey.generate("other.example/acme").vkey().text()
    options = ("--tenant", "acme", "--anchor", evidence.anchor, "--vkey", other)
    event_id = str(evidence.ids[0])
    result = run("prove", event_id, *options, "--vkey", evidence.vkey)
    assert result.exit_code == 1
    assert "--origin" in result.stderr
    chosen = run("prove", event_id, *options, "--vkey", evidence.vkey, "--origin", ORIGIN)
    assert chosen.exit_code == 0


def test_what_does_not_verify_is_passed_over_and_said(prove: Run, evidence: Evidence) -> None:
    evidence.sign()
    forger = SigningKey.generate(ORIGIN)
    open_store(evidence.anchor).append(forger.sign(Checkpoint(ORIGIN, 99, bytes(32))))
    result = prove(evidence.ids[0])
    assert result.exit_code == 0
    assert "1 entry of the anchor cannot be used" in result.stderr


def test_a_log_that_was_cut_off(prove: Run, evidence: Evidence) -> None:
    evidence.sign()
    open_store(evidence.anchor).append(evidence.key.sign(Checkpoint(ORIGIN, 99, bytes(32))))
    result = prove(evidence.ids[0])
    assert result.exit_code == 1
    assert "truncated" in result.stderr
    assert "agent-events verify" in result.stderr


def test_a_log_that_is_not_the_signed_one(prove: Run, evidence: Evidence) -> None:
    evidence.seal()
    open_store(evidence.anchor).append(evidence.key.sign(Checkpoint(ORIGIN, 23, bytes(32))))
    result = prove(evidence.ids[0])
    assert result.exit_code == 1
    assert "are not those that were signed" in result.stderr


def test_a_changed_event_gets_no_proof(prove: Run, evidence: Evidence) -> None:
    evidence.sign()
    event_id = evidence.ids[0]
    rewrite(evidence.pg, f"update ledger.agent_events set payload = '{{}}' where id = '{event_id}'")
    path = evidence.folder / "event.tlog-proof"
    result = prove(event_id, "--out", path)
    assert result.exit_code == 1
    assert "is not what was signed" in result.stderr
    assert not path.exists()
    assert prove(evidence.ids[1]).exit_code == 0


def test_a_deleted_event_gets_no_proof(prove: Run, evidence: Evidence) -> None:
    evidence.sign()
    event_id = evidence.ids[0]
    rewrite(evidence.pg, f"delete from ledger.agent_events where id = '{event_id}'")
    result = prove(event_id)
    assert result.exit_code == 1
    assert "is gone" in result.stderr


def test_an_anchor_that_cannot_be_read(run: Run, evidence: Evidence) -> None:
    options = ("--tenant", "acme", "--vkey", evidence.vkey, "--anchor", "https://example.com/x")
    assert run("prove", str(evidence.ids[0]), *options).exit_code == 2
