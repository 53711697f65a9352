"""A partition moves as it is, as a change of the catalog; what may not move stays where it was."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from archive.history import (
    check_manifest,
    findings,
    moves,
    partition_of,
    start_of_day,
    tiers,
)
from log.consistency import rows
from log.emitting import emit, seal_all
from problems import problems
from psycopg.types.json import Jsonb

AnyConnection = psycopg.Connection[Any]
Connect = Callable[..., AnyConnection]
Refused = Callable[..., psycopg.Error]

STORED = """
    select c.relname::text, c.oid, pg_relation_filenode(c.oid), p.relname::text as parent
    from pg_class as c
    left join pg_inherits as i on i.inhrelid = c.oid
    left join pg_class as p on p.oid = i.inhparent
    where c.oid = to_regclass('ledger.' || %(name)s)
      or c.oid in (
        select indexrelid from pg_index where indrelid = to_regclass('ledger.' || %(name)s)
      )
      or c.oid = (select reltoastrelid from pg_class where oid = to_regclass('ledger.' || %(name)s))
    order by c.relname
"""


def stored(connection: AnyConnection, name: str) -> list[tuple[Any, ...]]:
    return connection.execute(STORED, {"name": name}).fetchall()


@pytest.fixture
def debugged(ledger: AnyConnection) -> Callable[[str], list[str]]:
    """`debugged(statement)`: the server's messages about it, DEBUG1 and up."""

    def run(statement: str) -> list[str]:
        messages: list[str] = []

        def keep(diagnostic: psycopg.errors.Diagnostic) -> None:
            messages.append(str(diagnostic.message_primary))

        ledger.add_notice_handler(keep)
        ledger.execute("set client_min_messages = debug1")
        ledger.execute(statement)  # type: ignore[arg-type]
        ledger.execute("reset client_min_messages")
        ledger.remove_notice_handler(keep)
        return messages

    return run


@pytest.mark.parametrize("command", ["archive_partition", "restore_partition"])
def test_tables_and_indexes_are_reused(
    ledger: AnyConnection, name: str, debugged: Callable[[str], list[str]], command: str
) -> None:
    if command == "restore_partition":
        ledger.execute("call ledger.archive_partition(%s)", [name])
    before = stored(ledger, name)
    assert len(before) == 9, "the table, its TOAST, seven indexes"

    messages = debugged(f"call ledger.{command}('{name}')")

    after = stored(ledger, name)
    assert [row[:3] for row in after] == [row[:3] for row in before]
    is_archived = command == "archive_partition"
    assert {row[3] for row in after if row[3]} == {
        row[3].replace("agent_events", "agent_events_archive")
        if is_archived
        else row[3].replace("agent_events_archive", "agent_events")
        for row in before
        if row[3]
    }
    assert f'partition constraint for table "{name}" is implied by existing constraints' in messages
    verified = [message for message in messages if message == f'verifying table "{name}"']
    assert len(verified) == is_archived, "to validate the CHECK, not to attach"
    assert not [message for message in messages if "building index" in message]


def test_move_reads_no_row(ledger: AnyConnection, name: str) -> None:
    seal_all(ledger)
    for step in ("add_bounds", "validate_bounds", "prepare_archive"):
        ledger.execute(f"select ledger.{step}(%s)", [name])
    read = "select pg_stat_get_xact_tuples_returned(to_regclass('ledger.' || %s))"
    with ledger.transaction():
        before = ledger.execute(read, [name]).fetchone()
        ledger.execute("select ledger.move_partition(%s, 'archive')", [name])
        assert ledger.execute(read, [name]).fetchone() == before
    assert tiers(ledger)[name] == "archive"


def test_what_happened_is_an_event(ledger: AnyConnection, name: str) -> None:
    ledger.execute("set timezone = 'Pacific/Kiritimati'")
    ledger.execute("call ledger.archive_partition(%s)", [name])
    ledger.execute("call ledger.restore_partition(%s)", [name])
    assert moves(ledger) == [
        ("ledger.partition_archived", name),
        ("ledger.partition_restored", name),
    ]
    archived, restored = rows(
        ledger,
        """
        select e.payload, e.aggregate_type, e.sequence, session_user::text as caller
        from ledger.events as e where e.tenant_id = 'ledger' and e.aggregate_id = %s
        order by e.sequence
        """,
        name,
    )
    from_time, to_time = (f"{start_of_day(days):%Y-%m-%dT%H:%M:%S}Z" for days in (40, 39))
    common = {
        "partition_name": name,
        "parent_name": "agent_events",
        "from_time": from_time,
        "to_time": to_time,
        "row_count": 60,
    }
    assert archived["payload"] == common | {
        "old_tier": "hot",
        "new_tier": "archive",
        "archived_by": archived["caller"],
    }
    assert restored["payload"] == common | {
        "old_tier": "archive",
        "new_tier": "hot",
        "restored_by": archived["caller"],
    }
    assert (archived["aggregate_type"], archived["sequence"]) == ("partition", 1)


