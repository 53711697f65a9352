"""What scripts/demo and scripts/test do before they start, as far as it needs no network."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"

# Stand in for the network: a "venv" whose python notes how it was called.
FAKE_PYTHON = """#!/bin/sh
case "$*" in
  *'-m venv'*) mkdir -p "$4/bin"; cp "$0" "$4/bin/python" ;;
  *'-m pip install'*) echo "$*" >>"$LOG" ;;
  *'-m pytest'*) echo "$AGENT_EVENTS_TEST_PG ${AGENT_EVENTS_PG_BINDIR:-bundled} $*" >>"$LOG" ;;
esac
"""


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout in a folder with a space, on a machine with the fake Python and nothing else."""
    root = tmp_path / "a checkout"
    shutil.copytree(SCRIPTS, root / "scripts")
    (root / "pyproject.toml").write_text("[project]\n")
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "python3").write_text(FAKE_PYTHON)
    (tools / "python3").chmod(0o755)
    for tool in ("bash", "cat", "cksum", "cmp", "cp", "dirname", "env", "id", "mkdir", "sed"):
        (tools / tool).symlink_to(shutil.which(tool) or tool)
    (tools / "sh").symlink_to("/bin/sh")
    monkeypatch.setenv("PATH", str(tools))
    monkeypatch.setenv("LOG", str(tmp_path / "log"))
    monkeypatch.setenv("AGENT_EVENTS_CACHE", str(tmp_path / "cache"))
    for name in ("PYTHON", "AGENT_EVENTS_TEST_PG", "AGENT_EVENTS_PG_BINDIR"):
        monkeypatch.delenv(name, raising=False)
    return root


def run(checkout: Path, *command: str) -> list[str]:
    """Run a script of the checkout; what the fake Python noted."""
    log = Path(os.environ["LOG"])
    log.unlink(missing_ok=True)
    subprocess.run([str(checkout / "scripts" / command[0]), *command[1:]], check=True)
    return log.read_text().splitlines() if log.exists() else []


def test_the_first_run_installs_and_the_second_does_not(checkout: Path) -> None:
    first = run(checkout, "test")
    assert [line for line in first if "--editable" in line]
    second = run(checkout, "test")
    assert second == ["18 bundled -m pytest -n auto"]


def test_a_changed_pyproject_installs_again(checkout: Path) -> None:
    run(checkout, "test")
    (checkout / "pyproject.toml").write_text("[project]\nname = 'changed'\n")
    assert any("--editable" in line for line in run(checkout, "test"))


def test_a_moved_checkout_gets_a_new_venv(checkout: Path) -> None:
    run(checkout, "test")
    moved = checkout.rename(checkout.with_name("moved"))
    assert any("--editable" in line for line in run(moved, "test"))


def test_arguments_go_to_pytest(checkout: Path) -> None:
    run(checkout, "test")
    assert run(checkout, "test", "-k", "one or two", "--lf") == [
        "18 bundled -m pytest -n auto -k one or two --lf"
    ]


def test_other_versions_come_from_the_cache(checkout: Path) -> None:
    programs = Path(os.environ["AGENT_EVENTS_CACHE"]) / "postgres-15.18.0-beta.17" / "bin"
    programs.mkdir(parents=True)
    run(checkout, "test")
    assert run(checkout, "test", "--pg", "15", "--pg=16", "-q") == [
        f"15 {programs} -m pytest -n auto -q",
        "16 bundled -m pytest -n auto -q",
    ]


def test_an_unknown_version_is_refused(checkout: Path) -> None:
    run(checkout, "test")
    Path(os.environ["LOG"]).unlink()
    done = subprocess.run(
        [checkout / "scripts" / "test", "--pg", "9"], check=False, capture_output=True, text=True
    )
    assert done.returncode != 0
    assert "usage: pg_binaries 15|16|17|18" in done.stderr
    assert not Path(os.environ["LOG"]).exists()
