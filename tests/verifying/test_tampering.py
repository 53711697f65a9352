"""What a superuser changes behind the guards, and what the verifier calls it."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from verifying.tampering import emit, flip, forge, seal

from agent_events.verifying import Scope

AnyConnection = psycopg.Connection[Any]

EVENT = "(select event_id from ledger.log_entries where tenant_id = 'acme' and position = {})"

ATTACKS = {
    "payload": (
        f"update ledger.agent_events set payload = '{{}}' where id = {EVENT.format(700)}",
        ["changed event"],
    ),
    "stored hash": (
        f"update ledger.agent_events set hash = sha256('x') where id = {EVENT.format(700)}",
        ["changed event"],
    ),
    "short hash": (
        f"update ledger.agent_events set hash = 'x' where id = {EVENT.format(700)}",
        ["changed event"],
    ),
    "deleted event": (
        f"delete from ledger.agent_events where id = {EVENT.format(705)}",
        ["missing event"],
    ),
    "moved event": (
        f"update ledger.agent_events set id = gen_random_uuid() where id = {EVENT.format(705)}",
        ["missing event", "unlogged event"],
    ),
    "deleted entries": (
        "delete from ledger.log_entries where position in (3, 4, 5)",
        ["missing entry", "unlogged event"],
    ),
    "last entries": (
        "delete from ledger.log_entries where position >= 705",
        ["missing entry", "unlogged event"],
    ),
    "entry outside": (
        "update ledger.log_entries set position = 9000 where position = 5",
        ["missing entry", "wrong head"],
    ),
    "swapped entries": (
        (
            "create temp table swapped as "
            "select * from ledger.log_entries where position in (3, 700);"
            "delete from ledger.log_entries where position in (3, 700);"
            "insert into ledger.log_entries"
            " select tenant_id, 703 - position, created_at, event_id from swapped"
        ),
        ["swapped entry"],
    ),
    "full tile of level 0": (
        (
            f"update ledger.log_tiles set hashes = {flip('hashes', 98)} "
            "where level = 0 and tile_index = 1"
        ),
        ["changed tile"],
    ),
    "missing tile": (
        "delete from ledger.log_tiles where level = 0 and tile_index = 1",
        ["changed tile"],
    ),
    "short tile": (
        "update ledger.log_tiles set hashes = 'x' where level = 0 and tile_index = 0",
        ["changed tile"],
    ),
    "further tile": (
        "insert into ledger.log_tiles values ('acme', 0, 99, 'x')",
        ["changed tile"],
    ),
    "edge of level 0": (
        f"update ledger.log_edges set hashes = {flip('hashes', 98)} where level = 0",
        ["changed tile"],
    ),
    "edge of level 1": (
        f"update ledger.log_edges set hashes = {flip('hashes', 8)} where level = 1",
        ["changed tile"],
    ),
    "missing edges": ("delete from ledger.log_edges", ["changed tile"]),
    "block's root": (
        "update ledger.log_blocks set root = sha256('x') where block_no = 2",
        ["changed block"],
    ),
    "block's time": (
        "update ledger.log_blocks set sealed_at = sealed_at + '1 s' where block_no = 2",
        ["changed block"],
    ),
    "missing block": (
        "delete from ledger.log_blocks where block_no = 2",
        ["missing block"],
    ),
    "last block": (
        "delete from ledger.log_blocks where block_no = 3",
        ["wrong head"],
    ),
    "block elsewhere": (
        "update ledger.log_blocks set tree_size = -5 where block_no = 3",
        ["changed block", "wrong head"],
    ),
    "head's root": ("update ledger.log_heads set root = sha256('x')", ["wrong head"]),
    "head's block": ("update ledger.log_heads set block_no = 2", ["wrong head"]),
    "smaller head": ("update ledger.log_heads set tree_size = 600", ["wrong head"]),
    "larger head": ("update ledger.log_heads set tree_size = 1000000000000", ["wrong head"]),
    "negative head": ("update ledger.log_heads set tree_size = -1", ["wrong head"]),
    "missing head": ("delete from ledger.log_heads", ["wrong head"]),
    "inserted event": (
        (
            "insert into ledger.agent_events select (e).* from ("
            "  select jsonb_populate_record(e, jsonb_build_object("
            "    'id', gen_random_uuid())) as e from ledger.agent_events as e limit 1) as e"
        ),
        ["unlogged event"],
    ),
    "event of no transaction": (
        (
            "insert into ledger.agent_events select (e).* from ("
            "  select jsonb_populate_record(e, jsonb_build_object("
            "    'id', gen_random_uuid(), 'xact_id', '900000000')) as e"
            "  from ledger.agent_events as e limit 1) as e"
        ),
        ["unlogged event"],
    ),
    "event of next month, moved": (
        (
            "with gone as (delete from ledger.log_entries where position = 1 returning *)"
            "insert into ledger.log_entries "
            "select tenant_id, position, 'infinity', event_id from gone"
        ),
        ["missing event"],
    ),
}


@pytest.fixture
def log(ledger: AnyConnection) -> AnyConnection:
    """710 events of acme in three blocks."""
    for count in (300, 400, 10):
        emit(ledger, count)
        seal(ledger)
    return ledger


@pytest.mark.parametrize("attack", ATTACKS)
def test_attack(log: AnyConnection, kinds: Any, attack: str) -> None:
    assert kinds() == []
    statement, expected = ATTACKS[attack]
    forge(log, statement)
    found = kinds()
    assert found
    assert found == expected


def test_details(log: AnyConnection, check: Any) -> None:
    """What to look at is named: event, position, block."""
    row = log.execute(f"select {EVENT.format(700)}").fetchone()
    forge(log, *ATTACKS["payload"][:1])
    (finding,) = check().findings
    assert row == (finding.event_id,)
    assert (finding.tenant_id, finding.position, finding.block_no) == ("acme", 700, 3)
    forge(log, ATTACKS["block's root"][0])
    assert {finding.block_no for finding in check().findings} == {2, 3}


def test_back_dated_event(log: AnyConnection, check: Any) -> None:
    """Inserted with an old time and the right hash, it is sealed like any other."""
    forge(
        log,
        """
        insert into ledger.agent_events
        select (c.copy).*
        from (
          select jsonb_populate_record(e, jsonb_build_object(
            'id', gen_random_uuid(),
            'created_at', e.created_at - interval '2 minutes',
            'xact_id', pg_current_xact_id()
          )) as copy
          from ledger.agent_events as e
          limit 1
        ) as c;
        update ledger.agent_events set hash = ledger.event_hash(ledger.event_entry(
          tenant_id, id, created_at, run_id, trace_id, correlation_id, causation_id, event_type,
          schema_version, payload::text, deal_id, action_id, aggregate_type, aggregate_id,
          sequence, actor_type, actor_id, outcome, proof, metadata, occurred_at, private_hash
        ), prev_hash)
        where xact_id = pg_current_xact_id();
        """,
    )
    seal(log)
    (finding,) = check().findings
    assert (finding.kind, finding.position) == ("back-dated event", 710)


def test_event_of_a_long_transaction(log: AnyConnection, check: Any, connect: Any) -> None:
    """It is older than the block before its own, but its transaction was there already."""
    slow = connect(autocommit=False)
    emit(slow, 2)
    emit(log, 1)
    seal(log)
    slow.commit()
    seal(log)
    assert check().findings == []


def test_two_rows_of_an_event(log: AnyConnection, kinds: Any) -> None:
    log.execute("create table public.copies as select * from ledger.agent_events limit 1")
    forge(log, "alter table ledger.agent_events drop constraint agent_events_pkey cascade")
    forge(log, "insert into ledger.agent_events select * from public.copies")
    assert kinds() == ["unlogged event"]


def test_range(log: AnyConnection, check: Any) -> None:
    """Only events of the range are read; the tree is verified as a whole."""
    forge(log, ATTACKS["payload"][0])
    assert check(scope=Scope(0, 700)).findings == []
    assert len(check(scope=Scope(700, 701)).findings) == 1
    forge(log, ATTACKS["full tile of level 0"][0])
    found = {finding.kind for finding in check(scope=Scope(0, 10)).findings}
    assert found == {"changed tile", "changed block", "wrong head"}


def test_sealing_stopped(log: AnyConnection, check: Any) -> None:
    emit(log, 3)
    assert check().findings == []
    (finding,) = check(scope=Scope(max_age=0)).findings
    assert finding.kind == "sealing stopped"
    assert finding.detail.startswith("3 events")


def test_rebased_log(log: AnyConnection, check: Any) -> None:
    emit(log, 2)
    log.execute("select ledger.rebase_log('acme')")
    emit(log, 3)
    seal(log)
    emit(log, 1)
    assert check().findings == []
    forge(log, ATTACKS["inserted event"][0])
    forge(
        log,
        "update ledger.agent_events set xact_id = '3' where id not in"
        " (select event_id from ledger.log_entries) and xact_id <> (select max(xact_id)"
        " from ledger.agent_events)",
    )
    assert {finding.kind for finding in check().findings} == {"unlogged event"}


def test_restored_and_not_rebased(log: AnyConnection, check: Any) -> None:
    """Ids of new transactions, small again in the new cluster, do not make events old."""
    forge(log, "update ledger.log_heads set system_identifier = 1")
    emit(log, 2)
    forge(
        log,
        "update ledger.agent_events set xact_id = '3' where created_at > (select sealed_at"
        " from ledger.log_heads)",
    )
    assert check().findings == []
    forge(log, ATTACKS["inserted event"][0])
    forge(
        log,
        "update ledger.agent_events set xact_id = '3' where id not in"
        " (select event_id from ledger.log_entries)",
    )
    (finding,) = check().findings
    assert finding.kind == "unlogged event"
