"""Who owns the tables cannot drop, hide or forge a partition by way of drops and restores."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from cold.partitions import (
    JUNE,
    MAY,
    File,
    batch,
    checkpoints,
    complaints,
    emit_at,
    findings,
)
from verifying.tampering import flip, unguarded

from agent_events.verifying import verify

AnyConnection = psycopg.Connection[Any]
Refused = Callable[..., psycopg.Error]

WINDOW = "select ledger_guard.open_window('partition')"
PERMIT = "select ledger.permit_drop(%s, %s, %s, %s)"
DETACH = f"alter table ledger.agent_events_archive detach partition ledger.{MAY}"
BOUNDS = "for values from ('2021-05-01Z') to ('2021-06-01Z')"


@pytest.fixture
def permitted(ledger: AnyConnection, owner: AnyConnection, file: File) -> AnyConnection:
    """An owner's transaction in which May may be dropped, and nothing is dropped yet."""
    owner.autocommit = False
    arguments = [MAY, file.sha256, json.dumps(file.tenants), checkpoints(ledger)]
    owner.execute(PERMIT, arguments)
    owner.execute(WINDOW)
    return owner


def drop_event_triggers(ledger: AnyConnection) -> None:
    names = ledger.execute("select evtname from pg_event_trigger where evtname like 'ledger%'")
    for (name,) in names.fetchall():
        ledger.execute(f"drop event trigger {name}")


def test_owner_cannot_drop_without_a_permit(
    owner: AnyConnection, file: File, refused: Refused
) -> None:
    assert file.partition == MAY
    owner.autocommit = False
    owner.execute(WINDOW)
    refused(owner, "LG001", f"drop table ledger.{MAY}")
    owner.execute(WINDOW)
    owner.execute(f"alter table ledger.agent_events_archive detach partition ledger.{MAY}")
    refused(owner, "LG001", f"drop table ledger.{MAY}")


def test_owner_cannot_write_a_permit(owner: AnyConnection, refused: Refused) -> None:
    for table in ("cold_drops", "cold_files", "cold_ranges"):
        refused(owner, "LG001", f"insert into ledger.{table} select * from ledger.{table}")
        refused(owner, "LG001", f"update ledger.{table} set partition_name = partition_name")
        refused(owner, "LG001", f"delete from ledger.{table}")
        refused(owner, "LG001", f"truncate ledger.{table}")


@pytest.mark.parametrize(
    "statement",
    [
        "drop table ledger.agent_events_p20210601",
        "drop table ledger.outbox_p20210501",
        f"drop table ledger.{MAY}, ledger.{JUNE}",
        f"drop table ledger.{MAY} cascade; drop table ledger.{JUNE}",
        "drop table ledger.agent_events_archive cascade",
        f"drop trigger ledger_guard_partition on ledger.{MAY}",
        "drop owned by ledger_owner cascade",
        f"alter table ledger.{MAY} disable trigger all",
    ],
)
def test_a_permit_is_for_one_table(
    permitted: AnyConnection, refused: Refused, statement: str
) -> None:
    refused(permitted, "LG001", statement)


@pytest.mark.parametrize(
    "statement",
    [
        DETACH,
        f"{DETACH}; alter table ledger.{MAY} rename to hidden",
    ],
)
def test_a_permit_is_to_drop_and_nothing_else(
    permitted: AnyConnection, refused: Refused, statement: str
) -> None:
    permitted.execute(statement)  # type: ignore[arg-type]
    refused(permitted, "LG001", "commit")


def test_a_permit_ends_with_its_transaction(
    permitted: AnyConnection, ledger: AnyConnection, refused: Refused
) -> None:
    """What is left of it, doctor reports."""
    permitted.commit()
    permitted.execute(WINDOW)
    refused(permitted, "LG001", f"drop table ledger.{MAY}")
    assert complaints(ledger) == {("drop not done", MAY)}
    ledger.execute("select * from ledger.seal_all()")
    assert findings(ledger) == []


def test_a_drop_is_written_down(ledger: AnyConnection, cold: File) -> None:
    commands = ledger.execute(
        "select command_tag, object from ledger_guard.maintenance_commands"
        " where command_tag like 'DROP%'"
    ).fetchall()
    assert commands == [("DROP TABLE", f"ledger.{cold.partition}")]


def test_views_of_others_do_not_go_with_it(
    ledger: AnyConnection, operator: AnyConnection, file: File, refused: Refused
) -> None:
    ledger.execute(f"create view public.may as select id from ledger.{MAY}")
    refused(operator, "2BP01", file.drop, checkpoints(ledger))
    ledger.execute("drop view public.may")
    file.drop(operator, checkpoints(ledger))


