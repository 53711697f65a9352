"""`agent-events export`: the files, and what ends it."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import psycopg
import pyarrow.parquet as pq
import pytest
from click.testing import Result
from psycopg.conninfo import make_conninfo

from agent_events import Ledger, exporting
from agent_events.cold.errors import ColdError

AnyConnection = psycopg.Connection[Any]
Run = Callable[..., Result]

EXPORT = ("export", "--tenant-id", "acme")
FORMULAS = ("=1+2", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1")
AWKWARD = ('say "hi"', "a,b", "two\nlines", "ends\r\n", "", "Größe ✓", "'", "\\N")


def kinds(ledger: Ledger) -> list[str]:
    events = ledger.find_events(action_prefix="ledger.export", newest_first=False)
    return [event.event_type.removeprefix("ledger.export_") for event in events]


def rows_of(path: Path, file_format: str) -> list[dict[str, Any]]:
    """What another program reads from the file, as text where the format has nothing else."""
    if file_format == "jsonl":
        return [json.loads(line) for line in path.read_text().splitlines()]
    if file_format == "json":
        return json.loads(path.read_text())
    if file_format == "parquet":
        rows = pq.read_table(path).to_pylist()
        return [{name: value for name, value in row.items() if value is not None} for row in rows]
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file, strict=True)
        return [{n: v for n, v in row.items() if v} for row in reader]


@pytest.mark.parametrize("file_format", exporting.FORMATS)
def test_every_format_has_every_event(
    ledger: Ledger, reader: AnyConnection, run: Run, tmp_path: Path, file_format: str
) -> None:
    events = ledger.find_events(newest_first=False)
    path = tmp_path / "file"
    done = run(reader, *EXPORT, "--format", file_format, "--output", str(path), "--json")
    assert done.exit_code == 0, done.stderr
    rows = rows_of(path, file_format)
    assert [str(row["id"]) for row in rows[: len(events)]] == [str(e.id) for e in events]
    for row, event in zip(rows, events, strict=False):
        for name in ("event_type", "aggregate_type", "aggregate_id", "actor_id", "outcome"):
            assert row.get(name) == getattr(event, name)
        for name in ("trace_id", "sequence"):
            value = getattr(event, name)
            assert str(row.get(name)) == str(value)
        payload = row["payload"]
        assert (json.loads(payload) if isinstance(payload, str) else payload) == event.payload
    assert rows[1]["description"] == "Deal 7 moved from new to won"
    summary = json.loads(done.stdout)
    assert summary["event_count"] == len(rows) == len(events) + 1
    assert summary["file_sha256"] == sha256(path.read_bytes()).hexdigest()
    assert summary["file_bytes"] == path.stat().st_size
    (end,) = ledger.find_events(event_types=["ledger.export_created"])
    assert end.payload["file_sha256"] == summary["file_sha256"]
    assert end.payload["event_count"] == len(rows)
    assert kinds(ledger) == ["started", "created"]


@pytest.mark.parametrize("file_format", exporting.FORMATS)
def test_pages_do_not_show_in_the_file(
    ledger: Ledger, dsn: str, tmp_path: Path, file_format: str
) -> None:
    wanted = [str(e.id) for e in ledger.find_events(action_prefix="deal.", newest_first=False)]
    for page_size in (1, 2, 4, 5):
        path = tmp_path / "file"
        exporting.export_events(
            dsn, path, file_format, tenant_id="acme", action_prefix="deal.", page_size=page_size
        )
        assert [str(row["id"]) for row in rows_of(path, file_format)] == wanted


@pytest.mark.parametrize("file_format", exporting.FORMATS)
def test_an_export_of_nothing(
    reader: AnyConnection, run: Run, tmp_path: Path, file_format: str
) -> None:
    path = tmp_path / "file"
    done = run(
        reader, *EXPORT, "--format", file_format, "--type", "deal.scored", "--output", str(path)
    )
    assert done.exit_code == 0, done.stderr
    assert rows_of(path, file_format) == []


def test_standard_output_holds_nothing_but_events(
    ledger: Ledger, reader: AnyConnection, run: Run
) -> None:
    done = run(reader, *EXPORT, "--format", "jsonl", "--aggregate-type", "deal", "--json")
    (first, *_) = [json.loads(line) for line in done.stdout.splitlines()]
    assert list(first)[:2] == ["id", "created_at"]
    assert first["created_at"].endswith("+00:00")
    assert "deal_id" not in first
    summary = json.loads(done.stderr)
    assert summary["event_count"] == len(done.stdout.splitlines()) == 4
    assert summary["path"] is None
    assert kinds(ledger) == ["started", "created"]


def test_a_spreadsheet_takes_nothing_for_a_formula(
    ledger: Ledger, reader: AnyConnection, run: Run, tmp_path: Path
) -> None:
    ledger.register_event_type("test.named", {}, summary="{payload.text}")
    for text in (*FORMULAS, *AWKWARD):
        given = text or "x"
        ledger.emit_event(
            "test.named",
            {"text": text},
            aggregate_type="thing",
            aggregate_id=given,
            actor_type="user",
            actor_id=given,
        )
    path = tmp_path / "file.csv"
    run(reader, *EXPORT, "--format", "csv", "--type", "test.named", "--output", str(path), "--bom")
    assert path.read_bytes().startswith(b"\xef\xbb\xbfid,created_at,")
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file, strict=True))
    assert [json.loads(row["payload"])["text"] for row in rows] == [*FORMULAS, *AWKWARD]
    for row, text in zip(rows, (*FORMULAS, *AWKWARD), strict=True):
        safe = f"'{text}" if text in FORMULAS else text
        assert row["description"] == safe
        assert row["aggregate_id"] == row["actor_id"] == (safe or "x")
    assert not [v for row in rows for v in row.values() if v and v[0] in "=+-@\t\r\n＝"]


def test_parquet_has_types_and_the_tree(
    ledger: Ledger, reader: AnyConnection, run: Run, tmp_path: Path
) -> None:
    sealed = ledger.seal()
    path = tmp_path / "file.parquet"
    run(reader, *EXPORT, "--format", "parquet", "--proof", "--output", str(path))
    (row, *_) = pq.read_table(path).to_pylist()
    (event,) = ledger.find_events(newest_first=False, page_size=1)
    for name in ("id", "created_at", "sequence", "trace_id", "hash", "prev_hash"):
        assert row[name] == getattr(event, name)
    assert tuple(row["inclusion_proof"]) == ledger.inclusion_proof(event.id).proof
    metadata = pq.read_metadata(path).metadata
    assert metadata[b"agent_events.tree_size"] == str(sealed.tree_size).encode()
    assert metadata[b"agent_events.root"] == sealed.root.hex().encode()


def test_proofs_in_lines(ledger: Ledger, reader: AnyConnection, run: Run) -> None:
    ledger.seal()
    (event,) = ledger.find_events(newest_first=False, page_size=1)
    proof = [each.hex() for each in ledger.inclusion_proof(event.id).proof]
    arguments = ("--aggregate-id", "7", "--aggregate-type", "deal", "--proof")
    line = json.loads(run(reader, *EXPORT, "--format", "jsonl", *arguments).stdout.splitlines()[0])
    assert (line["position"], line["hash"], line["inclusion_proof"]) == (0, event.hash.hex(), proof)
    text = run(reader, *EXPORT, "--format", "csv", *arguments).stdout
    (row, *_) = csv.DictReader(text.splitlines())
    assert (row["position"], row["inclusion_proof"]) == ("0", " ".join(proof))


def test_a_file_is_not_written_over_unless_told(
    reader: AnyConnection, run: Run, tmp_path: Path
) -> None:
    path = tmp_path / "file"
    path.write_text("mine")
    arguments = (*EXPORT, "--format", "jsonl", "--output", str(path))
    assert run(reader, *arguments).exit_code == 2
    assert path.read_text() == "mine"
    assert run(reader, *arguments, "--force").exit_code == 0
    assert path.read_text() != "mine"


@pytest.mark.parametrize(
    ("exit_code", "arguments"),
    [
        (2, ()),
        (2, ("--format", "xml")),
        (2, ("--format", "jsonl", "--unredacted")),
        (2, ("--format", "jsonl", "--bom")),
        (1, ("--format", "jsonl", "--unredacted", "--purpose", "Request 12")),
        (1, ("--format", "jsonl", "--tenant-id", "globex")),
        (1, ("--format", "jsonl", "--output", "/proc/none/file")),
    ],
)
def test_exit_codes(
    reader: AnyConnection, run: Run, exit_code: int, arguments: tuple[str, ...]
) -> None:
    done = run(reader, *EXPORT, *arguments)
    assert done.exit_code == exit_code
    assert done.stderr
    assert not done.stdout


def test_what_was_cut_short_has_a_beginning_and_no_end(
    ledger: Ledger, dsn: str, tmp_path: Path
) -> None:
    def give_up(_events: int) -> None:
        raise KeyboardInterrupt

    path = tmp_path / "file"
    with pytest.raises(KeyboardInterrupt):
        exporting.export_events(dsn, path, "jsonl", tenant_id="acme", progress=give_up)
    assert not list(tmp_path.iterdir())
    assert kinds(ledger) == ["started"]


def test_a_full_disk_leaves_no_file(ledger: Ledger, dsn: str) -> None:
    with Path("/dev/full").open("wb", buffering=0) as full, pytest.raises(OSError, match="space"):
        exporting.export_events(dsn, full, "jsonl", tenant_id="acme")
    assert kinds(ledger) == ["started"]


def test_standard_output_on_a_full_disk_ends_the_export(
    ledger: Ledger, reader: AnyConnection, dsn: str
) -> None:
    program = Path(sys.executable).with_name("agent-events")
    user_dsn = make_conninfo(dsn, user=reader.info.user)
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [program, *EXPORT, "--format", "jsonl", "--dsn", user_dsn],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stderr) == (
        1,
        "error: standard output: No space left on device\n",
    )
    assert kinds(ledger) == ["started"]


def test_a_folder_is_no_file(
    ledger: Ledger, reader: AnyConnection, run: Run, tmp_path: Path
) -> None:
    done = run(reader, *EXPORT, "--format", "jsonl", "--output", str(tmp_path), "--force")
    assert done.exit_code == 2
    assert kinds(ledger) == []


def test_a_pipe_that_ends_early_ends_the_export(
    ledger: Ledger, reader: AnyConnection, dsn: str
) -> None:
    for _ in range(20):
        ledger.emit_events([{"event_type": "run.paused", "payload": {"reason": "x" * 1000}}] * 100)
    program = Path(sys.executable).with_name("agent-events")
    command = [program, *EXPORT, "--format", "jsonl", "--dsn"]
    with subprocess.Popen(
        [*command, make_conninfo(dsn, user=reader.info.user)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.wait() == 1
    assert kinds(ledger) == ["started"]


@pytest.mark.parametrize("file_format", exporting.FORMATS)
def test_time_limits_of_the_role_do_not_end_it(
    ledger: Ledger,  # noqa: ARG001
    pg: AnyConnection,
    dsn: str,
    tmp_path: Path,
    file_format: str,
) -> None:
    """However long it takes to write what was read."""
    limits = "-c idle_in_transaction_session_timeout=500"
    if pg.info.server_version >= 170000:
        limits += " -c transaction_timeout=500"
    limited = make_conninfo(dsn, options=limits)

    def take_long(_events: int) -> None:
        pg.execute("select pg_sleep(0.7)")

    done = exporting.export_events(
        limited,
        tmp_path / "file",
        file_format,
        tenant_id="acme",
        event_types=["deal.created"],
        page_size=1,
        progress=take_long,
    )
    assert done.event_count == 2


def test_parquet_is_written_as_it_is_read(ledger: Ledger, dsn: str, tmp_path: Path) -> None:
    """Of a page of large events only some megabytes are held at a time."""
    large = [{"event_type": "run.paused", "payload": {"text": f"{n:040000}"}} for n in range(800)]
    for start in range(0, len(large), 100):
        ledger.emit_events(large[start : start + 100])
    path = tmp_path / "file"
    exporting.export_events(dsn, path, "parquet", tenant_id="acme", event_types=["run.paused"])
    metadata = pq.read_metadata(path)
    groups = [metadata.row_group(n).num_rows for n in range(metadata.num_row_groups)]
    assert sum(groups) == len(large) + 1
    assert max(groups) * 40_000 < 8 << 20


def test_it_is_one_moment(ledger: Ledger, dsn: str, tmp_path: Path) -> None:
    """What is committed while pages are read is not in it."""
    count = len(ledger.find_events(newest_first=False))

    def emit(_events: int) -> None:
        ledger.emit_event("run.paused", {})

    path = tmp_path / "file"
    done = exporting.export_events(dsn, path, "jsonl", tenant_id="acme", page_size=1, progress=emit)
    assert done.event_count == count + 1


def test_a_missing_extra_says_which(dsn: str, tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['pyarrow'] = None\n"
        "from agent_events.cli import main\n"
        f"main(['export', '--format', 'parquet', '--dsn', {dsn!r}, '--output', "
        f"{str(tmp_path / 'file')!r}])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "agent-events[cold]" in done.stderr


def test_a_read_only_database_cannot_record_it(
    ledger: Ledger,  # noqa: ARG001
    dsn: str,
    tmp_path: Path,
) -> None:
    read_only = make_conninfo(dsn, options="-c default_transaction_read_only=on")
    with pytest.raises(ColdError, match="replica") as refused:
        exporting.export_events(read_only, tmp_path / "file", "jsonl", tenant_id="acme")
    assert refused.value.hint == "Export from the primary."
