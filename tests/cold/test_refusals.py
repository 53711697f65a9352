"""What is not recorded, not dropped and not restored, and that nothing has happened then."""

from __future__ import annotations

import copy
import csv
import io
import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

import psycopg
import pytest
from cold.partitions import (
    COLUMNS,
    DROP,
    JUNE,
    MAY,
    RECORD,
    File,
    archive,
    batch,
    checkpoints,
    complaints,
    emit_at,
    export,
    findings,
)
from verifying.tampering import unguarded

AnyConnection = psycopg.Connection[Any]
Connect = Callable[..., AnyConnection]
Refused = Callable[..., psycopg.Error]
Rows = list[dict[str, str]]
NAMES = COLUMNS.split(", ")
ROOT = "0" * 64


def unchanged(ledger: AnyConnection, tier: str) -> None:
    row = ledger.execute(
        "select p.tier, (select count(*) from ledger.cold_drops), to_regclass('ledger.' || %s)"
        " is not null from ledger.partitions as p where p.partition_name = %s",
        [MAY, MAY],
    ).fetchone()
    assert row in [("archive", 0, True), ("cold", 1, True), ("cold", 1, False)]
    assert row is not None
    assert row[0] == tier
    assert findings(ledger) == []
    assert complaints(ledger) <= {("restore not finished", f"ledger.{MAY}")}


# --- record_cold_file -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tenants", "count"),
    [
        (None, 0),
        ([], 0),
        ({}, 1),
        ({"acme": None}, 1),
        ({"acme": {"row_count": 1, "ranges": [[0, 0]]}}, 1),
        ({"acme": {"row_count": 2, "ranges": [[0, 0]], "root": ROOT}}, 2),
        ({"acme": {"row_count": 2, "ranges": [[0, 1]], "root": ROOT}}, 3),
        ({"acme": {"row_count": 2, "ranges": [[1, 0]], "root": ROOT}}, 2),
        ({"acme": {"row_count": 2, "ranges": [[0, 0], [1, 1]], "root": ROOT}}, 2),
        ({"acme": {"row_count": 2, "ranges": [[4, 4], [1, 1]], "root": ROOT}}, 2),
        ({"acme": {"row_count": 1, "ranges": [[0.5, 1]], "root": ROOT}}, 1),
        ({"acme": {"row_count": 1, "ranges": [["0", "0"]], "root": ROOT}}, 1),
        ({"acme": {"row_count": 1, "ranges": [[-1, -1]], "root": ROOT}}, 1),
        ({"acme": {"row_count": 1, "ranges": [[10**30, 10**30]], "root": ROOT}}, 1),
        ({"acme": {"row_count": 1, "ranges": [[[0, 0]]], "root": ROOT}}, 1),
        ({"acme": {"row_count": 0, "ranges": [], "root": ROOT}}, 0),
        ({"acme": {"row_count": 1, "ranges": [[0, 0]], "root": ROOT.upper() + "A"}}, 1),
    ],
)
def test_tenants_must_have_their_form(
    operator: AnyConnection, refused: Refused, tenants: Any, count: int
) -> None:
    document = None if tenants is None else json.dumps(tenants)
    refused(operator, "LG009", RECORD, [MAY, "a.parquet", bytes(32), 1, count, document])


@pytest.mark.parametrize(
    ("name", "sha256", "size"),
    [("", bytes(32), 1), (None, bytes(32), 1), ("a", bytes(31), 1), ("a", None, 1), ("a", b"", 1)]
    + [("a", bytes(32), 0), ("a", bytes(32), None)],
)
def test_a_file_needs_name_digest_and_size(
    operator: AnyConnection, refused: Refused, name: Any, sha256: Any, size: Any
) -> None:
    refused(operator, "LG009", RECORD, [MAY, name, sha256, size, 0, "{}"])