def test_again_does_nothing(ledger: AnyConnection, name: str) -> None:
    for _ in range(2):
        ledger.execute("call ledger.archive_partition(%s)", [name])
    assert len(moves(ledger)) == 1
    for _ in range(2):
        ledger.execute("call ledger.restore_partition(%s)", [name])
    assert len(moves(ledger)) == 2
    check_manifest(ledger)


def test_there_and_back_and_there(ledger: AnyConnection, name: str) -> None:
    for command in ("archive", "restore", "archive"):
        ledger.execute(f"call ledger.{command}_partition(%s)", [name])
        check_manifest(ledger)
        assert problems(ledger) == []
    seal_all(ledger)
    assert findings(ledger, "acme", "other", "ledger") == []


def test_an_empty_partition_is_archived(ledger: AnyConnection) -> None:
    empty = start_of_day(100)
    ledger.execute("select ledger.ensure_partition(%s)", [empty])
    name = partition_of(ledger, empty)
    ledger.execute("call ledger.archive_partition(%s)", [name])
    assert tiers(ledger)[name] == "archive"
    check_manifest(ledger)
    assert problems(ledger) == []


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


def test_an_event_that_cannot_be_sealed_is_refused(
    ledger: AnyConnection, name: str, refused: Refused
) -> None:
    forge_unsealed(ledger, 40)
    error = refused(ledger, "55000", "call ledger.archive_partition(%s)", [name])
    assert str(error).startswith(f"1 events of {name} are not sealed")
    assert tiers(ledger)[name] == "hot"
    assert moves(ledger) == []
    check_manifest(ledger)


def late_event(connection: AnyConnection, days_ago: int) -> None:
    """An event of a transaction that began long ago."""
    batch = Jsonb([{"event_type": "test.happened"}])
    write = "select ledger.emit_plain_events('acme', %s, %s)"
    connection.execute(write, [batch, start_of_day(days_ago) + timedelta(hours=23)])


@pytest.mark.parametrize("sealed", [True, False], ids=["sealed", "unsealed"])
def test_an_event_that_commits_after_the_count_is_refused(
    ledger: AnyConnection,
    connect: Connect,
    name: str,
    refused: Refused,
    sealed: bool,
) -> None:
    """Its transaction was open while the others were counted; row_count would be wrong, too."""
    for step in ("seal", "add bounds", "validate bounds"):
        ledger.execute("select ledger.maintenance_step(%s, %s)", [step, name])
    emitter = connect(autocommit=False)
    late_event(emitter, 40)
    for step in ("add bounds", "validate bounds", "prepare archive"):
        ledger.execute("select ledger.maintenance_step(%s, %s)", [step, name])
    emitter.commit()
    if sealed:
        seal_all(ledger)
    error = refused(ledger, "55000", "select ledger.maintenance_step('archive', %s)", [name])
    assert str(error).startswith(f"1 events of {name} were committed after")
    assert tiers(ledger)[name] == "hot"
    assert moves(ledger) == []
    check_manifest(ledger)

    ledger.execute("call ledger.archive_partition(%s)", [name])
    assert tiers(ledger)[name] == "archive"
    check_manifest(ledger)


def test_an_event_that_begins_after_the_count_is_refused(
    ledger: AnyConnection, connect: Connect, name: str, refused: Refused
) -> None:
    for step in ("seal", "add bounds", "validate bounds", "prepare archive"):
        ledger.execute("select ledger.maintenance_step(%s, %s)", [step, name])
    late_event(connect(), 40)
    refused(ledger, "55000", "select ledger.maintenance_step('archive', %s)", [name])
    ledger.execute("call ledger.archive_partition(%s)", [name])
    assert tiers(ledger)[name] == "archive"
    check_manifest(ledger)


@pytest.mark.parametrize("level", ["repeatable read", "serializable"])
def test_an_older_snapshot_moves_nothing_that_it_does_not_see(
    ledger: AnyConnection, connect: Connect, name: str, refused: Refused, level: str
) -> None:
    for step in ("seal", "add bounds", "validate bounds", "prepare archive"):
        ledger.execute("select ledger.maintenance_step(%s, %s)", [step, name])
    mover = connect(autocommit=False)
    mover.execute(f"set transaction isolation level {level}")  # type: ignore[arg-type]
    mover.execute("select count(*) from ledger.events")
    late_event(connect(), 40)
    mover.execute("select 1")
    refused(mover, "25000", "select ledger.move_partition(%s, 'archive')", [name])
    assert tiers(ledger)[name] == "hot"


@pytest.mark.parametrize("level", ["repeatable read", "serializable"])
def test_sessions_of_another_isolation_level_may_archive(
    ledger: AnyConnection, connect: Connect, name: str, level: str
) -> None:
    session = connect()
    session.execute("select set_config('default_transaction_isolation', %s, false)", [level])
    assert session.execute("show transaction_isolation").fetchone() == (level,)
    session.execute("call ledger.archive_partition(%s)", [name])
    assert tiers(ledger)[name] == "archive"
    session.execute("call ledger.restore_partition(%s)", [name])
    assert tiers(ledger)[name] == "hot"
    session.execute("call ledger.maintain()")
    check_manifest(ledger)


