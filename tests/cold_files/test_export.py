"""A partition becomes a file: every value is there, and there is no file that is not whole."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pyarrow.parquet as pq
import pytest
from cold.partitions import digest
from cold_files.ledgers import JUNE, MAY, NAME, Ledger, archive
from psycopg.conninfo import make_conninfo

from agent_events.cold.errors import ColdError
from agent_events.cold.export import export_partition

FIELDS = """
  tenant_id, position, id, created_at, run_id, trace_id, correlation_id, causation_id, event_type,
  schema_version, payload::text, deal_id, action_id, aggregate_type, aggregate_id, sequence,
  actor_type, actor_id, outcome, proof::text, metadata::text, private_hash, prev_hash, hash
"""


def test_every_value_of_every_event(ledger: Ledger) -> None:
    ledger.export()
    table = pq.read_table(ledger.data, arrow_extensions_enabled=False)
    rows = ledger.pg.execute(
        f"select {FIELDS} from ledger.log where created_at < '2021-06-01Z'"
        " order by tenant_id, position"
    ).fetchall()
    assert table.num_rows == len(rows) == 76
    names = [name for name in table.column_names if name != "occurred_at"]
    columns = [table.column(name).to_pylist() for name in names]
    for row, found in zip(rows, zip(*columns, strict=True), strict=True):
        wanted = [value.bytes if hasattr(value, "bytes") else value for value in row]
        assert list(found) == wanted


def test_manifest(ledger: Ledger) -> None:
    done = ledger.export()
    manifest = done.manifest
    assert done.is_new
    assert manifest == ledger.manifest
    assert manifest.ledger_name == NAME
    assert (manifest.partition_name, manifest.row_count) == (MAY, 76)
    assert manifest.from_time == datetime(2021, 5, 1, tzinfo=UTC)
    assert manifest.to_time == datetime(2021, 6, 1, tzinfo=UTC)
    assert manifest.file_bytes == ledger.data.stat().st_size
    assert manifest.tenants["acme"].ranges == ((0, 59), (90, 93))
    assert manifest.digest() == digest(ledger.pg, MAY)
    assert manifest.identity() == {
        key.decode(): value.decode()
        for key, value in pq.read_metadata(ledger.data).metadata.items()
    }


def test_it_is_on_record(ledger: Ledger) -> None:
    manifest = ledger.export().manifest
    row = ledger.pg.execute(
        "select partition_name, file_name, encode(file_sha256, 'hex'), file_bytes, row_count,"
        " tenants from ledger.cold_files"
    ).fetchone()
    assert row == (
        MAY,
        f"{MAY}.parquet",
        manifest.file_sha256,
        manifest.file_bytes,
        76,
        manifest.digest(),
    )


def test_nothing_else_is_left(ledger: Ledger) -> None:
    ledger.export()
    assert sorted(each.name for each in ledger.folder.iterdir()) == [
        f"{MAY}.manifest.json",
        f"{MAY}.parquet",
    ]
    assert ledger.data.stat().st_mode & 0o077 == 0
    assert ledger.tier() == "archive"
    assert ledger.count() == 76


def test_again_does_nothing(ledger: Ledger) -> None:
    first = ledger.export()
    again = ledger.export()
    assert not again.is_new
    assert again.manifest == first.manifest
    assert ledger.recorded() == 1


def test_the_same_rows_make_the_same_file(ledger: Ledger) -> None:
    first = ledger.export().manifest
    ledger.data.unlink()
    ledger.manifest_file.unlink()
    assert ledger.export().manifest.file_sha256 == first.file_sha256


def test_an_empty_partition(ledger: Ledger) -> None:
    ledger.pg.execute("select ledger.ensure_partition('2021-03-03Z')")
    archive(ledger.pg, "agent_events_p20210301")
    manifest = ledger.export("agent_events_p20210301").manifest
    assert (manifest.row_count, manifest.tenants) == (0, {})
    assert ledger.check("agent_events_p20210301").findings == ()


def test_a_hot_partition_is_refused(ledger: Ledger) -> None:
    with pytest.raises(ColdError, match="is hot; only archived partitions are exported"):
        ledger.export(JUNE)
    assert not ledger.folder.exists()


def test_an_unknown_partition_is_refused(ledger: Ledger) -> None:
    with pytest.raises(ColdError, match="there is no partition nothing"):
        ledger.export("nothing")


@pytest.mark.parametrize(
    "grants", [{"acme": ["read"], "*": ["operate"]}, {"*": ["read"]}, {}], ids=repr
)
def test_who_does_not_see_everything_is_refused(
    ledger: Ledger, login_role: Callable[..., str], grants: dict[str, list[str]]
) -> None:
    role = login_role("reader", grants)
    with pytest.raises(psycopg.Error) as caught:
        export_partition(make_conninfo(ledger.dsn, user=role), MAY, ledger.folder)
    assert caught.value.sqlstate in ("LG005", "42501")
    assert not ledger.folder.exists()


def superuser(ledger: Ledger, statement: str) -> None:
    with ledger.pg.transaction():
        ledger.pg.execute("set local session_replication_role = replica")
        for table in ("agent_events_p20210501", "log_entries"):
            ledger.pg.execute(f"alter table ledger.{table} disable trigger all")
        ledger.pg.execute(statement)


@pytest.mark.parametrize(
    ("statement", "counts"),
    [
        (
            "delete from ledger.agent_events_p20210501 where tenant_id = 'globex' and sequence = 2",
            ("globex", 11, 12),
        ),
        (
            "delete from ledger.log_entries where tenant_id = 'acme' and position = 7",
            ("acme", 64, 63),
        ),
    ],
    ids=["missing event", "missing entry"],
)
def test_a_partition_that_is_not_in_the_log_is_refused(
    ledger: Ledger, statement: str, counts: tuple[str, int, int]
) -> None:
    with ledger.pg.transaction():
        for trigger in ("ddl", "drop", "rewrite"):
            ledger.pg.execute(f"alter event trigger ledger_guard_{trigger} disable")
        superuser(ledger, statement)
    tenant_id, there, logged = counts
    wanted = f"holds {there} events of tenant {tenant_id}, but the log has {logged}"
    with pytest.raises(ColdError, match=wanted):
        ledger.export()
    assert not ledger.folder.exists()


def test_what_is_no_export_is_never_written_over(ledger: Ledger) -> None:
    ledger.folder.mkdir()
    ledger.data.write_text("mine")
    with pytest.raises(ColdError, match="is no unfinished export of this ledger"):
        ledger.export()
    assert ledger.data.read_text() == "mine"


def test_a_damaged_export_is_never_written_over(ledger: Ledger) -> None:
    ledger.export()
    damaged = ledger.data.read_bytes()[:-1] + b"X"
    ledger.data.write_bytes(damaged)
    with pytest.raises(ColdError, match="is not what its manifest says"):
        ledger.export()
    assert ledger.data.read_bytes() == damaged


@pytest.mark.parametrize("key", ["ledger_name", "first_block"])
def test_the_file_of_another_ledger_is_never_written_over(ledger: Ledger, key: str) -> None:
    ledger.export()
    members: dict[str, Any] = json.loads(ledger.manifest_file.read_text())
    target = members if key in members else members["tenants"]["acme"]
    target[key] = "other" if key == "ledger_name" else "0" * 64
    ledger.manifest_file.write_text(json.dumps(members))
    with pytest.raises(ColdError, match="is of another ledger or partition"):
        ledger.export()


def test_one_process_at_a_time(ledger: Ledger) -> None:
    def meanwhile(_rows: int) -> None:
        with pytest.raises(ColdError, match="another process is writing"):
            ledger.export()

    export_partition(ledger.operator, MAY, ledger.folder, meanwhile)
    assert ledger.check().findings == ()


def test_a_connection_that_is_lost(ledger: Ledger) -> None:
    def cut(_rows: int) -> None:
        ledger.pg.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid()"
        )

    with pytest.raises((ColdError, psycopg.OperationalError)):
        export_partition(ledger.operator, MAY, ledger.folder, cut)
    assert list(ledger.folder.glob("*.parquet")) == []
    assert ledger.export().is_new


def test_a_folder_that_cannot_be_written(ledger: Ledger, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ColdError, match="cannot be written"):
        export_partition(ledger.operator, MAY, tmp_path / "file" / "sub")