def test_a_file_is_recorded_once(
    ledger: AnyConnection, operator: AnyConnection, file: File, refused: Refused
) -> None:
    file.record(operator)
    rows = ledger.execute(
        "select partition_name, file_sha256, row_count, tenants, exported_by from ledger.cold_files"
    ).fetchall()
    assert rows == [(MAY, file.sha256, 614, file.tenants, operator.info.user)]
    told = "select count(*) from ledger.events where event_type = 'ledger.partition_exported'"
    assert ledger.execute(told).fetchone() == (1,)
    other = copy.deepcopy(file)
    other.tenants["acme"]["root"] = ROOT
    refused(operator, "LG009", other.record)
    assert operator.execute("select count(*) from ledger.cold_files").fetchone() == (1,)


def test_only_archived_partitions(
    operator: AnyConnection, cold: File, refused: Refused, ledger: AnyConnection
) -> None:
    june = export(operator, JUNE)
    error = refused(operator, "LG009", june.record)
    assert f"partition {JUNE} is hot, not archive" in str(error)
    refused(operator, "LG009", cold.record)
    refused(operator, "LG009", june.drop, checkpoints(ledger))
    refused(operator, "LG009", cold.drop, checkpoints(ledger))
    for function in ("begin", "finish"):
        refused(operator, "LG009", f"select ledger.{function}_restore(%s)", [JUNE])
    refused(operator, "LG009", "select ledger.finish_restore(%s)", [MAY])


@pytest.mark.parametrize(
    "statement",
    [
        f"select ledger.record_cold_file('{MAY}', 'a', sha256(''), 1, 0, '{{}}')",
        f"select ledger.drop_cold('{MAY}', sha256(''), '{{}}', '{{}}')",
        f"select ledger.begin_restore('{MAY}')",
        f"select ledger.finish_restore('{MAY}')",
    ],
)
def test_for_operators_of_all_tenants(
    ledger: AnyConnection,  # noqa: ARG001
    connect: Connect,
    login_role: Any,
    refused: Refused,
    statement: str,
) -> None:
    some = connect(user=login_role("operator", {"acme": ["operate", "read"]}))
    refused(some, "LG005", statement)
    reader = connect(user=login_role("reader", {"*": ["read", "write", "audit"]}))
    refused(reader, "42501", statement)


def test_parts_are_not_for_operators(operator: AnyConnection, refused: Refused) -> None:
    for statement in (
        f"select ledger.permit_drop('{MAY}', '', '{{}}', '{{}}')",
        f"select ledger.require_restored('{MAY}')",
        "select ledger_guard.admit_restored('ledger.agent_events')",
        "insert into ledger.cold_drops select * from ledger.cold_drops",
        "insert into ledger.cold_files select * from ledger.cold_files",
        "delete from ledger.cold_drops",
    ):
        refused(operator, "42501", statement)


# --- drop_cold ------------------------------------------------------------------------------------


def without_globex(tenants: Any) -> None:
    tenants["acme"]["row_count"] += tenants.pop("globex")["row_count"]
    tenants["acme"]["ranges"] = [[0, 613]]


def shifted(tenants: Any) -> None:
    tenants["acme"]["ranges"] = [[1, 600]]


def other_root(tenants: Any) -> None:
    tenants["globex"]["root"] = ROOT


def other_tenant(tenants: Any) -> None:
    tenants["initech"] = tenants.pop("globex")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (without_globex, "tenant acme: row_count is 614, the partition has 600"),
        (shifted, "tenant acme: ranges are [[1, 600]], those of the partition [[0, 599]]"),
        (other_root, f"tenant globex: root is {ROOT}, that of the log"),
        (other_tenant, "tenant globex: the file has none of its 14 events"),
    ],
)
def test_the_file_must_hold_what_the_partition_holds(
    ledger: AnyConnection, operator: AnyConnection, refused: Refused, change: Any, says: str
) -> None:
    """Even where the record of the file says the same as who drops."""
    file = export(operator, MAY)
    change(file.tenants)
    file.record(operator)
    error = refused(operator, "LG010", file.drop, checkpoints(ledger))
    assert says in str(error)
    unchanged(ledger, "archive")


