"""Check bundles as an auditor does, and change them as a forger does."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from agent_events import evidence

VERIFY = Path(evidence.__file__).parent / "verify.py"
Files = dict[str, bytes]

# Runs verify.py; anything it imports that is neither Python's own nor the bundle's ends it.
GUARDED = """
import sys

class OnlyStandardLibrary:
    def find_spec(self, name, path=None, target=None):
        known = {"agent_events", "org", *sys.stdlib_module_names}  # pickle looks for Jython's org
        if name.partition(".")[0] not in known:
            sys.exit(f"third-party import: {name}")

sys.meta_path.insert(0, OnlyStandardLibrary())
import runpy
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@dataclass(frozen=True)
class Outcome:
    """What verify.py said."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def kinds(self) -> set[str]:
        return {line["kind"] for line in self.lines if line["type"] == "finding"}

    @property
    def summary(self) -> dict[str, Any]:
        return self.lines[-1]


def run_verify(
    verify: Path,
    *arguments: str | Path,
    python: str | Path = sys.executable,
    cwd: Path | None = None,
) -> Outcome:
    """Run verify.py as a stranger's Python would: no environment, no site-packages."""
    command = [python, "-I", "-S", verify, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env={}, cwd=cwd)
    return Outcome(done.returncode, done.stdout, done.stderr)


def run_guarded(verify: Path, *arguments: str | Path) -> Outcome:
    """… and end it where it imports anything that a plain Python does not have."""
    command = [sys.executable, "-I", "-S", "-c", GUARDED, verify, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env={})
    return Outcome(done.returncode, done.stdout, done.stderr)


def unpack(path: Path, folder: Path) -> Path:
    """Unpack a bundle: where its verify.py is."""
    with zipfile.ZipFile(path) as file:
        file.extractall(folder)
    return folder / "verify.py"


def read_files(path: Path) -> Files:
    with zipfile.ZipFile(path) as file:
        return {name: file.read(name) for name in file.namelist()}


def events_of(files: Files) -> list[dict[str, Any]]:
    return [json.loads(line) for line in files["events.jsonl"].splitlines()]


def json_lines(values: list[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(value, ensure_ascii=False).encode() + b"\n" for value in values)


def forge(path: Path, change: Callable[[Files], None], *, rehash: bool = True) -> Path:
    """Write a changed copy of a bundle, with a manifest that fits where the forger cares."""
    files = read_files(path)
    change(files)
    if rehash:
        manifest = json.loads(files["manifest.json"])
        manifest["files"] = {
            name: {"sha256": sha256(data).hexdigest(), "size": len(data)}
            for name, data in files.items()
            if name != "manifest.json"
        }
        files["manifest.json"] = json.dumps(manifest).encode()
    return write_zip(path.with_name("forged.zip"), files)


def write_zip(path: Path, files: Files) -> Path:
    with zipfile.ZipFile(path, "w") as file:
        for name, data in files.items():
            file.writestr(name, data)
    return path
