"""Whatever is changed in a bundle is reported, also where the manifest was made to fit."""

from __future__ import annotations

import json
import shutil
import zipfile
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from evidence.bundles import (
    Files,
    Outcome,
    events_of,
    forge,
    json_lines,
    read_files,
    run_verify,
    unpack,
    write_zip,
)

from agent_events.evidence.offline.checks import Verification
from agent_events.evidence.offline.container import NotABundle, ZipContainer
from agent_events.evidence.offline.entry import parse_event
from agent_events.evidence.offline.manifest import CHAIN, DISCLOSED, EVENTS, Query
from agent_events.proofs import Checkpoint, SigningKey, read_checkpoint

Change = Callable[[Files], None]
MODES = (CHAIN, DISCLOSED)


@pytest.fixture
def check(evidence: Any, tmp_path: Path) -> Callable[[Path], Outcome]:
    """Check a forged bundle with the verifier of the true one and the true key."""

    def run(path: Path) -> Outcome:
        verify = unpack(tmp_path / "evidence.zip", tmp_path / "true")
        return run_verify(verify, path, "--json", "--vkey", evidence.vkey)

    return run


def edit_event(number: int, rehashed: bool = False, **changes: Any) -> Change:
    def change(files: Files) -> None:
        events = events_of(files)
        events[number].update(changes)
        if rehashed:
            line = json_lines([events[number]])
            events[number]["hash"] = parse_event(line).computed_hash().hex()
        files["events.jsonl"] = json_lines(events)

    return change


def edit_manifest(**changes: Any) -> Change:
    def change(files: Files) -> None:
        files["manifest.json"] = json.dumps(json.loads(files["manifest.json"]) | changes).encode()

    return change


def recount(files: Files) -> None:
    """Make the manifest's counts fit."""
    query = json.loads(files["manifest.json"])["query"]
    events = events_of(files)
    matching = [event for event in events if query.items() <= event.items()]
    edit_manifest(event_count=len(events), matching_count=len(matching))(files)


def without(number: int) -> Change:
    def change(files: Files) -> None:
        for name in ("events.jsonl", "proofs.jsonl"):
            if name in files:
                lines = files[name].splitlines(keepends=True)
                del lines[number]
                files[name] = b"".join(lines)
        recount(files)

    return change


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "edit",
    [
        {"payload": '{"price": 1.5}'},
        {"payload": None},
        {"event_type": "test.Happened"},
        {"actor_id": "ann"},
        {"outcome": "success"},
        {"created_at": 1, "created_at_utc": "2000-01-01T00:00:00.000001Z"},
        {"run_id": "00000000-0000-0000-0000-000000000001"},
        {"schema_version": 2},
        {"private_hash": "00" * 32},
        {"hash": "00" * 32},
    ],
    ids=lambda edit: next(iter(edit)),
)
def test_an_edited_event(
    make: Any, deal: Query, check: Any, mode: str, edit: dict[str, Any]
) -> None:
    outcome = check(forge(make(deal, mode), edit_event(0, **edit)))
    assert outcome.code == 1
    assert "changed event" in outcome.kinds
    assert not outcome.summary["verified"]


@pytest.mark.parametrize("mode", MODES)
def test_an_edited_event_with_a_hash_that_fits(
    make: Any, deal: Query, check: Any, mode: str
) -> None:
    outcome = check(forge(make(deal, mode), edit_event(0, rehashed=True, payload="{}")))
    assert outcome.code == 1
    expected = {"bad proof", "broken stream"} if mode == CHAIN else {"changed event"}
    assert expected <= outcome.kinds
    if mode == DISCLOSED:
        assert outcome.summary["verified_count"] == 0