def test_another_row_count_than_recorded(
    ledger: AnyConnection, operator: AnyConnection, file: File, refused: Refused
) -> None:
    del file.tenants["globex"]
    refused(operator, "LG009", file.drop, checkpoints(ledger))
    unchanged(ledger, "archive")


def test_an_unknown_file(
    ledger: AnyConnection, operator: AnyConnection, file: File, refused: Refused
) -> None:
    for sha256 in (bytes(32), None):
        arguments = [MAY, sha256, json.dumps(file.tenants), checkpoints(ledger)]
        error = refused(operator, "LG009", DROP, arguments)
        assert "is on record" in str(error)
    unchanged(ledger, "archive")


def test_checkpoints_must_cover_every_tenant(
    ledger: AnyConnection, operator: AnyConnection, file: File, refused: Refused
) -> None:
    def covering(tenant: str, size: int | None = None) -> str:
        row = ledger.execute(
            "select ledger.checkpoint(tenant_id => %s, tree_size => %s)", [tenant, size]
        ).fetchone()
        assert row is not None
        return str(row[0])

    acme, globex = covering("acme"), covering("globex")
    origin, size, root, _ = acme.split("\n")
    for notes, says in [
        ([], "There is none."),
        ([globex], "There is none."),
        ([acme], "There is none."),
        ([covering("acme", 599), globex], "There is one of the first 599 events."),
        ([f"{origin}\n{size}\n{'A' * 43}=\n", globex], "of another log than this"),
        ([f"{origin}\n100000\n{root}\n", globex], "of another log than this"),
        ([f"{origin}\n0x3\n{root}\n", globex], "without a tree size"),
        ([f"{origin}\n", globex], "without a tree size"),
        (["", "\n\n\n", "acme", globex], "There is none."),
        ([f"acme\n{size}\n{root}\n", globex], "There is none."),
    ]:
        error = refused(operator, "LG010", file.drop, notes)
        assert says in (error.diag.message_detail or ""), (notes, error)
    unchanged(ledger, "archive")
    file.drop(operator, [covering("acme", 599), covering("acme", 600), globex, "rubbish"])


def test_the_name_of_the_ledger_counts_where_it_has_one(
    ledger: AnyConnection, operator: AnyConnection, file: File, refused: Refused
) -> None:
    notes = checkpoints(ledger)
    operator.execute("set ledger.name = 'example.com/ledger'")
    error = refused(operator, "LG010", file.drop, notes)
    assert f"There is one of {ledger.info.dbname}/acme." in (error.diag.message_detail or "")
    ledger.execute("set ledger.name = 'example.com/ledger'")
    file.drop(operator, checkpoints(ledger))


@pytest.mark.parametrize("target", [f"ledger.{MAY}", "ledger.agent_events_archive"])
def test_a_reader_is_not_waited_for(
    ledger: AnyConnection,
    operator: AnyConnection,
    file: File,
    connect: Connect,
    refused: Refused,
    target: str,
) -> None:
    reader = connect(autocommit=False)
    reader.execute(f"select count(*) from {target}")
    refused(operator, "55P03", file.drop, checkpoints(ledger))
    unchanged(ledger, "archive")
    reader.rollback()
    file.drop(operator, checkpoints(ledger))


def test_two_drops_at_once(
    ledger: AnyConnection, operator: AnyConnection, file: File, connect: Connect, refused: Refused
) -> None:
    first = connect(autocommit=False)
    file.drop(first, checkpoints(ledger))
    refused(operator, "55P03", file.drop, checkpoints(ledger))
    first.commit()
    refused(operator, "LG009", file.drop, checkpoints(ledger))


# --- finish_restore -------------------------------------------------------------------------------


def forged(rows: Rows) -> None:
    rows[5]["payload"] = '{"n": 9999}'


def forged_with_its_hash(rows: Rows) -> None:
    """The same event twice under one id: sound in itself, but not what was sealed."""
    rows[5] = dict(rows[8], id=rows[5]["id"], created_at=rows[5]["created_at"])


