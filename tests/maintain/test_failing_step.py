"""A step that fails is recorded, stops only what builds on it, and the call ends with its error."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from archive.history import check_manifest, findings, since_noon, start_of_day, tiers
from log.consistency import Row
from log.emitting import seal_all
from maintain.steps import failures, fill_days, plan, set_retention, steps
from problems import problems
from verifying.tampering import unguarded

AnyConnection = psycopg.Connection[Any]
Connect = Callable[..., AnyConnection]
Refused = Callable[..., psycopg.Error]


def forge_unsealed(connection: AnyConnection, days_ago: int) -> None:
    """A row that sealing passes over: its transaction was over when all was sealed."""
    seal_all(connection)
    connection.execute("set role ledger_append")
    connection.execute(
        """
        insert into ledger.agent_events (
          tenant_id, id, created_at, run_id, trace_id, correlation_id, event_type, schema_version,
          payload, hash, xact_id
        )
        select
          'acme', ledger.event_id(t.at, gen_random_uuid()), t.at, repeat('0', 32)::uuid,
          gen_random_uuid(), gen_random_uuid(), 'test.happened', 1, '{}', sha256('x'), '3'
        from (select %s::timestamptz as at) as t
        """,
        [start_of_day(days_ago)],
    )
    connection.execute("reset role")


def failing(connection: AnyConnection) -> list[str]:
    """What doctor() says is failing."""
    query = "select object from ledger.doctor() where kind = 'maintenance failing' order by 1"
    return [row[0] for row in connection.execute(query).fetchall()]


def test_an_unsealed_event_stops_its_partition_only(
    ledger: AnyConnection, refused: Refused
) -> None:
    first, bad, last = fill_days(ledger, [42, 41, 40])
    forge_unsealed(ledger, 41)
    set_retention(ledger, hot_for="7 days")

    error = refused(ledger, "55000", "call ledger.maintain()")

    assert error.diag.message_primary == "1 of the steps of maintenance failed"
    message = f"1 events of {bad} are not sealed"
    assert error.diag.message_detail == f"prepare archive {bad}: 55000 {message}"
    assert "The other steps are done" in str(error.diag.message_hint)
    assert "ledger.seal_all()" in str(error.diag.message_hint)
    assert tiers(ledger) == {first: "archive", bad: "hot", last: "archive"}
    assert failures(ledger) == [("prepare archive", bad, "55000")]
    assert [step["step"] for step in steps(ledger) if step["object"] == bad] == [
        "add bounds",
        "validate bounds",
        "prepare archive",
    ]
    (failed,) = (step["error"] for step in steps(ledger) if step["error"])
    assert failed["message"] == message
    assert failed["detail"] == "Only what has its position in the log may leave agent_events."
    assert "ledger.seal_all()" in failed["hint"]
    assert failing(ledger) == [f"prepare archive {bad}"]
    assert ("prepare archive", bad) in plan(ledger)
    check_manifest(ledger)


def test_doctor_says_so_until_it_is_mended(
    ledger: AnyConnection, connect: Connect, refused: Refused
) -> None:
    """A reader is in the way of one partition, until it is not."""
    one, bad = fill_days(ledger, [42, 41])
    set_retention(ledger, hot_for="7 days")
    reader = connect(autocommit=False)
    reader.execute(f"select count(*) from ledger.{bad}")  # type: ignore[arg-type]
    for _ in range(2):
        refused(ledger, "55P03", "call ledger.maintain(max_wait => '0')")
        assert failing(ledger) == [f"add bounds {bad}"]
        assert tiers(ledger) == {one: "archive", bad: "hot"}
    reader.rollback()
    ledger.execute("call ledger.maintain()")
    assert failing(ledger) == []
    assert problems(ledger) == []
    assert set(tiers(ledger).values()) == {"archive"}


def test_an_assertion_fails_only_its_step(ledger: AnyConnection, refused: Refused) -> None:
    """PL/pgSQL's WHEN OTHERS passes ASSERT_FAILURE over."""
    fill_days(ledger, [1])
    seal_all(ledger)
    with unguarded(ledger, tables=False):
        ledger.execute(
            "create or replace function ledger.make_snapshots(max_events int default 20000)"
            " returns boolean language plpgsql as $$ begin assert false, 'a bug'; end $$"
        )
    refused(ledger, "P0004", "call ledger.maintain()")
    assert failures(ledger) == [("snapshot", None, "P0004")]


