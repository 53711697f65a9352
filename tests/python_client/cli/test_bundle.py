"""`agent-events bundle`."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from evidence.bundles import events_of, read_files, run_verify, unpack
from evidence.ledgers import AnyConnection, Evidence, fill
from psycopg import sql

from agent_events.anchors import open_store
from agent_events.proofs import Checkpoint

Run = Callable[..., Result]
LoginRole = Callable[..., str]


@pytest.fixture
def evidence(pg: AnyConnection, tmp_path: Path) -> Evidence:
    """23 events of acme, signed."""
    found = fill(pg, tmp_path)
    found.sign()
    return found


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "evidence.zip"


@pytest.fixture
def bundle(run: Run, evidence: Evidence, path: Path) -> Run:
    """`agent-events bundle` for acme, with its anchor and key."""
    anchor = ("--anchor", evidence.anchor, "--vkey", evidence.vkey)
    options = ("--out", str(path), "--tenant", "acme", *anchor)
    return lambda *arguments: run("bundle", *options, *map(str, arguments))


def checked(path: Path, evidence: Evidence) -> dict[str, Any]:
    verify = unpack(path, path.parent / "unpacked")
    outcome = run_verify(verify, "--json", "--vkey", evidence.vkey)
    assert outcome.code == 0, outcome.out + outcome.err
    return outcome.summary


def test_events(bundle: Run, evidence: Evidence, path: Path) -> None:
    first, second = evidence.ids[9], evidence.ids[2]
    result = bundle("--event", first, "--event", second, "--event", first, "--json")
    assert result.exit_code == 0, result.stderr
    printed = json.loads(result.stdout)
    assert (printed["event_count"], printed["tree_size"]) == (2, 23)
    assert checked(path, evidence)["mode"] == "events"
    assert [e["id"] for e in events_of(read_files(path))] == [str(second), str(first)]


def test_aggregate(bundle: Run, evidence: Evidence, path: Path) -> None:
    assert bundle("--aggregate", "deal/7").exit_code == 0
    summary = checked(path, evidence)
    assert (summary["mode"], summary["verified_count"]) == ("events", 9)


def test_correlation(bundle: Run, evidence: Evidence, path: Path) -> None:
    assert bundle("--correlation", evidence.correlation_id).exit_code == 0
    assert checked(path, evidence)["verified_count"] == 8


def test_complete_means_the_chain(bundle: Run, evidence: Evidence, path: Path) -> None:
    assert bundle("--aggregate", "deal/7", "--complete").exit_code == 0
    summary = checked(path, evidence)
    assert (summary["mode"], summary["verified_count"]) == ("chain", 9)


def test_disclosed(bundle: Run, evidence: Evidence, path: Path) -> None:
    assert bundle("--aggregate", "deal/7", "--complete=disclosed").exit_code == 0
    summary = checked(path, evidence)
    assert (summary["verified_count"], summary["matching_count"]) == (23, 9)
    assert (summary["first"], summary["end"]) == (0, 23)


def test_disclosed_range(bundle: Run, evidence: Evidence, path: Path) -> None:
    result = bundle("--complete=disclosed", "--from-position", 5, "--to-position", 11)
    assert result.exit_code == 0
    summary = checked(path, evidence)
    assert (summary["first"], summary["end"], summary["verified_count"]) == (5, 11, 6)
    assert summary["query"] == {}


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--complete"],
        ["--aggregate", "deal"],
        ["--aggregate", "/7"],
        ["--aggregate", "deal/7", "--correlation", "00000000-0000-4000-8000-00000000c0de"],
        ["--correlation", "00000000-0000-4000-8000-00000000c0de", "--complete"],
        ["--aggregate", "deal/7", "--from-position", "1"],
        ["--aggregate", "deal/7", "--complete=redacted"],
    ],
)
def test_usage(bundle: Run, path: Path, arguments: list[str]) -> None:
    assert bundle(*arguments).exit_code == 2
    assert not path.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--aggregate", "deal/none"], "covers no event of aggregate deal/none"),
        (["--event", "00000000-0000-7000-8000-000000000000"], "has no event"),
        (["--complete=disclosed", "--to-position", "24"], "there is no range"),
        (["--complete=disclosed", "--from-position", "23"], "there is no range"),
    ],
)
def test_nothing_to_put_in(bundle: Run, path: Path, arguments: list[str], message: str) -> None:
    result = bundle(*arguments)
    assert result.exit_code == 1
    assert message in result.stderr
    assert list(path.parent.glob("*evidence.zip*")) == []


def test_what_the_checkpoint_does_not_cover_is_said(
    bundle: Run, evidence: Evidence, path: Path
) -> None:
    evidence.emit(stream="7")
    later = evidence.emit()
    result = bundle("--aggregate", "deal/7", "--complete")
    assert result.exit_code == 0
    assert "does not cover all of aggregate deal/7 yet: 1 left out" in result.stderr
    assert checked(path, evidence)["verified_count"] == 9
    path.unlink()
    assert "is not sealed" in bundle("--event", later).stderr
    evidence.seal()
    assert "no checkpoint covers" in bundle("--event", later).stderr


def test_an_aggregate_id_with_a_slash(bundle: Run, evidence: Evidence, path: Path) -> None:
    evidence.emit(stream="a/b")
    evidence.sign()
    assert bundle("--aggregate", "deal/a/b", "--complete").exit_code == 0
    assert checked(path, evidence)["verified_count"] == 1


def test_existing_files_are_kept(bundle: Run, path: Path) -> None:
    path.write_text("mine")
    result = bundle("--aggregate", "deal/7")
    assert result.exit_code == 1
    assert path.read_text() == "mine"


def test_only_its_owner_can_read_it(bundle: Run, path: Path) -> None:
    assert bundle("--aggregate", "deal/7").exit_code == 0
    assert path.stat().st_mode & 0o777 == 0o600


def test_private_data_and_secrets_stay_where_they_are(
    bundle: Run, evidence: Evidence, path: Path
) -> None:
    event_id = evidence.emit(
        '{"api_key": "sk-verysecret", "open": 1}', private='{"name": "Änn Onymous"}'
    )
    evidence.sign()
    assert bundle("--event", event_id).exit_code == 0
    with zipfile.ZipFile(path) as file:
        for name in file.namelist():
            content = file.read(name)
            assert b"Onymous" not in content
            assert b"verysecret" not in content
    (event,) = events_of(read_files(path))
    assert len(event["private_hash"]) == 64
    checked(path, evidence)


def test_a_reader_may(
    run: Run, evidence: Evidence, login_role: LoginRole, dsn: str, path: Path, tmp_path: Path
) -> None:
    role = login_role("auditor", {"acme": ["read"]})
    options = ("--out", str(path), "--anchor", evidence.anchor, "--vkey", evidence.vkey)
    arguments = (*options, "--complete=disclosed", "--dsn", f"{dsn} user={role}")
    result = run("bundle", "--tenant", "acme", *arguments)
    assert result.exit_code == 0, result.stderr
    checked(path, evidence)
    proof = ("prove", str(evidence.ids[0]), "--tenant", "acme", *options[2:])
    assert run(*proof, "--dsn", f"{dsn} user={role}").exit_code == 0
    stranger = login_role("stranger", {"other": ["read"]})
    outside = ("--out", str(tmp_path / "x.zip"), *arguments[2:-1], f"{dsn} user={stranger}")
    assert run("bundle", "--tenant", "acme", *outside).exit_code == 1
    assert not (tmp_path / "x.zip").exists()


def disarm(pg: AnyConnection) -> None:
    """Switch the guards off as a superuser can."""
    names = pg.execute("select evtname from pg_event_trigger where evtname like 'ledger%'")
    for (name,) in names.fetchall():
        pg.execute(sql.SQL("alter event trigger {} disable").format(sql.Identifier(name)))
    tables = pg.execute(
        "select t.relid::regclass::text from pg_partition_tree('ledger.agent_events') as t"
    ).fetchall()
    for (table,) in tables:
        pg.execute(f"alter table {table} disable trigger all")


@pytest.mark.parametrize("mode", [[], ["--complete"], ["--complete=disclosed"]])
@pytest.mark.parametrize(
    "attack",
    [
        "update ledger.agent_events set payload = '{}' where id = %s",
        "update ledger.agent_events set hash = sha256(''), payload = '{}' where id = %s",
        "update ledger.agent_events set actor_id = 'mallory' where id = %s",
    ],
)
def test_a_changed_event_makes_no_bundle(
    bundle: Run, evidence: Evidence, path: Path, mode: list[str], attack: str
) -> None:
    disarm(evidence.pg)
    assert evidence.pg.execute(attack, [evidence.ids[0]]).rowcount == 1  # type: ignore[arg-type]
    result = bundle("--aggregate", "deal/7", *mode)
    assert result.exit_code == 1
    assert "is not what was signed" in result.stderr
    assert "agent-events verify" in result.stderr
    assert list(path.parent.glob("*evidence.zip*")) == []


@pytest.mark.parametrize("mode", ["chain", "disclosed"])
def test_a_deleted_event_makes_no_complete_bundle(
    bundle: Run, evidence: Evidence, path: Path, mode: str
) -> None:
    disarm(evidence.pg)
    evidence.pg.execute("delete from ledger.agent_events where id = %s", [evidence.ids[3]])
    assert bundle("--aggregate", "deal/7", f"--complete={mode}").exit_code == 1
    assert not path.exists()


def test_a_log_that_is_not_the_signed_one(bundle: Run, evidence: Evidence, path: Path) -> None:
    open_store(evidence.anchor).append(
        evidence.key.sign(Checkpoint(evidence.key.name, 24, bytes(32)))
    )
    result = bundle("--aggregate", "deal/7")
    assert result.exit_code == 1
    assert "truncated" in result.stderr
    assert not path.exists()


def test_many_pages(bundle: Run, evidence: Evidence, path: Path) -> None:
    batch = json.dumps([{"event_type": "test.happened", "publish": False}] * 2500)
    evidence.pg.execute("select count(*) from ledger.emit_events(%s, 'acme')", [batch])
    evidence.sign()
    assert bundle("--complete=disclosed").exit_code == 0
    assert checked(path, evidence)["verified_count"] == 2523