@pytest.fixture
def staged(owner: AnyConnection, operator: AnyConnection, cold: File) -> AnyConnection:
    """An owner's transaction after the events were copied back."""
    cold.copy(operator)
    owner.autocommit = False
    owner.execute(WINDOW)
    return owner


def attach(parent: str = "agent_events_archive", bounds: str = BOUNDS) -> str:
    return f"alter table ledger.{parent} attach partition ledger.{MAY} {bounds}"


def test_owner_can_attach_what_is_right(staged: AnyConnection, ledger: AnyConnection) -> None:
    """Attaching is when the events are looked at, whoever does it."""
    staged.execute(f"select ledger.protect_table('ledger.{MAY}')")
    staged.execute(attach())  # type: ignore[arg-type]
    staged.execute("update ledger.partitions set tier = 'archive' where tier = 'cold'")
    staged.commit()
    assert findings(ledger) == []
    assert ("dropped without record", MAY) not in complaints(ledger)


@pytest.mark.parametrize(
    ("cheat", "sqlstate"),
    [
        (f"update ledger.{MAY} set payload = '{{}}' where aggregate_id = '1'", "LG010"),
        (f"delete from ledger.{MAY} where aggregate_id = '1'", "LG010"),
        (f"truncate ledger.{MAY}", "LG010"),
        ("update ledger.partitions set tier = 'archive' where tier = 'cold'", "LG001"),
        ("update ledger.partitions set tier = 'hot' where tier = 'cold'", "LG001"),
    ],
)
def test_owner_cannot_attach_what_is_not(
    staged: AnyConnection, refused: Refused, cheat: str, sqlstate: str
) -> None:
    staged.execute(cheat)  # type: ignore[arg-type]
    staged.execute(f"select ledger.protect_table('ledger.{MAY}')")
    refused(staged, sqlstate, attach())


@pytest.mark.parametrize(
    ("parent", "bounds"),
    [
        ("agent_events", BOUNDS),
        ("agent_events_archive", "for values from ('2021-04-01Z') to ('2021-06-01Z')"),
        ("agent_events_archive", "default"),
    ],
)
def test_owner_cannot_attach_it_elsewhere(
    staged: AnyConnection, refused: Refused, parent: str, bounds: str
) -> None:
    staged.execute(f"select ledger.protect_table('ledger.{MAY}')")
    refused(staged, "LG001", attach(parent, bounds))


def test_owner_cannot_attach_another_table_in_its_place(
    staged: AnyConnection, refused: Refused
) -> None:
    staged.execute("create table ledger.other (like ledger.agent_events_archive)")
    staged.execute(f"insert into ledger.other select * from ledger.{MAY}")
    staged.execute("select ledger.protect_table('ledger.other')")
    refused(staged, "LG001", attach().replace(f"ledger.{MAY}", "ledger.other"))


@pytest.mark.parametrize(
    "statement",
    [
        f"update ledger.{MAY} set payload = '{{}}'",
        f"alter table ledger.{MAY} disable trigger all",
        f"{DETACH}; alter table ledger.{MAY} disable trigger all",
        f"drop table ledger.{MAY}",
    ],
)
def test_owner_cannot_change_it_once_it_is_back(
    staged: AnyConnection, refused: Refused, statement: str
) -> None:
    """Not in the transaction that brings it back, either."""
    staged.execute("select ledger.finish_restore(%s)", [MAY])
    refused(staged, "LG001", statement)


def test_operators_cannot_insert_once_it_is_back(
    operator: AnyConnection, cold: File, refused: Refused
) -> None:
    cold.restore(operator)
    refused(operator, "42501", f"insert into ledger.{MAY} table ledger.agent_events_archive")


def test_a_trigger_on_the_table_does_not_come_in(
    staged: AnyConnection, ledger: AnyConnection, refused: Refused
) -> None:
    staged.execute(
        f"create trigger mine before insert on ledger.{MAY} for each row"
        " execute function suppress_redundant_updates_trigger()"
    )
    refused(staged, "LG001", "select ledger.finish_restore(%s)", [MAY])
    assert findings(ledger) == []


def test_doctor_reports_a_drop_without_record(
    ledger: AnyConnection, operator: AnyConnection, file: File, owner: AnyConnection
) -> None:
    """Without event triggers an owner can drop a table and say that it is cold."""
    drop_event_triggers(ledger)
    owner.execute(f"drop table ledger.{MAY}")
    assert ("partition astray", MAY) in complaints(ledger)
    owner.execute(f"update ledger.partitions set tier = 'cold' where partition_name = '{MAY}'")
    assert complaints(ledger) == {("dropped without record", MAY)}
    assert {finding[1] for finding in findings(ledger)} == {"missing event", "broken stream"}
    assert file.row_count == 614
    assert operator.execute("select * from ledger.cold_drops").fetchall() == []


