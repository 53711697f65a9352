"""`agent-events cold`, as a shell would call it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from cold_files.ledgers import JUNE, MAY, Ledger, archive, jsonl
from psycopg.conninfo import conninfo_to_dict, make_conninfo

Run = Callable[..., Result]


def signatures(ledger: Ledger) -> list[str]:
    keys = [option for key in ledger.vkeys for option in ("--vkey", key)]
    return ["--anchor", ledger.anchor, *keys]


def test_the_way_of_a_partition(ledger: Ledger, run: Run) -> None:
    folder = str(ledger.folder)
    done = run("export", MAY, "--to", folder)
    assert done.exit_code == 0, done.output
    assert f"{ledger.data}: 76 events of 2 tenants, " in done.stdout
    assert done.stdout.endswith("kB, written\n")
    assert "there already" in run("export", MAY, "--to", folder).stdout
    ledger.sign()

    done = run("verify", folder, *signatures(ledger))
    assert (done.exit_code, done.stdout) == (0, f"{ledger.data}: 76 events, all is well\n")
    assert run("verify", "--offline", str(ledger.data)).exit_code == 0

    done = run("drop", MAY, "--from", folder, *signatures(ledger))
    assert (done.exit_code, done.stdout) == (0, f"{MAY}: 76 events, dropped\n")
    assert ledger.tier() == "cold"

    done = run("find", folder, "--tenant-id", "acme", "--limit", "2")
    assert done.exit_code == 0
    assert len(done.stdout.splitlines()) == 2
    assert "2021-05-31 00:00:00.000004Z  run.paused  deal/late #4" in done.stdout
    assert "more: --after" in done.stderr

    done = run("restore", MAY, "--from", folder)
    assert (done.exit_code, done.stdout) == (0, f"{MAY}: 76 events, restored\n")
    assert ledger.tier() == "archive"


def test_json(exported: Ledger, run: Run) -> None:
    folder = str(exported.folder)
    (line,) = jsonl(run("export", MAY, "--to", folder, "--json").stdout)
    assert line == {
        "partition_name": MAY,
        "path": str(exported.data),
        "row_count": 76,
        "tenants": 2,
        "file_bytes": exported.manifest.file_bytes,
        "file_sha256": exported.manifest.file_sha256,
        "is_new": False,
    }
    (line,) = jsonl(run("verify", folder, "--json").stdout)
    assert line == {
        "type": "file",
        "partition_name": MAY,
        "path": str(exported.data),
        "row_count": 76,
        "findings": 0,
    }
    found = jsonl(run("find", folder, "--tenant-id", "globex", "--json").stdout)
    assert len(found) == 12
    assert {each["tier"] for each in found} == {"cold"}
    (line,) = jsonl(run("drop", MAY, "--from", folder, *signatures(exported), "--json").stdout)
    assert line == {"type": "dropped", "partition_name": MAY, "row_count": 76}
    (line,) = jsonl(run("restore", MAY, "--from", folder, "--json").stdout)
    assert line == {"type": "restored", "partition_name": MAY, "row_count": 76}


def test_findings(exported: Ledger, run: Run) -> None:
    os.truncate(exported.data, 1000)
    size = exported.manifest.file_bytes
    done = run("verify", str(exported.folder))
    assert done.exit_code == 1
    detail = f"{exported.data} has 1,000 bytes, not {size:,}"
    assert done.stdout == f"truncated file: {MAY}\n    {detail}\n"
    finding, file = jsonl(run("verify", str(exported.folder), "--json").stdout)
    assert (finding["type"], finding["kind"]) == ("finding", "truncated file")
    assert (finding["partition_name"], finding["detail"]) == (MAY, detail)
    assert (file["type"], file["findings"]) == ("file", 1)
    for command, refusal in (("drop", "It was not dropped."), ("restore", "")):
        options = signatures(exported) if command == "drop" else []
        done = run(command, MAY, "--from", str(exported.folder), *options)
        assert done.exit_code == 1
        assert refusal in done.stdout
    assert exported.tier() == "archive"


def test_refusals(ledger: Ledger, run: Run, tmp_path: Path) -> None:
    done = run("export", JUNE, "--to", str(ledger.folder))
    assert done.exit_code == 1
    assert "error: agent_events_p20210601 is hot; only archived partitions" in done.stderr
    assert f"hint: call ledger.archive_partition('{JUNE}');" in done.stderr
    tmp_path.joinpath("empty").mkdir()
    for command in ("verify", "find"):
        done = run(command, str(tmp_path / "empty"))
        assert done.exit_code == 1
        assert "there is no cold file in" in done.stderr


def test_usage(ledger: Ledger, run: Run) -> None:
    folder = str(ledger.folder)
    assert run("export", "--to", folder).exit_code == 2
    assert run("export", MAY, "--due", "--to", folder).exit_code == 2
    assert run("verify", folder, "--anchor", "file:x").exit_code == 2
    assert run("verify", folder, "--offline", "--dsn", "x").exit_code == 2
    assert run("drop", MAY, "--from", folder).exit_code == 2
    keys = ["--vkey", ledger.vkeys[0]]
    assert run("drop", MAY, "--from", folder, "--anchor", "ftp:x", *keys).exit_code == 2


def test_unreachable(ledger: Ledger, run: Run) -> None:
    done = run("export", MAY, "--to", str(ledger.folder), "--dsn", "host=/nowhere")
    assert done.exit_code == 3


def test_a_role_that_does_not_see_every_tenant(
    exported: Ledger, run: Run, login_role: Callable[..., str]
) -> None:
    """What is hidden from it would look as if it were missing."""
    dsn = make_conninfo(exported.dsn, user=login_role("reader", {"acme": ["read"]}))
    done = run("verify", str(exported.folder), "--dsn", dsn)
    assert done.exit_code == 1
    assert "error LG005" in done.stderr


def test_an_auditor_verifies(exported: Ledger, run: Run, login_role: Callable[..., str]) -> None:
    dsn = make_conninfo(exported.dsn, user=login_role("auditor", {"*": ["audit"]}))
    done = run("verify", str(exported.folder), "--dsn", dsn, *signatures(exported))
    assert done.exit_code == 0, done.output


def test_the_variables_of_libpq(ledger: Ledger, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AGENT_EVENTS_DSN")
    for name, value in conninfo_to_dict(ledger.operator).items():
        monkeypatch.setenv({"dbname": "PGDATABASE"}.get(name, f"PG{name.upper()}"), str(value))
    done = run("export", MAY, "--to", str(ledger.folder))
    assert done.exit_code == 0, done.output


def test_list(exported: Ledger, run: Run) -> None:
    listed = {each["partition_name"]: each for each in jsonl(run("list", "--json").stdout)}
    may = listed[MAY]
    assert (may["tier"], may["row_count"], may["due"]) == ("archive", 76, None)
    assert may["file_name"] == f"{MAY}.parquet"
    assert may["in_folder"] is None
    assert listed[JUNE]["tier"] == "hot"
    assert listed[JUNE]["file_name"] is None

    def in_folder() -> str:
        lines = jsonl(run("list", str(exported.folder), "--json").stdout)
        return str(next(each["in_folder"] for each in lines if each["partition_name"] == MAY))

    assert in_folder() == "there"
    table = run("list", str(exported.folder)).stdout
    assert [line for line in table.splitlines() if line.startswith(MAY) and "there" in line]
    os.truncate(exported.data, 10)
    assert in_folder() == "another"
    exported.data.unlink()
    assert in_folder() == "missing"


def due(run: Run) -> dict[str, str]:
    lines = jsonl(run("list", "--json").stdout)
    return {each["partition_name"]: each["due"] for each in lines if each["due"]}


def test_what_is_due(ledger: Ledger, run: Run) -> None:
    folder = str(ledger.folder)
    assert run("export", "--due", "--to", folder).stdout == "No partition is due.\n"
    ledger.pg.execute(
        "select ledger.set_retention(hot_for => '7 days', warm_for => '30 days',"
        " cold_for => '365 days')"
    )
    assert due(run) == {MAY: "export", JUNE: "archive"}
    done = run("export", "--due", "--to", folder)
    assert done.exit_code == 0
    assert done.stdout.startswith(f"{ledger.data}: 76 events")
    assert due(run)[MAY] == "drop"
    ledger.sign()
    assert ledger.drop().findings == ()
    assert due(run)[MAY] == "expire"

    done = run("expire", "--from", folder)
    assert done.exit_code == 0, done.output
    assert done.stdout == f"deleted: {ledger.data}\ndeleted: {ledger.manifest_file}\n"
    assert list(ledger.folder.iterdir()) == []
    assert ledger.tier() == "dropped"
    assert MAY not in due(run)
    assert run("expire", "--from", folder).stdout == "Nothing has expired.\n"


@pytest.fixture
def expiring(cold: Ledger) -> Ledger:
    cold.pg.execute("select ledger.set_retention(warm_for => '30 days', cold_for => '365 days')")
    return cold


def test_a_hold_keeps_the_file(expiring: Ledger, run: Run) -> None:
    expiring.pg.execute("select ledger.place_hold('lawsuit', tenant_id => 'globex')")
    done = run("expire", "--from", str(expiring.folder))
    assert done.exit_code == 1
    assert "error LG008" in done.stderr
    assert expiring.tier() == "cold"
    assert expiring.check().findings == ()


def test_what_the_ledger_does_not_know_is_not_deleted(expiring: Ledger, run: Run) -> None:
    expiring.manifest_file.write_text(
        expiring.manifest_file.read_text().replace(expiring.manifest.file_sha256, "0" * 64)
    )
    done = run("expire", "--from", str(expiring.folder), "--json")
    assert done.exit_code == 1
    (line,) = jsonl(done.stdout)
    assert line["deleted"] == []
    assert "is not of a file that this ledger recorded" in line["kept"]
    assert expiring.data.exists()


def test_a_crash_before_the_files_are_deleted(expiring: Ledger, run: Run) -> None:
    expiring.pg.execute("select ledger.expire_cold(%s, 'time has passed')", [MAY])
    done = run("expire", "--from", str(expiring.folder))
    assert done.exit_code == 0
    assert list(expiring.folder.iterdir()) == []


def test_the_copy_of_an_expired_partition_comes_back(
    expiring: Ledger, run: Run, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in expiring.folder.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    assert run("expire", "--from", str(expiring.folder)).exit_code == 0
    done = run("restore", MAY, "--from", str(copy))
    assert done.exit_code == 0, done.output
    assert expiring.tier() == "archive"


def test_several_at_once(ledger: Ledger, run: Run) -> None:
    archive(ledger.pg, JUNE)
    done = run("export", MAY, JUNE, "--to", str(ledger.folder))
    assert len(done.stdout.splitlines()) == 2
    assert len(run("verify", str(ledger.folder)).stdout.splitlines()) == 2


@pytest.mark.parametrize("package", ["pyarrow", "adbc_driver_postgresql"])
@pytest.mark.parametrize(
    "command",
    [
        ["export", MAY, "--to", "."],
        ["verify", "--offline", "."],
        ["find", "."],
        ["restore", MAY, "--from", "."],
    ],
    ids=lambda command: command[0],
)
def test_without_the_extra(package: str, command: list[str], tmp_path: Path) -> None:
    if package != "pyarrow" and command[0] != "export":
        command = ["export", MAY, "--to", "."]
    program = (
        f"import sys; sys.modules['{package}'] = None\nfrom agent_events.cli import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "cold", *command],
        env={**os.environ, "AGENT_EVENTS_DSN": "host=/nowhere"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert f"error: this needs the package {package}\n" in done.stderr
    assert "hint: pip install 'agent-events[cold]'" in done.stderr