@pytest.mark.parametrize("days_ahead", [0, 40])
def test_a_partition_that_still_takes_events_is_refused(
    ledger: AnyConnection, refused: Refused, days_ahead: int
) -> None:
    at_time = start_of_day(-days_ahead)
    ledger.execute("select ledger.ensure_partition(%s)", [at_time])
    name = partition_of(ledger, at_time)
    error = refused(ledger, "55000", "call ledger.archive_partition(%s)", [name])
    assert str(error).startswith(f"{name} still takes events")
    for function in ("add_bounds", "validate_bounds", "prepare_archive"):
        refused(ledger, "55000", f"select ledger.{function}(%s)", [name])
    refused(ledger, "55000", "select ledger.move_partition(%s, 'archive')", [name])
    check_manifest(ledger)


@pytest.mark.parametrize(
    "name",
    [
        "nobody",
        "agent_events",
        "outbox",
        "streams",
        "ledger.agent_events_p20200101",
        "'; drop table x; --",
        "",
        None,
    ],
)
@pytest.mark.parametrize("command", ["archive_partition", "restore_partition"])
def test_unknown_names_are_refused(
    ledger: AnyConnection, refused: Refused, command: str, name: str | None
) -> None:
    error = refused(ledger, "LG009", f"call ledger.{command}(%s)", [name])
    assert "is no partition of ledger.agent_events" in str(error)


def test_partitions_of_the_outbox_stay(ledger: AnyConnection, name: str, refused: Refused) -> None:
    outbox = name.replace("agent_events", "outbox")
    refused(ledger, "LG009", "call ledger.archive_partition(%s)", [outbox])
    check_manifest(ledger)


@pytest.mark.parametrize("command", ["archive_partition", "restore_partition"])
def test_inside_a_transaction_it_is_refused(
    ledger: AnyConnection, connect: Connect, name: str, refused: Refused, command: str
) -> None:
    if command == "restore_partition":
        ledger.execute("call ledger.archive_partition(%s)", [name])
    before = tiers(ledger), moves(ledger)
    session = connect(autocommit=False)
    error = refused(session, "2D000", f"call ledger.{command}(%s)", [name])
    assert "transaction" in str(error)
    assert (tiers(ledger), moves(ledger)) == before


def test_what_is_not_prepared_is_refused(
    ledger: AnyConnection, name: str, refused: Refused
) -> None:
    seal_all(ledger)
    error = refused(ledger, "55000", "select ledger.move_partition(%s, 'archive')", [name])
    assert "is not prepared for the archive" in str(error)
    assert moves(ledger) == []


@pytest.mark.parametrize("tier", ["cold", "dropped", "warm", "", None])
def test_no_other_tier_can_be_moved_to(
    ledger: AnyConnection, name: str, refused: Refused, tier: str | None
) -> None:
    refused(ledger, "55000", "select ledger.move_partition(%s, %s)", [name, tier])
    check_manifest(ledger)


def test_a_reader_that_stays_is_waited_for_no_longer_than_was_said(
    ledger: AnyConnection, connect: Connect, name: str, refused: Refused
) -> None:
    reader = connect(autocommit=False)
    reader.execute("select count(*) from ledger.agent_events")
    error = refused(
        ledger, "55P03", "call ledger.archive_partition(%s, max_wait => '1 second')", [name]
    )
    assert "lock" in str(error)
    assert tiers(ledger)[name] == "hot"
    step = "select step, attempts from ledger.maintenance_steps order by finished_at desc limit 1"
    failed, attempts = ledger.execute(step).fetchone() or ("", 0)
    assert failed == "add bounds"
    assert attempts >= 2
    reader.rollback()
    ledger.execute("call ledger.archive_partition(%s)", [name])
    assert tiers(ledger)[name] == "archive"


def test_nobody_waits_behind_an_attempt_for_longer_than_it_says(
    ledger: AnyConnection, connect: Connect, name: str
) -> None:
    """A reader holds agent_events; the mover gives up, and an emitter gets through every time."""
    for step in ("seal", "add bounds", "validate bounds", "prepare archive"):
        ledger.execute("select ledger.maintenance_step(%s, %s)", [step, name])
    reader = connect(autocommit=False)
    reader.execute("select count(*) from ledger.agent_events")
    emitter = connect()
    emitter.execute("set lock_timeout = '2s'")
    for _ in range(3):
        with pytest.raises(psycopg.errors.LockNotAvailable):
            ledger.execute("select ledger.maintenance_step('archive', %s)", [name])
        emit(emitter)
    reader.rollback()
    ledger.execute("select ledger.maintenance_step('archive', %s)", [name])
    emit(emitter)
    assert tiers(ledger)[name] == "archive"