def test_doctor_reports_a_drop_after_a_restore(
    ledger: AnyConnection, operator: AnyConnection, cold: File, owner: AnyConnection
) -> None:
    cold.restore(operator)
    drop_event_triggers(ledger)
    owner.execute(f"drop table ledger.{MAY}")
    owner.execute(f"update ledger.partitions set tier = 'cold' where partition_name = '{MAY}'")
    assert complaints(ledger) == {("dropped without record", MAY)}


def test_doctor_reports_a_drop_whose_event_is_gone(ledger: AnyConnection, cold: File) -> None:
    assert cold.partition == MAY
    with unguarded(ledger):
        ledger.execute("delete from ledger.agent_events where event_type like 'ledger.%'")
    assert ("dropped without record", MAY) in complaints(ledger)


def test_what_is_not_cold_is_missed_as_ever(
    ledger: AnyConnection,
    cold: File,
    dsn: str,
    server_version: int,  # noqa: ARG001
) -> None:
    """Of the events after the cold ones two are deleted, one the last of its stream."""
    with unguarded(ledger):
        ledger.execute(
            "delete from ledger.agent_events as e using ledger.log_entries as l"
            " where l.tenant_id = 'acme' and l.event_id = e.id and l.position in (700, 899)"
        )
    assert cold.tenants["acme"]["ranges"] == [[0, 599]]
    found = {(kind, position) for _, kind, _, position, *_ in findings(ledger)}
    assert {("missing event", 700), ("missing event", 899)} <= found
    report = verify(dsn)
    missing = [f.position for f in report.findings if f.kind == "missing event"]
    assert missing == [700, 899]
    assert {t.tenant_id: t.cold for t in report.tenants}["acme"] == 600


def test_leaves_of_cold_events_are_looked_at(ledger: AnyConnection, cold: File, dsn: str) -> None:
    """Changed tiles and entries under a cold partition are found as before."""
    assert cold.row_count == 614
    with unguarded(ledger):
        ledger.execute(
            f"update ledger.log_tiles set hashes = {flip('hashes', 32)}"
            " where tenant_id = 'acme' and level = 0 and tile_index = 1"
        )
        ledger.execute("delete from ledger.log_entries where tenant_id = 'acme' and position = 7")
    kinds = {(kind, position) for _, kind, _, position, *_ in findings(ledger)}
    assert {("changed tile", 256), ("missing entry", 7)} <= kinds
    kinds = {(finding.kind, finding.position) for finding in verify(dsn).findings}
    assert ("missing entry", 7) in kinds
    assert "changed tile" in {kind for kind, _ in kinds}


def test_a_stream_goes_on_from_a_cold_event(ledger: AnyConnection, cold: File, dsn: str) -> None:
    """Who rewrites what came after cannot make up what was before."""
    assert cold.partition == MAY
    emit_at(ledger, "2021-06-20Z", batch(1, first=1), "acme")
    with unguarded(ledger):
        ledger.execute(
            """
            update ledger.agent_events as e set
              prev_hash = sha256('made up'),
              hash = ledger.event_hash(ledger.event_entry(
                tenant_id, id, created_at, run_id, trace_id, correlation_id, causation_id,
                event_type, schema_version, payload::text, deal_id, action_id, aggregate_type,
                aggregate_id, sequence, actor_type, actor_id, outcome, proof, metadata,
                occurred_at, private_hash
              ), sha256('made up'))
            where created_at > '2021-06-20Z' and created_at < '2021-06-21Z'
            """
        )
        ledger.execute(
            "delete from ledger.agent_events as e using ledger.log_entries as l"
            " where l.event_id = e.id and l.tenant_id = 'acme' and l.position between 600 and 899"
        )
    ledger.execute("select ledger.seal('acme')")
    broken = [f for f in verify(dsn).findings if f.kind == "broken stream"]
    assert any("which is in no cold file" in finding.detail for finding in broken)


def test_a_partition_that_is_only_said_to_be_cold(
    ledger: AnyConnection, operator: AnyConnection, file: File, dsn: str
) -> None:
    """Neither the manifest nor a recorded file makes events missing without a drop."""
    assert operator.execute("select count(*) from ledger.cold_files").fetchone() == (1,)
    with unguarded(ledger):
        ledger.execute(f"drop table ledger.{MAY}")
        ledger.execute("update ledger.partitions set tier = 'cold' where tier = 'archive'")
    assert file.tenants["acme"]["row_count"] == 600
    missing = [f for f in findings(ledger) if f[1] == "missing event"]
    assert len(missing) == 614
    assert "missing event" in {finding.kind for finding in verify(dsn).findings}
    archive_tier = "select tier from ledger.partitions where partition_name = %s"
    assert ledger.execute(archive_tier, [MAY]).fetchone() == ("cold",)