@pytest.mark.parametrize(
    "edit",
    [
        {"created_at_utc": "2020-01-01T00:00:00.000000Z"},
        {"occurred_at_utc": "2020-01-01T00:00:00.000000Z"},
        {"note": "approved by the auditor"},
        {"id": "FFFFFFFF-0000-0000-0000-000000000001"},
        {"schema_version": True},
        {"schema_version": 1.0},
        {"sequence": 1 << 63},
        {"payload": "\ud800"},
        {"position": -1},
        {"position": "0"},
    ],
    ids=lambda edit: next(iter(edit)),
)
def test_what_the_hash_does_not_cover_is_refused(chain: Path, check: Any, edit: Any) -> None:
    def change(files: Files) -> None:
        events = events_of(files)
        events[0].update(edit)
        files["events.jsonl"] = b"".join(json.dumps(e).encode() + b"\n" for e in events)

    outcome = check(forge(chain, change))
    assert outcome.code == 1
    assert "changed event" in outcome.kinds


def test_a_key_twice(chain: Path, check: Any) -> None:
    def change(files: Files) -> None:
        files["events.jsonl"] = files["events.jsonl"].replace(
            b'"payload": ', b'"payload": "{}", "payload": ', 1
        )

    assert "changed event" in check(forge(chain, change)).kinds


@pytest.mark.parametrize("line", [b"\n", b"[]\n", b"{\n", b"\xff\n", b"[" * 100_000 + b"\n"])
def test_a_line_that_is_no_event(chain: Path, check: Any, line: bytes) -> None:
    def change(files: Files) -> None:
        files["events.jsonl"] += line

    outcome = check(forge(chain, change))
    assert outcome.code == 1
    assert {"changed event", "changed manifest"} <= outcome.kinds


def test_swapped_proofs(chain: Path, check: Any) -> None:
    def change(files: Files) -> None:
        first, second, *rest = files["proofs.jsonl"].splitlines(keepends=True)
        files["proofs.jsonl"] = b"".join((second, first, *rest))

    outcome = check(forge(chain, change))
    assert outcome.code == 1
    assert outcome.kinds == {"bad proof"}
    assert outcome.summary["verified_count"] == 7


def test_swapped_proofs_under_the_right_positions(chain: Path, check: Any) -> None:
    def change(files: Files) -> None:
        proofs = [json.loads(line) for line in files["proofs.jsonl"].splitlines()]
        proofs[0]["hashes"], proofs[1]["hashes"] = proofs[1]["hashes"], proofs[0]["hashes"]
        files["proofs.jsonl"] = json_lines(proofs)

    assert check(forge(chain, change)).kinds == {"bad proof"}


@pytest.mark.parametrize("hashes", [[], ["AA=="], ["AA==" * 200], None, [1], ["AA=="] * 200])
def test_odd_proofs(chain: Path, check: Any, hashes: Any) -> None:
    def change(files: Files) -> None:
        first, *rest = files["proofs.jsonl"].splitlines()
        proof = json.dumps(json.loads(first) | {"hashes": hashes}).encode()
        files["proofs.jsonl"] = b"\n".join((proof, *rest, b""))

    assert check(forge(chain, change)).kinds == {"bad proof"}


@pytest.mark.parametrize("mode", MODES)
def test_swapped_positions(make: Any, deal: Query, check: Any, mode: str) -> None:
    def change(files: Files) -> None:
        events = events_of(files)
        events[0]["position"], events[1]["position"] = (
            events[1]["position"],
            events[0]["position"],
        )
        files["events.jsonl"] = json_lines(events)

    outcome = check(forge(make(deal, mode), change))
    assert outcome.code == 1
    assert outcome.kinds & {"bad proof", "missing entry"}


def test_more_proofs_than_events(chain: Path, check: Any) -> None:
    def change(files: Files) -> None:
        files["proofs.jsonl"] += files["proofs.jsonl"].splitlines(keepends=True)[0]

    assert check(forge(chain, change)).kinds == {"changed file"}


def test_another_checkpoint(chain: Path, check: Any, evidence: Any) -> None:
    """A true one of the same ledger, of another size."""
    evidence.emit(stream="7")
    later = evidence.sign()

    def change(files: Files) -> None:
        files["checkpoint.note"] = later.note.encode()

    outcome = check(forge(chain, change))
    assert {"bad proof", "changed manifest"} <= outcome.kinds
    assert outcome.summary["verified_count"] == 0


