"""Killed, or out of disk, while it exports: no half file, and the partition is as it was."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from cold.partitions import digest
from cold_files.ledgers import MAY, Ledger

# What a process does that is killed at a point of its export: it says so and waits.
CHILD = """
import sys
from pathlib import Path
from agent_events.cold import export, writer

def wait(*_):
    print("here", flush=True)
    sys.stdin.read()

point, dsn, name, folder = sys.argv[1:]
writer.ROW_GROUP_ROWS = 1
export._BATCH_BYTES = 512
if point == "before the manifest":
    export._write_manifest = wait
elif point == "before it is recorded":
    export.record = wait
rows = []
def progress(count):
    rows.append(count)
    if point == "between rows" and len(rows) == 3:
        wait()
export.export_partition(dsn, name, Path(folder), progress)
"""
COMMAND = "from agent_events.cli import main; main()"


def kill_at(ledger: Ledger, point: str) -> None:
    command = [sys.executable, "-c", CHILD, point, ledger.operator, MAY, str(ledger.folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"here\n"
        child.kill()
        assert child.wait() == -signal.SIGKILL


def names(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


@pytest.mark.parametrize(
    ("point", "left"),
    [
        ("between rows", [f"{MAY}.parquet.partial"]),
        ("before the manifest", [f"{MAY}.parquet"]),
        ("before it is recorded", [f"{MAY}.manifest.json", f"{MAY}.parquet"]),
    ],
)
def test_killed(ledger: Ledger, point: str, left: list[str]) -> None:
    before = digest(ledger.pg, MAY)
    kill_at(ledger, point)
    assert names(ledger.folder) == left
    assert ledger.recorded() == 0
    assert ledger.tier() == "archive"
    assert digest(ledger.pg, MAY) == before
    ledger.sign()
    assert ledger.drop().findings, "what is not on record drops nothing"
    assert ledger.tier() == "archive"

    done = ledger.export()
    assert done.is_new is (len(left) == 1)
    assert names(ledger.folder) == [f"{MAY}.manifest.json", f"{MAY}.parquet"]
    assert ledger.recorded() == 1
    assert ledger.check().findings == ()


@pytest.mark.parametrize("size", [0, 100, 5_000, 9_000])
def test_disk_full(ledger: Ledger, size: int) -> None:
    """A limit on the size of files ends a write as a full disk does."""
    before = digest(ledger.pg, MAY)
    limit = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size})); "
    command = ["cold", "export", MAY, "--to", str(ledger.folder), "--dsn", ledger.operator]
    done = subprocess.run(
        [sys.executable, "-c", limit + COMMAND, *command],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert f"error: {ledger.data} cannot be written: File too large" in done.stderr
    assert "Traceback" not in done.stderr
    assert names(ledger.folder) == []
    assert ledger.recorded() == 0
    assert ledger.tier() == "archive"
    assert digest(ledger.pg, MAY) == before
    assert ledger.export().manifest.file_bytes > size
    assert ledger.check().findings == ()


FULL_AT_LAST = """
import resource, sys
from agent_events.cold import export
write = export._write_manifest
def limited(*arguments):
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
    write(*arguments)
export._write_manifest = limited
"""


def test_disk_full_when_only_the_manifest_is_missing(ledger: Ledger) -> None:
    command = ["cold", "export", MAY, "--to", str(ledger.folder), "--dsn", ledger.operator]
    done = subprocess.run(
        [sys.executable, "-c", FULL_AT_LAST + COMMAND, *command],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert f"{ledger.manifest_file} cannot be written: File too large" in done.stderr
    assert names(ledger.folder) == []
    assert ledger.export().is_new
