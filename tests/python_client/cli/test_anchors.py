"""`agent-events anchors`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from agent_events.anchors import open_store
from agent_events.cli import main
from agent_events.proofs import Checkpoint, SigningKey

NAME = "ledger.example/acme"
Keep = Callable[..., None]


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["anchors", *map(str, arguments)], catch_exceptions=False)


def lines(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.fixture
def key() -> SigningKey:
    return SigningKey.generate(NAME)


@pytest.fixture
def vkey(key: SigningKey, tmp_path: Path) -> Path:
    path = tmp_path / "acme.vkey"
    path.write_text(f"{key.vkey().text()}\n")
    return path


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"file:{tmp_path / 'anchors.jsonl'}"


@pytest.fixture
def keep(url: str, key: SigningKey) -> Keep:
    """Sign and keep a checkpoint; `root` is one byte, repeated."""

    def sign_and_append(tree_size: int, root: int = 7, key: SigningKey = key) -> None:
        note = key.sign(Checkpoint(key.name, tree_size, bytes([root] * 32)))
        open_store(url).append(note)

    return sign_and_append


def test_all_is_well(keep: Keep, url: str, key: SigningKey, vkey: Path) -> None:
    keep(1)
    keep(5)
    result = run("check", "--anchor", url, "--vkey", vkey)
    assert (result.exit_code, result.stdout) == (0, "All is well: 2 checkpoints.\n")
    result = run("check", "--anchor", url, "--vkey", key.vkey().text(), "--json")
    assert (result.exit_code, result.stdout) == (0, "")


def test_the_list(keep: Keep, url: str, vkey: Path, tmp_path: Path) -> None:
    keep(1)
    keep(5, 8)
    keep(2, key=SigningKey.generate(NAME))
    rows = lines(run("list", "--anchor", url, "--vkey", vkey, "--json"))
    assert [(row["tree_size"], row["status"]) for row in rows] == [
        (1, "verified"),
        (5, "verified"),
        (2, "unknown_key"),
    ]
    assert rows[1].keys() == {
        *("recorded_at", "origin", "tree_size", "root", "status", "where", "detail")
    }
    assert rows[1]["root"] == "CAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAg="
    assert rows[1]["where"] == f"{tmp_path / 'anchors.jsonl'}, line 2"
    result = run("list", "--anchor", url, "--vkey", vkey)
    assert result.exit_code == 0
    for text in (NAME, "CAgICAgICAgI…", " verified", " unknown_key"):
        assert text in result.stdout


def test_the_list_without_a_key(keep: Keep, url: str) -> None:
    keep(1)
    (row,) = lines(run("list", "--anchor", url, "--json"))
    assert row["status"] == "unverified"
    assert "unverified" in run("list", "--anchor", url).stdout


def test_every_finding(keep: Keep, url: str, vkey: Path, tmp_path: Path) -> None:
    keep(5)
    keep(9)
    keep(9, 8)
    keep(4)
    keep(10, key=SigningKey.generate(NAME))
    path = tmp_path / "anchors.jsonl"
    record = json.loads(path.read_text().splitlines()[3])
    with path.open("a") as file:
        file.write(json.dumps({**record, "note": record["note"].replace("\n4\n", "\n40\n")}) + "\n")
        file.write(json.dumps({**record, "note": "hello"}) + "\n")
        file.write(json.dumps({**record, "root": "AAAA"}) + "\n")
        file.write('{"origin": "ledger')
    result = run("check", "--anchor", url, "--vkey", vkey, "--json")
    assert result.exit_code == 1
    findings = lines(result)
    assert [
        (finding["kind"], finding["where"].replace(f"{path}, ", ""), finding["tree_size"])
        for finding in findings
    ] == [
        ("unknown_key", "line 5", 10),
        ("bad_signature", "line 6", 40),
        ("malformed", "line 7", None),
        ("damaged", "line 8", 4),
        ("damaged", "line 9", None),
        ("two_roots", "line 2 and line 3", 9),
        ("backwards", "line 3 and line 4", 4),
    ]
    assert findings[0].keys() == {"kind", "where", "origin", "tree_size", "root", "detail"}
    result = run("check", "--anchor", url, "--vkey", vkey)
    assert result.exit_code == 1
    assert "backwards" in result.stdout
    assert "    4 events, after a checkpoint of 9\n" in result.stdout
    assert "All is well" not in result.stdout
    listed = lines(run("list", "--anchor", url, "--vkey", vkey, "--json"))
    assert len(listed) == 9


def test_a_forged_note_makes_no_conflict(keep: Keep, url: str, vkey: Path) -> None:
    keep(5)
    keep(5, 8, key=SigningKey.generate(NAME))
    kinds = [f["kind"] for f in lines(run("check", "--anchor", url, "--vkey", vkey, "--json"))]
    assert kinds == ["unknown_key"]


def test_nothing_kept_is_a_finding(url: str, vkey: Path) -> None:
    result = run("check", "--anchor", url, "--vkey", vkey)
    assert result.exit_code == 1
    assert "no checkpoint is kept there" in result.stdout
    assert run("list", "--anchor", url).exit_code == 0


def test_one_origin(keep: Keep, url: str, vkey: Path) -> None:
    keep(5)
    keep(3, key=SigningKey.generate("ledger.example/other"))
    check = ("check", "--anchor", url, "--vkey", vkey)
    assert run(*check).exit_code == 1
    assert run(*check, "--origin", NAME).stdout == "All is well: 1 checkpoint.\n"
    assert len(lines(run("list", "--anchor", url, "--origin", NAME, "--json"))) == 1


def test_several_keys(keep: Keep, url: str, key: SigningKey, vkey: Path) -> None:
    """After a key was replaced: repeated, or in one file."""
    new = SigningKey.generate(NAME)
    keep(5)
    keep(6, key=new)
    check = ("check", "--anchor", url, "--vkey")
    assert run(*check, vkey, "--vkey", new.vkey().text()).exit_code == 0
    vkey.write_text(f"{key.vkey().text()}\n{new.vkey().text()}\n")
    assert run(*check, vkey).exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["check", "--anchor", "file:x"], "Missing option '--vkey'"),
        (["list"], "Missing option '--anchor'"),
        (["list", "--anchor", "x"], "x is no anchor"),
        (["list", "--anchor", "https://host/secret"], "https://host is posted to and cannot be"),
        (["list", "--anchor", "git:/nowhere"], "hint: git init /nowhere"),
        (["list", "--anchor", "file:x", "--vkey", "a/b+1234"], "is no public key (a key is"),
        (["list", "--anchor", "file:x", "--vkey", "/dev/null"], "/dev/null is empty"),
    ],
)
def test_usage(arguments: list[str], message: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr


def test_a_file_without_a_key(url: str, tmp_path: Path) -> None:
    path = tmp_path / "acme.vkey"
    path.write_text("hello")
    result = run("list", "--anchor", url, "--vkey", path)
    assert result.exit_code == 2
    assert "acme.vkey: a key is <name>+<key id, 8 hex digits>+<base64>" in result.stderr