def test_an_edited_checkpoint(disclosed: Path, check: Any) -> None:
    def change(files: Files) -> None:
        files["checkpoint.note"] = files["checkpoint.note"].replace(b"\n23\n", b"\n24\n")

    outcome = check(forge(disclosed, change))
    assert {"bad checkpoint", "changed manifest", "bad proof"} & outcome.kinds
    assert outcome.summary["verified_count"] == 0


@pytest.mark.parametrize("mode", MODES)
def test_all_of_it_forged_and_signed_with_another_key(
    make: Any, deal: Query, check: Any, mode: str, evidence: Any
) -> None:
    """The whole bundle is consistent: only the key tells, which must come from elsewhere."""
    forger = SigningKey.generate(evidence.key.name)

    def change(files: Files) -> None:
        true = read_checkpoint(files["checkpoint.note"])
        note = forger.sign(Checkpoint(true.origin, true.tree_size, true.root))
        files["checkpoint.note"] = note.encode()
        files["vkey.txt"] = forger.vkey().text().encode()

    forged = forge(make(deal, mode), change)
    outcome = check(forged)
    assert outcome.code == 1
    assert outcome.kinds == {"bad checkpoint"}
    assert outcome.summary["verified_count"] == 0
    assert list(Verification(ZipContainer(forged)).findings()) == []


def test_another_key_beside_the_checkpoint(chain: Path, check: Any, evidence: Any) -> None:
    def change(files: Files) -> None:
        files["vkey.txt"] = SigningKey.generate(evidence.key.name).vkey().text().encode()

    assert check(forge(chain, change)).kinds == {"bad checkpoint"}


@pytest.mark.parametrize("number", [0, 7, 22])
def test_an_event_left_out_of_a_disclosed_range(disclosed: Path, check: Any, number: int) -> None:
    outcome = check(forge(disclosed, without(number)))
    assert outcome.code == 1
    assert "missing entry" in outcome.kinds
    assert outcome.summary["verified_count"] == 0


def test_an_event_left_out_and_the_positions_closed(disclosed: Path, check: Any) -> None:
    def change(files: Files) -> None:
        without(7)(files)
        events = events_of(files)
        for number, event in enumerate(events):
            event["position"] = number
        files["events.jsonl"] = json_lines(events)
        edit_manifest(range={"first": 0, "end": len(events)})(files)

    outcome = check(forge(disclosed, change))
    assert outcome.code == 1
    assert outcome.summary["verified_count"] == 0


def test_the_last_event_left_out_and_the_range_narrowed(disclosed: Path, check: Any) -> None:
    """Without the hashes beside the range it does not fit; with them it says which range it is."""

    def change(files: Files) -> None:
        without(22)(files)
        edit_manifest(range={"first": 0, "end": 22})(files)

    assert check(forge(disclosed, change)).kinds == {"bad proof"}

    def better(files: Files) -> None:
        last = read_files(disclosed)["events.jsonl"].splitlines()[-1]
        change(files)
        leaf = parse_event(last).hash
        proof = {"left": [], "right": [b64encode(leaf).decode()]}
        files["range.json"] = json.dumps(proof).encode()

    outcome = check(forge(disclosed, better))
    assert outcome.code == 0
    assert "positions 0 to 21 of the log" in " ".join(outcome.summary["proven"])
    assert any("at other positions" in said for said in outcome.summary["not_proven"])


@pytest.mark.parametrize("number", [0, 4])
def test_an_event_left_out_of_a_chain(chain: Path, check: Any, number: int) -> None:
    outcome = check(forge(chain, without(number)))
    assert outcome.code == 1
    assert outcome.kinds == {"broken stream"}


def test_the_end_of_a_chain_left_out_is_what_is_not_proven(chain: Path, check: Any) -> None:
    outcome = check(forge(chain, without(8)))
    assert outcome.code == 0
    assert "sequences 1 to 8" in " ".join(outcome.summary["proven"])
    (later,) = [said for said in outcome.summary["not_proven"] if "no later event" in said]
    assert "the 5 events from position 18 to 22" in later


