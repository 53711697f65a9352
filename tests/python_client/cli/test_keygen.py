"""`agent-events keygen`."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from agent_events.cli import main
from agent_events.proofs import SigningKey, VerifierKey

NAME = "ledger.example/acme"


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["keygen", *map(str, arguments)], catch_exceptions=False)


def test_both_keys_are_written_and_the_public_one_is_printed(tmp_path: Path) -> None:
    path = tmp_path / "acme.key"
    result = run(NAME, "--out", path)
    assert result.exit_code == 0
    key = SigningKey.load(path)
    assert VerifierKey.parse(result.stdout.strip()) == key.vkey()
    assert key.name == NAME
    assert (tmp_path / "acme.key.vkey").read_text() == result.stdout
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "PRIVATE" not in result.output
    assert "acme.key.vkey" in result.stderr


def test_json(tmp_path: Path) -> None:
    path = tmp_path / "acme.key"
    answer = json.loads(run(NAME, "--out", path, "--json").stdout)
    assert answer == {
        "name": NAME,
        "vkey": SigningKey.load(path).vkey().text(),
        "key_file": str(path),
        "vkey_file": f"{path}.vkey",
    }


@pytest.mark.parametrize("existing", ["acme.key", "acme.key.vkey"])
def test_existing_files_stay(tmp_path: Path, existing: str) -> None:
    (tmp_path / existing).write_text("precious")
    result = run(NAME, "--out", tmp_path / "acme.key")
    assert result.exit_code == 1
    assert f"{existing} exists" in result.stderr
    assert [path.read_text() for path in tmp_path.iterdir()] == ["precious"]


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    result = run(NAME, "--out", tmp_path / "nowhere" / "acme.key")
    assert result.exit_code == 1
    assert "cannot be written: No such file or directory" in result.stderr


@pytest.mark.parametrize("name", ["acme", "ledger example/acme", "ledger+example/acme"])
def test_the_name_is_an_origin(tmp_path: Path, name: str) -> None:
    result = run(name, "--out", tmp_path / "acme.key")
    assert result.exit_code == 2
    assert "is no origin: <ledger name>/<tenant id>" in result.stderr
    assert list(tmp_path.iterdir()) == []