def test_what_is_no_longer_due_is_no_longer_failing(
    ledger: AnyConnection, refused: Refused
) -> None:
    (bad,) = fill_days(ledger, [41])
    forge_unsealed(ledger, 41)
    set_retention(ledger, hot_for="7 days")
    refused(ledger, "55000", "call ledger.maintain()")
    assert failing(ledger) == [f"prepare archive {bad}"]
    set_retention(ledger, hot_for="7 years")
    assert failing(ledger) == []


def test_a_tablespace_that_went_away(ledger: AnyConnection, refused: Refused) -> None:
    tablespace = f"gone_{secrets.token_hex(4)}"
    ledger.execute("set allow_in_place_tablespaces = on")
    ledger.execute(f"create tablespace {tablespace} location ''")  # type: ignore[arg-type]
    one, other, late = fill_days(ledger, [43, 42, 41])
    set_retention(ledger, hot_for=since_noon(41), archive_tablespace=tablespace)
    ledger.execute(f"drop tablespace {tablespace}")  # type: ignore[arg-type]
    ledger.execute("call ledger.maintain()")
    assert list(tiers(ledger).values()) == ["archive", "archive", "hot"]
    set_retention_of(ledger, tablespace, since_noon(40))

    error = refused(ledger, "42704", "call ledger.maintain()")

    assert error.diag.message_primary == "2 of the steps of maintenance failed"
    assert [line.split(":")[0] for line in str(error.diag.message_detail).split("\n")] == [
        f"relocate {one}",
        f"relocate {other}",
    ]
    assert failures(ledger) == [("relocate", one, "42704"), ("relocate", other, "42704")]
    assert tiers(ledger)[late] == "archive", "the other steps are done"
    assert failing(ledger) == [f"relocate {one}", f"relocate {other}"]
    check_manifest(ledger)

    set_retention(ledger, hot_for=since_noon(40))
    ledger.execute("call ledger.maintain()")
    assert problems(ledger) == []
    seal_all(ledger)
    assert findings(ledger, "acme", "ledger") == []


def set_retention_of(connection: AnyConnection, tablespace: str, hot_for: timedelta) -> None:
    """A policy that set_retention() would refuse, as it was before the tablespace went away."""
    connection.execute(
        "update ledger.retention_policy set hot_for = %s, archive_tablespace = %s",
        [hot_for, tablespace],
    )


def test_a_step_that_fails_leaves_nothing_of_itself(
    ledger: AnyConnection, connect: Connect, refused: Refused
) -> None:
    (name,) = fill_days(ledger, [41])
    set_retention(ledger, hot_for="7 days")
    before = partition(ledger, name)
    reader = connect(autocommit=False)
    reader.execute("lock table only ledger.agent_events in access share mode")
    refused(ledger, "55P03", "call ledger.maintain(max_wait => '0')")
    assert failures(ledger) == [("archive", name, "55P03")]
    after = partition(ledger, name)
    assert (after["tier"], after["moved_at"]) == (before["tier"], before["moved_at"])
    moved = "select count(*) from ledger.events where event_type like 'ledger.partition%'"
    assert ledger.execute(moved).fetchone() == (0,)
    reader.rollback()
    ledger.execute("call ledger.maintain()")
    assert tiers(ledger)[name] == "archive"


def partition(connection: AnyConnection, name: str) -> Row:
    query = "select to_jsonb(p) from ledger.partitions as p where partition_name = %s"
    (row,) = connection.execute(query, [name]).fetchone() or ({},)
    assert isinstance(row, dict)
    return row


@pytest.mark.parametrize("max_wait", ["0", "1 second"])
def test_locks_are_tried_for_as_long_as_was_said(
    ledger: AnyConnection, connect: Connect, refused: Refused, max_wait: str
) -> None:
    (name,) = fill_days(ledger, [41])
    reader = connect(autocommit=False)
    reader.execute("lock table only ledger.agent_events in access share mode")
    refused(ledger, "55P03", "call ledger.archive_partition(%s, %s)", [name, max_wait])
    last = steps(ledger)[-1]
    assert last["step"] == "archive"
    assert (last["attempts"] == 1) == (max_wait == "0")
    took = (last["finished_at"] - last["started_at"]).total_seconds()
    assert took > 1 or max_wait == "0"
