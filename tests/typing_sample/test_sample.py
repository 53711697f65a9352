"""The sample project passes the type checkers, and they see what is misused in it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PYRIGHT = HERE.parent / "node" / "node_modules" / "pyright" / "index.js"


def test_mypy(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file", "/dev/null"]
    done = subprocess.run(
        [*command, "--cache-dir", tmp_path, "sample"],
        cwd=HERE,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(
    not (shutil.which("node") and PYRIGHT.exists()),
    reason="needs Node and pyright: npm ci --prefix tests/node",
)
def test_pyright() -> None:
    done = subprocess.run(
        ["node", PYRIGHT, "--pythonpath", sys.executable],
        cwd=HERE,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
