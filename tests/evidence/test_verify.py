"""verify.py anywhere: no packages, no environment, several Pythons, zipped and unpacked."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from evidence.bundles import VERIFY, events_of, read_files, run_guarded, run_verify, unpack

from agent_events.evidence.offline.checks import Verification
from agent_events.evidence.offline.container import ZipContainer
from agent_events.evidence.offline.manifest import CHAIN, DISCLOSED, Query
from agent_events.proofs import SigningKey

VERSIONS = ("3.9", "3.10", "3.12", "3.13")
PYTHONS = [
    max(found)
    for version in VERSIONS
    if (found := sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python")))
]


def unpacked(bundle: Path) -> Path:
    """Unpack beside the bundle: where its verify.py is."""
    return unpack(bundle, bundle.parent / "unpacked")


def test_chain(chain: Path, evidence: Any, tmp_path: Path) -> None:
    outcome = run_verify(unpack(chain, tmp_path / "unpacked"), "--vkey", evidence.vkey)
    assert (outcome.code, outcome.err) == (0, "")
    assert "9 events verified." in outcome.out
    assert "sequences 1 to 9 without a gap" in outcome.out
    assert "among the 4 events from position\n    19 to 22" in outcome.out
    assert "ATTENTION" not in outcome.out


def test_disclosed(disclosed: Path, evidence: Any, tmp_path: Path) -> None:
    outcome = run_verify(unpack(disclosed, tmp_path / "unpacked"), "--vkey", evidence.vkey)
    assert outcome.code == 0
    said = " ".join(outcome.out.split())
    assert "positions 0 to 22: none is left out. - Of aggregate deal/7 there are exactly 9" in said


def test_every_range(make: Any, evidence: Any) -> None:
    for first in range(23):
        for end in range(first + 1, 24):
            bundle = make(Query(), DISCLOSED, first, end)
            verification = Verification(ZipContainer(bundle), [evidence.key.vkey()])
            assert list(verification.findings()) == []
            assert verification.verified_count == end - first
            bundle.unlink()


def test_correlation_in_a_disclosed_range(make: Any, evidence: Any) -> None:
    bundle = make(Query(correlation_id=str(evidence.correlation_id)), DISCLOSED)
    outcome = run_verify(unpacked(bundle), "--list", "--json", "--vkey", evidence.vkey)
    listed = [line["id"] for line in outcome.lines if line["type"] == "event"]
    assert len(listed) == outcome.summary["matching_count"] == 8
    assert outcome.summary["verified_count"] == 23


def test_chosen_events(make: Any, evidence: Any) -> None:
    chosen = (evidence.ids[20], evidence.ids[4])
    bundle = make(Query(event_ids=tuple(map(str, chosen))))
    outcome = run_verify(unpacked(bundle), "--vkey", evidence.vkey)
    assert outcome.code == 0
    assert "others may have been left out" in outcome.out


def test_nothing_of_it_in_the_range_is_proven_too(make: Any, evidence: Any) -> None:
    bundle = make(Query(aggregate=("deal", "none")), DISCLOSED)
    outcome = run_verify(unpacked(bundle), "--vkey", evidence.vkey)
    assert outcome.code == 0
    assert "exactly 0 among" in " ".join(outcome.out.split())


def test_texts_are_verbatim(disclosed: Path, evidence: Any) -> None:
    events = events_of(read_files(disclosed))
    rows = evidence.pg.execute(
        """
        select l.payload::text, l.proof::text, l.metadata::text, l.id::text, l.actor_id
        from ledger.log as l where l.tenant_id = 'acme' order by l.position
        """
    ).fetchall()
    names = ("payload", "proof", "metadata", "id", "actor_id")
    assert [tuple(event[name] for name in names) for event in events] == rows
    assert '"price": 1.50' in events[0]["payload"]
    assert events[2]["metadata"] == '{"a": [1.0, 1.00]}'
    assert events[2]["occurred_at_utc"] == "2020-02-29T23:59:59.999999Z"
    assert events[-1]["occurred_at"] < 0
    assert events[-1]["occurred_at_utc"] is None


def test_without_a_key_it_says_which_to_compare(chain: Path, evidence: Any) -> None:
    outcome = run_verify(unpacked(chain))
    assert outcome.code == 0
    assert "ATTENTION: THE KEY IS NOT CONFIRMED" in outcome.out
    assert evidence.vkey in outcome.out


def test_another_key_is_no_key(chain: Path) -> None:
    other = SigningKey.generate("ledger.example/acme").vkey().text()
    outcome = run_verify(unpacked(chain), "--json", "--vkey", other)
    assert outcome.code == 1
    assert outcome.kinds == {"bad checkpoint"}
    assert outcome.summary["verified_count"] == 0


def test_the_key_may_stand_in_a_file(chain: Path, evidence: Any, tmp_path: Path) -> None:
    path = tmp_path / "ledger.vkey"
    path.write_text(f"{evidence.vkey}\n")
    assert run_verify(unpacked(chain), "--vkey", path).code == 0


@pytest.mark.parametrize("key", ["", "no key", "/nowhere"])
def test_no_key_at_all_is_an_error(chain: Path, key: str) -> None:
    outcome = run_verify(unpacked(chain), "--vkey", key)
    assert outcome.code == 2
    assert outcome.err.startswith("error: ")


def test_zip_and_folder_from_anywhere(chain: Path, evidence: Any, tmp_path: Path) -> None:
    verify = unpacked(chain)
    nowhere = tmp_path / "elsewhere"
    nowhere.mkdir()
    (nowhere / "json.py").write_text("raise SystemExit('imported from the current folder')")
    for arguments in ([], [chain], [verify.parent]):
        outcome = run_verify(verify, *arguments, "--vkey", evidence.vkey, cwd=nowhere)
        assert outcome.code == 0, outcome.err
    assert not list(verify.parent.rglob("__pycache__"))


def test_the_installed_program_checks_it_too(chain: Path, evidence: Any) -> None:
    command = [sys.executable, "-m", "agent_events.evidence.verify", chain]
    done = subprocess.run([*command, "--vkey", evidence.vkey], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "9 events verified" in done.stdout


@pytest.mark.parametrize("mode", [CHAIN, DISCLOSED])
def test_only_the_standard_library_is_imported(make: Any, deal: Query, mode: str) -> None:
    outcome = run_guarded(unpacked(make(deal, mode)))
    assert (outcome.code, outcome.err) == (0, "")


@pytest.mark.skipif(not PYTHONS, reason="no other Python is installed")
@pytest.mark.parametrize("python", PYTHONS, ids=lambda path: path.parent.parent.name)
def test_other_pythons(make: Any, deal: Query, evidence: Any, python: Path) -> None:
    bundle = make(deal, DISCLOSED, 3, 20)
    outcome = run_verify(unpacked(bundle), "--json", "--vkey", evidence.vkey, python=python)
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.summary["verified_count"] == 17


def test_the_files_are_the_packages_own(chain: Path) -> None:
    files = read_files(chain)
    package = VERIFY.parents[1]
    for name in files:
        if name.startswith("agent_events/") and name.count("/") > 1 and name.endswith(".py"):
            if name == "agent_events/proofs/__init__.py":
                continue
            assert files[name] == (package.parent / name).read_bytes(), name
    assert files["verify.py"] == VERIFY.read_bytes()


def test_leaf_format_is_that_of_the_documentation() -> None:
    ours = (VERIFY.parent / "leaf-format.md").read_text()
    docs = Path(__file__).parents[2].joinpath("docs/leaf-format.md").read_text().splitlines()
    lines = iter(docs)
    assert all(line in lines for line in ours.splitlines())


def test_help(chain: Path) -> None:
    outcome = run_verify(unpacked(chain), "--help")
    assert outcome.code == 0
    assert "Exit codes" in outcome.out


def test_json_says_what_is_proven(chain: Path, evidence: Any) -> None:
    outcome = run_verify(unpacked(chain), "--json", "--vkey", evidence.vkey)
    summary = outcome.summary
    assert summary["verified"] is True
    assert summary["is_key_given"] is True
    assert summary["query"] == {"aggregate_type": "deal", "aggregate_id": "7"}
    assert any("sequences 1 to 9" in sentence for sentence in summary["proven"])