def swapped_hash(rows: Rows) -> None:
    rows[5]["hash"], rows[6]["hash"] = rows[6]["hash"], rows[5]["hash"]


def without_one(rows: Rows) -> None:
    del rows[17]


def without_last(rows: Rows) -> None:
    rows.pop()


def without_any(rows: Rows) -> None:
    rows.clear()


def twice(rows: Rows) -> None:
    rows.append(rows[3])


def one_for_another(rows: Rows) -> None:
    rows[3] = rows[4]


def of_another_tenant(rows: Rows) -> None:
    rows[3]["tenant_id"] = "initech"


def of_the_other_tenant(rows: Rows) -> None:
    rows[3]["tenant_id"] = "globex"


def at_another_time(rows: Rows) -> None:
    rows[3]["created_at"] = "2021-05-10 00:00:00.5+00"


def unsealed(rows: Rows) -> None:
    rows.append(dict(rows[3], id="01795392-cc00-7004-b0a9-a5554f704261", hash="\\x" + ROOT))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (forged, "was changed: hash is not the hash of its fields"),
        (forged_with_its_hash, "was changed: hash is not the hash of its fields"),
        (swapped_hash, "was changed"),
        (without_one, "of position 17 is missing"),
        (without_last, "tenant globex: event"),
        (without_any, "of position 0 is missing"),
        (twice, "is duplicated"),
        (one_for_another, "could not create unique index"),
        (of_another_tenant, "there were no events of tenant initech"),
        (of_the_other_tenant, "of position 3 is missing"),
        (at_another_time, "was changed"),
        (unsealed, "was not in this partition when it was dropped"),
    ],
)
@pytest.mark.parametrize("is_superuser", [False, True])
def test_what_is_restored_must_be_what_was_dropped(
    ledger: AnyConnection,
    operator: AnyConnection,
    cold: File,
    refused: Refused,
    change: Any,
    says: str,
    is_superuser: bool,
) -> None:
    rows = list(csv.DictReader(io.StringIO(cold.rows.decode()), NAMES))
    assert datetime.fromisoformat(rows[0]["created_at"]).year == 2021
    change(rows)
    text = io.StringIO()
    # NULL is an unquoted empty text
    csv.DictWriter(text, NAMES).writerows(rows)
    cold.copy(operator, text.getvalue().encode())
    error = refused(
        ledger if is_superuser else operator, "LG010", "select ledger.finish_restore(%s)", [MAY]
    )
    assert says in str(error)
    unchanged(ledger, "cold")
    assert cold.restore(operator) == cold.row_count
    unchanged_again = findings(ledger)
    assert unchanged_again == []


def test_a_sound_event_of_another_partition(
    ledger: AnyConnection, operator: AnyConnection, cold: File, refused: Refused
) -> None:
    """It is in the log, its hash is right, its time fits: but it was not in the partition."""
    emit_at(ledger, "2021-06-30 23:00Z", batch(1), "acme")
    ledger.execute("select ledger.seal('acme')")
    archive(ledger, JUNE)
    june = export(operator, JUNE)
    june.record(operator)
    june.drop(operator, checkpoints(ledger))
    refused(operator, "23514", cold.copy, june.rows)
    with unguarded(ledger, tables=False):
        ledger.execute(f"alter table ledger.{MAY} drop constraint ledger_bounds")
    cold.copy(operator, june.rows)
    error = refused(operator, "LG010", "select ledger.finish_restore(%s)", [MAY])
    assert "partition constraint" in str(error)
    assert "The first is event" in (error.diag.message_detail or "")
    assert cold.restore(operator) == cold.row_count
    assert june.restore(operator) == june.row_count


def test_transaction_ids_are_left_out(
    operator: AnyConnection, cold: File, refused: Refused, ledger: AnyConnection
) -> None:
    cold.copy(operator)
    ledger.execute(f"update ledger.{MAY} set xact_id = '5'")
    error = refused(operator, "LG010", "select ledger.finish_restore(%s)", [MAY])
    assert "has a transaction id" in str(error)