def test_all_of_a_chain_left_out(chain: Path, check: Any) -> None:
    def change(files: Files) -> None:
        files["events.jsonl"] = files["proofs.jsonl"] = b""
        recount(files)

    assert check(forge(chain, change)).kinds == {"missing event"}


def test_a_chosen_event_left_out(make: Any, evidence: Any, check: Any) -> None:
    bundle = make(Query(event_ids=tuple(map(str, evidence.ids[:3]))), EVENTS)

    def change(files: Files) -> None:
        without(1)(files)
        edit_manifest(event_count=2, matching_count=2)(files)

    assert check(forge(bundle, change)).kinds == {"missing event"}


def test_an_event_of_something_else(make: Any, evidence: Any, check: Any, deal: Query) -> None:
    bundle = make(Query(event_ids=tuple(map(str, evidence.ids[:3]))), EVENTS)
    outcome = check(forge(bundle, edit_manifest(query=deal.members())))
    assert {"foreign event", "changed manifest"} == outcome.kinds


@pytest.mark.parametrize(
    "edit",
    [
        {"tree_size": 22},
        {"root": "00" * 32},
        {"origin": "ledger.example/other"},
        {"tenant_id": "other"},
        {"ledger_name": "other.example"},
        {"event_count": 8},
        {"matching_count": 8},
    ],
    ids=lambda edit: next(iter(edit)),
)
def test_an_edited_manifest(chain: Path, check: Any, edit: dict[str, Any]) -> None:
    outcome = check(forge(chain, edit_manifest(**edit)))
    assert outcome.code == 1
    assert outcome.kinds == {"changed manifest"}


@pytest.mark.parametrize(
    "edit",
    [
        {"format": "agent-events/bundle/v2"},
        {"mode": "everything"},
        {"mode": DISCLOSED},
        {"query": {}},
        {"query": {"event_type": "x"}},
        {"query": []},
        {"event_count": -1},
        {"event_count": True},
        {"files": []},
        {"files": {"README.txt": "x"}},
        {"files": {"../../etc/passwd": {"sha256": "00" * 32, "size": 1}}},
        {"files": {"/etc/passwd": {"sha256": "00" * 32, "size": 1}}},
        {"made_at": 1},
    ],
    ids=str,
)
def test_a_manifest_that_makes_no_sense(chain: Path, check: Any, edit: dict[str, Any]) -> None:
    outcome = check(forge(chain, edit_manifest(**edit), rehash=False))
    assert outcome.code == 2
    assert outcome.err.startswith("error: ")
    assert outcome.out == ""


@pytest.mark.parametrize("name", ["README.txt", "verify.py", "leaf-format.md", "vkey.txt"])
def test_a_file_that_is_not_what_the_manifest_says(chain: Path, check: Any, name: str) -> None:
    def change(files: Files) -> None:
        files[name] += b"\n"

    outcome = check(forge(chain, change, rehash=False))
    assert outcome.code == 1
    assert outcome.kinds == {"changed file"}


def test_a_file_that_is_missing(chain: Path, check: Any) -> None:
    def change(files: Files) -> None:
        del files["README.txt"], files["events.jsonl"]

    outcome = check(forge(chain, change, rehash=False))
    assert {"missing file", "missing event"} <= outcome.kinds


def test_a_file_too_many(chain: Path, check: Any) -> None:
    def change(files: Files) -> None:
        files["more.txt"] = b"trust me"

    assert check(forge(chain, change, rehash=False)).kinds == {"unlisted file"}


@pytest.mark.parametrize("name", ["checkpoint.note", "vkey.txt", "manifest.json"])
@pytest.mark.parametrize("data", [None, b"", b"\xff\xfe", b"x" * 2_000_000])
def test_what_everything_depends_on(chain: Path, check: Any, name: str, data: Any) -> None:
    def change(files: Files) -> None:
        del files[name]
        if data is not None:
            files[name] = data

    outcome = check(forge(chain, change, rehash=False))
    assert outcome.code in (1, 2)
    assert "Traceback" not in outcome.err


