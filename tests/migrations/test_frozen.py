"""What is frozen is what sql/ says, and what is released stays as it is."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
VERSIONS = ROOT / "migrations" / "versions"
REVISIONS = json.loads((ROOT / "migrations" / "frozen.json").read_text())


def test_sql_is_frozen() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "freeze", "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("revision", REVISIONS, ids=lambda revision: revision["slug"])
def test_files_match_their_checksums(revision: dict[str, dict[str, str]]) -> None:
    for name, checksum in revision["frozen"].items():
        assert hashlib.sha256((VERSIONS / name).read_bytes()).hexdigest() == checksum, name


def test_every_file_belongs_to_a_revision() -> None:
    frozen = {name for revision in REVISIONS for name in revision["frozen"]}
    assert {path.name for path in VERSIONS.iterdir() if path.is_file()} == frozen
