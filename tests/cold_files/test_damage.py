"""Each kind of damage has a name of its own, and none lets the partition be dropped."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from cold_files.forging import (
    Rows,
    edit_manifest,
    read_rows,
    rehash,
    rewrite,
    take_over,
)
from cold_files.ledgers import MAY, Ledger, archive, fill, give_name, kinds, ledger_of
from psycopg.conninfo import make_conninfo

from agent_events.cold.check import check_file

FLIPS = 150


def refuses(ledger: Ledger, *wanted: str) -> None:
    """These are the findings, and with them nothing is dropped."""
    checked = ledger.drop()
    assert kinds(checked) == set(wanted), checked.findings
    assert ledger.tier() == "archive"
    assert ledger.count() == 76


def test_nothing_is_wrong(exported: Ledger) -> None:
    checked = exported.check()
    assert (checked.findings, checked.row_count) == ((), 76)
    assert exported.check(offline=True).findings == ()
    assert exported.check_signed().findings == ()


def flip(path: Path, bit: int) -> None:
    data = bytearray(path.read_bytes())
    data[bit // 8] ^= 1 << bit % 8
    path.write_bytes(data)


def test_a_flipped_bit_among_the_rows(exported: Ledger) -> None:
    flip(exported.data, 8 * 200)
    (of_file, of_rows) = exported.check(offline=True).findings
    assert (of_file.kind, of_rows.kind) == ("changed file", "unreadable rows")
    assert "has the SHA-256 " in of_file.detail
    assert of_rows.detail.startswith("among rows 0 to 75: ")
    assert "CRC checksum verification failed" in of_rows.detail
    refuses(exported, "changed file", "unreadable rows")


def test_any_flipped_bit_is_found(exported: Ledger) -> None:
    size = 8 * exported.data.stat().st_size
    order = random.Random(1)
    for bit in {0, size - 1, *(order.randrange(size) for _ in range(FLIPS))}:
        flip(exported.data, bit)
        assert kinds(exported.check(offline=True)) & {"changed file", "not a cold file"}, bit
        flip(exported.data, bit)
    assert exported.check(offline=True).findings == ()


@pytest.mark.parametrize("left", [0, 4, 100, 5000, -8, -1])
def test_a_truncated_file(exported: Ledger, left: int) -> None:
    size = exported.data.stat().st_size
    os.truncate(exported.data, left % size)
    (finding,) = exported.check(offline=True).findings
    assert finding.kind == "truncated file"
    assert finding.detail == f"{exported.data} has {left % size:,} bytes, not {size:,}"
    refuses(exported, "truncated file")


def test_bytes_at_the_end(exported: Ledger) -> None:
    with exported.data.open("ab") as file:
        file.write(b"more")
    refuses(exported, "extended file")


def test_no_file(exported: Ledger) -> None:
    exported.data.unlink()
    refuses(exported, "missing file")


def test_no_manifest(exported: Ledger) -> None:
    exported.manifest_file.unlink()
    refuses(exported, "missing manifest")
    assert exported.check().row_count == 76


def test_a_manifest_that_is_none(exported: Ledger) -> None:
    exported.manifest_file.write_text("{}")
    refuses(exported, "malformed manifest")


def test_a_file_that_is_none(exported: Ledger) -> None:
    exported.data.write_bytes(os.urandom(exported.data.stat().st_size))
    refuses(exported, "not a cold file", "changed file")


def test_the_file_of_another_partition(exported: Ledger) -> None:
    name = "agent_events_p20210401"
    exported.data.rename(exported.folder / f"{name}.parquet")
    exported.manifest_file.rename(exported.folder / f"{name}.manifest.json")
    assert "another partition" in kinds(check_file(exported.folder, name))


@pytest.fixture
def other(ledger: Ledger, tmp_path: Path) -> Iterator[Ledger]:
    """Another ledger of the same name in the same cluster, whose May is in a file as well."""
    name = f"{ledger.pg.info.dbname}_other"
    template = os.environ["AGENT_EVENTS_TEST_TEMPLATE"]
    ledger.pg.execute(f"create database {name} template {template}")
    dsn = make_conninfo(ledger.dsn, dbname=name)
    try:
        with psycopg.connect(dsn, autocommit=True) as pg:
            give_name(pg)
            fill(pg)
            archive(pg, MAY)
            user = str(pg.info.user)
            found = ledger_of(pg, dsn, user, tmp_path / "other")
            found.export()
            yield found
    finally:
        ledger.pg.execute(f"drop database {name} with (force)")


def test_the_file_of_another_ledger(exported: Ledger, other: Ledger) -> None:
    take_over(exported, other)
    assert exported.check(offline=True).findings == ()
    checked = exported.check()
    assert kinds(checked) == {"another ledger"}
    assert {finding.tenant_id for finding in checked.findings} == {"acme", "globex"}
    assert "begins with block" in checked.findings[0].detail
    signed = exported.check_signed()
    assert kinds(signed) == {"fork"}, "nor is it what was signed"
    refuses(exported, "another ledger", "fork")


def test_the_rows_of_another_ledger(exported: Ledger, other: Ledger) -> None:
    """Its file beside our own manifest."""
    exported.data.write_bytes(other.data.read_bytes())
    found = kinds(exported.check())
    assert {"changed file", "changed event", "wrong root"} <= found


def test_a_manifest_of_another_ledger_by_name(exported: Ledger) -> None:
    edit_manifest(exported, lambda members: members.update(ledger_name="evil.example"))
    refuses(exported, "another ledger", "no checkpoint")


def at(members: dict[str, Any]) -> dict[str, Any]:
    part: dict[str, Any] = members["tenants"]["acme"]
    return part


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        (lambda m: m.update(file_sha256="0" * 64), {"changed file", "forged manifest"}),
        (lambda m: at(m).update(root="0" * 64), {"forged manifest"}),
        (lambda m: at(m).update(ranges=[[1, 60], [90, 93]]), {"forged manifest"}),
        (
            lambda m: (at(m).update(ranges=[[0, 59]], row_count=60), m.update(row_count=72)),
            {"forged manifest"},
        ),
        (
            lambda m: (m["tenants"].pop("globex"), m.update(row_count=64)),
            {"forged manifest"},
        ),
        (
            lambda m: m.update(from_time="2021-04-01T00:00:00+00:00"),
            {"forged manifest"},
        ),
        (
            lambda m: m.update(to_time="2021-05-11T00:00:00+00:00"),
            {"forged manifest", "event outside the bounds", "extra rows"},
        ),
        (lambda m: at(m).update(first_block="0" * 64), {"another ledger"}),
    ],
    ids=["sha256", "root", "ranges", "fewer", "tenant", "from", "to", "first block"],
)
def test_a_forged_manifest(
    exported: Ledger, change: Callable[[dict[str, Any]], object], wanted: set[str]
) -> None:
    edit_manifest(exported, change)
    refuses(exported, *wanted)


def without_row(rows: Rows) -> Rows:
    return rows[:5] + rows[6:]


def with_row(rows: Rows) -> Rows:
    return rows[:60] + rehash([{**rows[59], "position": 60}]) + rows[60:]


def with_other_payload(rows: Rows) -> Rows:
    rows[7]["payload"] = '{"n": 8}'
    return rows


def swapped(rows: Rows) -> Rows:
    """Two events of one stream."""
    rows[5], rows[11] = {**rows[11], "position": 5}, {**rows[5], "position": 11}
    return rehash(rows)


def backwards(rows: Rows) -> Rows:
    return [rows[1], rows[0], *rows[2:]]


def twice(rows: Rows) -> Rows:
    return [rows[0], *rows]


def moved(rows: Rows) -> Rows:
    rows[3]["created_at"] -= 3_000_000_000_000
    return rehash(rows)


@pytest.mark.parametrize(
    ("change", "in_file", "in_log"),
    [
        # What is left was signed: nothing but the log knows of what is missing.
        (without_row, {"broken stream"}, {"missing rows"}),
        (with_row, {"broken stream"}, {"extra rows", "changed event", "fork"}),
        (with_other_payload, {"changed event"}, {"changed event", "fork"}),
        (
            lambda rows: rehash(with_other_payload(rows)),
            {"broken stream"},
            {"changed event", "fork"},
        ),
        (swapped, {"broken stream"}, {"changed event", "fork"}),
        (
            moved,
            {"event outside the bounds", "broken stream"},
            {"changed event", "fork"},
        ),
    ],
)
def test_forged_rows_and_a_manifest_that_fits(
    exported: Ledger, change: Callable[[Rows], Rows], in_file: set[str], in_log: set[str]
) -> None:
    rewrite(exported, change)
    assert kinds(exported.check(offline=True)) == in_file
    refuses(exported, *in_file, *in_log, "forged manifest")


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        (without_row, {"missing rows", "broken stream"}),
        (with_row, {"extra rows", "broken stream"}),
        (with_other_payload, {"changed event"}),
    ],
)
def test_other_rows_than_the_manifest_says(
    exported: Ledger, change: Callable[[Rows], Rows], wanted: set[str]
) -> None:
    rewrite(exported, change, forge=False)
    found = kinds(exported.check(offline=True))
    assert found >= wanted | {"changed file"}
    assert "forged manifest" not in found


@pytest.mark.parametrize("change", [backwards, twice])
def test_rows_in_another_order(exported: Ledger, change: Callable[[Rows], Rows]) -> None:
    rewrite(exported, change, forge=False)
    assert kinds(exported.check(offline=True)) == {"changed file", "wrong order"}


def test_findings_say_where(exported: Ledger) -> None:
    wanted = read_rows(exported)[7]
    rewrite(exported, lambda rows: rehash(with_other_payload(rows)))
    of_event = [each for each in exported.check().findings if each.kind == "changed event"]
    assert [(each.tenant_id, each.position) for each in of_event] == [("acme", 7)]
    assert wanted["hash"].hex() in of_event[0].detail


def test_a_file_that_the_ledger_does_not_know(ledger: Ledger) -> None:
    from agent_events.cold import export

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export, "record", lambda *_: None)
        ledger.export()
    assert kinds(ledger.check()) == {"unrecorded file"}
    ledger.sign()
    refuses(ledger, "unrecorded file")


def test_many_findings_are_counted(exported: Ledger) -> None:
    def every(rows: Rows) -> Rows:
        return [{**row, "payload": '{"forged": true}'} for row in rows]

    rewrite(exported, every)
    findings = exported.check(offline=True).findings
    assert len([each for each in findings if each.kind == "changed event"]) == 76