@pytest.mark.parametrize(
    "name",
    [
        "../evil.py",
        "/etc/evil",
        "a/../../evil",
        "..\\evil",
        "C:evil",
        "a//b",
        "./a",
        ".hidden",
        "README.TXT",
        "readme.txt",
        "évil",
        "a b",
    ],
)
def test_names_that_lead_elsewhere_are_refused(
    chain: Path, check: Any, name: str, tmp_path: Path
) -> None:
    outcome = check(write_zip(tmp_path / "slip.zip", read_files(chain) | {name: b"evil"}))
    assert outcome.code == 2
    assert "refused" in outcome.err


def test_a_name_with_nul_is_refused(chain: Path, check: Any, tmp_path: Path) -> None:
    path = write_zip(tmp_path / "nul.zip", read_files(chain) | {"aXb": b"evil"})
    path.write_bytes(path.read_bytes().replace(b"aXb", b"a\0b"))
    assert check(path).code == 2


def test_a_link_in_the_zip_is_refused(chain: Path, check: Any, tmp_path: Path) -> None:
    forged = shutil.copy(chain, tmp_path / "link.zip")
    with zipfile.ZipFile(forged, "a") as file:
        info = zipfile.ZipInfo("link")
        info.external_attr = 0o120777 << 16
        file.writestr(info, "/etc/passwd")
    outcome = check(forged)
    assert outcome.code == 2
    assert "no plain file" in outcome.err


def test_a_name_twice_is_refused(chain: Path, check: Any, tmp_path: Path) -> None:
    forged = shutil.copy(chain, tmp_path / "twice.zip")
    with zipfile.ZipFile(forged, "a") as file, pytest.warns(UserWarning, match="Duplicate"):
        file.writestr("events.jsonl", "")
    assert check(forged).code == 2


@pytest.mark.parametrize("name", ["events.jsonl", "manifest.json", "agent_events/proofs"])
def test_a_link_among_the_unpacked_files_is_refused(
    chain: Path, check: Any, tmp_path: Path, name: str
) -> None:
    path = unpack(chain, tmp_path / "linked").parent / name
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    outcome = check(tmp_path / "linked")
    assert outcome.code == 2
    assert "is a link" in outcome.err


def test_other_files_in_the_folder_are_passed_over(chain: Path, check: Any, tmp_path: Path) -> None:
    folder = unpack(chain, tmp_path / "mine").parent
    (folder / "my notes.txt").touch()
    (folder / ".DS_Store").touch()
    (folder / "more").symlink_to("/etc")
    assert check(folder).code == 0


@pytest.mark.parametrize("data", [b"", b"PK", b"not a zip"])
def test_no_zip_at_all(chain: Path, check: Any, tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "no.zip"
    path.write_bytes(data)
    assert chain.exists()
    assert check(path).code == 2
    assert check(tmp_path / "nowhere.zip").code == 2


def test_flipped_bytes_never_verify_quietly(disclosed: Path, evidence: Any) -> None:
    """A byte changed anywhere: refused, found, or in a part of the zip file that says nothing."""
    true = disclosed.read_bytes()
    contents = read_files(disclosed)
    forged = disclosed.with_name("flipped.zip")
    key = evidence.key.vkey()
    for at in range(0, len(true), max(1, len(true) // 300)):
        forged.write_bytes(true[:at] + bytes([true[at] ^ 0x55]) + true[at + 1 :])
        try:
            findings = list(Verification(ZipContainer(forged), [key]).findings())
        except NotABundle:
            continue
        if not findings:
            assert read_files(forged) == contents, at


def test_control_characters_are_not_printed(chain: Path, evidence: Any, tmp_path: Path) -> None:
    forged = forge(chain, edit_manifest(made_by="\x1b[2J\u202eevil"))
    verify = unpack(chain, tmp_path / "true")
    outcome = run_verify(verify, forged, "--vkey", evidence.vkey)
    assert outcome.code == 0
    assert "\x1b" not in outcome.out
    assert "\\x1b[2J\\u202eevil" in outcome.out
