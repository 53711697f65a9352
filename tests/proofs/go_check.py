"""Run tests/proofs/go/main.go: Go's sumdb/note and sumdb/tlog on cases from Python.

Needs Go and Debian's golang-golang-x-mod-dev; without them the tests that ask for it are skipped.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

GOPATH = "/usr/share/gocode"
SOURCE = Path(__file__).parent / "go" / "main.go"


@dataclass(frozen=True)
class GoCheck:
    """The built program. A case is a dict; see `testCase` in main.go for its fields."""

    program: Path

    def run(self, cases: Iterable[dict[str, Any]]) -> tuple[int, list[str]]:
        """The exit code, and a line "ok NAME: …" or "FAIL NAME: …" for each case."""
        text = json.dumps(list(cases), default=lambda value: b64encode(value).decode())
        done = subprocess.run([self.program], input=text, capture_output=True, text=True)
        assert done.returncode < 2, done.stderr
        return done.returncode, done.stdout.splitlines()

    def check(self, *cases: dict[str, Any]) -> list[str]:
        """Every case holds."""
        code, lines = self.run(cases)
        assert code == 0, "\n".join(lines)
        return lines


def build(folder: Path) -> GoCheck:
    """Build the program in `folder`, without a network; skip the test where there is no Go."""
    go = shutil.which("go")
    if go is None or not Path(GOPATH, "src/golang.org/x/mod/sumdb/tlog").is_dir():
        pytest.skip("apt-get install golang-go golang-golang-x-mod-dev")
    environment = {
        **os.environ,
        "GO111MODULE": "off",
        "GOPATH": GOPATH,
        "GOFLAGS": "",
        "GOPROXY": "off",
        "GOCACHE": str(folder / "cache"),
    }
    program = folder / "check"
    subprocess.run([go, "build", "-o", program, SOURCE], check=True, env=environment)
    return GoCheck(program)
