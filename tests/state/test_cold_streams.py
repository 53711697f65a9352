"""States of streams whose events are archived, or in cold files."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from cold.partitions import MAY, archive, checkpoints, emit_at, export
from state.streams import (
    AnyConnection,
    Payload,
    fold,
    maintain,
    payloads,
    snapshots,
    state_of,
)
from verifying.tampering import forge

Connect = Callable[..., AnyConnection]
Refused = Callable[..., psycopg.Error]

TIMES = ("2021-05-10Z", "2021-05-20Z", "2021-06-10Z", "2021-07-10Z")


@pytest.fixture
def reader(connect: Connect, login_role: Callable[..., str]) -> AnyConnection:
    connection = connect(user=login_role("reader", {"acme": ["read"]}))
    connection.execute("set ledger.tenant_id = 'acme'")
    return connection


@pytest.fixture
def operator(connect: Connect, login_role: Callable[..., str]) -> AnyConnection:
    return connect(user=login_role("operator", {"*": ["read", "operate"]}))


def emit_history(ledger: AnyConnection, patches: list[Payload]) -> None:
    """An aggregate whose events are spread over May, June and July of 2021."""
    part = len(patches) // len(TIMES)
    for number, time in enumerate(TIMES):
        for start in range(number * part, (number + 1) * part, 5000):
            batch = [
                {
                    "event_type": "deal.changed",
                    "payload": payload,
                    "aggregate_type": "deal",
                    "aggregate_id": "42",
                    "publish": False,
                }
                for payload in patches[start : min(start + 5000, (number + 1) * part)]
            ]
            emit_at(ledger, time, batch, "acme")


def drop(ledger: AnyConnection, operator: AnyConnection) -> Any:
    """Archive May, export it and drop it."""
    archive(ledger, MAY)
    file = export(operator, MAY)
    file.record(operator)
    file.drop(operator, checkpoints(ledger))
    return file


def test_any_moment_across_hot_and_archive(ledger: AnyConnection) -> None:
    """20,000 events in four partitions, two of them archived: 100 moments, against the oracle."""
    patches = payloads(20_000)
    emit_history(ledger, patches)
    maintain(ledger)
    archive(ledger, MAY)
    archive(ledger, MAY.replace("05", "06"))
    assert snapshots(ledger) == list(range(1000, 20_001, 1000))
    states = fold(patches)
    times = dict(
        ledger.execute(
            "select sequence, created_at from ledger.events where aggregate_id = '42'"
        ).fetchall()
    )
    for sequence in random.Random(7306).sample(range(1, 20_001), 100):
        assert state_of(ledger, at_sequence=sequence) == states[sequence - 1]
        assert state_of(ledger, at_time=times[sequence]) == states[sequence - 1]
    assert state_of(ledger) == states[-1]


def test_missing_events_are_named(
    ledger: AnyConnection, operator: AnyConnection, refused: Refused
) -> None:
    patches = payloads(400)
    emit_history(ledger, patches)
    ledger.execute("select ledger.seal_all()")
    file = drop(ledger, operator)
    error = refused(ledger, "LG016", "select * from ledger.state_of('deal', '42')")
    assert "sequence 1 to 200" in str(error.diag.message_primary)
    assert MAY in str(error.diag.message_detail)
    assert "agent-events cold restore" in str(error.diag.message_hint)
    refused(ledger, "LG016", "select * from ledger.state_of('deal', '42', at_sequence => 100)")
    refused(ledger, "LG016", "select * from ledger.replay('deal', '42')")
    file.restore(operator)
    assert state_of(ledger) == fold(patches)[-1]


def test_a_snapshot_made_before_makes_them_unnecessary(
    ledger: AnyConnection, operator: AnyConnection, refused: Refused
) -> None:
    """Also the last one, whose event is in the file: the log has its hash."""
    ledger.execute("select ledger.set_snapshot_policy('*', 100)")
    patches = payloads(400)
    emit_history(ledger, patches)
    maintain(ledger)
    drop(ledger, operator)
    assert snapshots(ledger) == [100, 200, 300, 400]
    states = fold(patches)
    for sequence in (200, 201, 299, 300, 400):
        assert state_of(ledger, at_sequence=sequence) == states[sequence - 1]
    refused(ledger, "LG016", "select * from ledger.state_of('deal', '42', at_sequence => 199)")
    findings = "select kind, sequence from ledger.verify_snapshots()"
    assert ledger.execute(findings).fetchall() == []
    forge(ledger, "update ledger.snapshots set event_hash = sha256('x') where sequence = 200")
    assert ledger.execute(findings).fetchall() == [("snapshot forged", 200)]
    refused(ledger, "LG016", "select * from ledger.state_of('deal', '42', at_sequence => 201)")


FORGED = """
    ledger.snapshot_digest(
      s.tenant_id, s.aggregate_type, s.aggregate_id, s.sequence, s.event_hash,
      s.reducer_fingerprint, '{}'
    )
"""
DECOY = f"""
    select ledger.snapshot_payload(
      s.aggregate_type, s.aggregate_id, s.sequence, s.event_hash, s.reducer_fingerprint, {FORGED}
    )
    from ledger.snapshots as s
"""
RECORD_IN_MAY = """
    insert into ledger.agent_events (
      tenant_id, id, created_at, run_id, trace_id, correlation_id, event_type, schema_version,
      payload, hash, xact_id
    )
    select
      e.tenant_id, t.id, t.at, e.run_id, e.trace_id, e.correlation_id, e.event_type,
      e.schema_version, e.payload,
      ledger.event_hash(
        ledger.event_entry(
          e.tenant_id, t.id, t.at, e.run_id, e.trace_id, e.correlation_id, null, e.event_type,
          e.schema_version, e.payload::text, null, null, null, null, null, null, null, null, null,
          null, null, null
        ),
        null
      ),
      pg_current_xact_id()
    from ledger.events as e
    cross join (
      select
        ledger.event_id('2021-05-11Z', gen_random_uuid()) as id,
        timestamptz '2021-05-11Z' as at
    ) as t
    where e.event_type = 'ledger.snapshot_created'
"""
ENTRIES = """
    create temp table entries as
    select
      e.id,
      e.event_type,
      ledger.event_entry(
        e.tenant_id, e.id, e.created_at, e.run_id, e.trace_id, e.correlation_id, e.causation_id,
        e.event_type, e.schema_version, e.payload::text, e.deal_id, e.action_id, e.aggregate_type,
        e.aggregate_id, e.sequence, e.actor_type, e.actor_id, e.outcome, e.proof, e.metadata,
        e.occurred_at, e.private_hash
      ) as entry
    from ledger.events as e
    where e.payload ? 'digest' and e.created_at < '2022-01-01'
"""
FORGE = f"update ledger.snapshots as s set state = '{{}}', digest = {FORGED}"
RECORDED_BY = "update ledger.snapshots as s set id = e.id, entry = e.entry from entries as e"


@pytest.mark.parametrize(
    "change",
    [
        FORGE,
        # Another event, that says what it should and is of another type, and names that elsewhere.
        FORGE
        + ", id = e.id, entry = e.entry from entries as e where e.event_type = 'deal.changed'",
        # Bytes that say what they should, and are of no event.
        FORGE
        + ", entry = replace(encode(s.entry, 'escape'), encode(s.digest, 'hex'),"
        + f" encode({FORGED}, 'hex'))::bytea",
    ],
)
def test_a_forged_one_whose_event_is_cold_is_ignored(
    ledger: AnyConnection,
    operator: AnyConnection,
    reader: AnyConnection,
    refused: Refused,
    change: str,
) -> None:
    """Of the event in the file the log has the hash, and the snapshot the bytes."""
    patches = payloads(400)
    emit_history(ledger, patches)
    ledger.execute("select ledger.create_snapshot('deal', '42', 'acme')")
    # The event that records it, as if it had been made in May; and an attacker's.
    forge(ledger, RECORD_IN_MAY)
    decoy: Any = ledger.execute(DECOY).fetchone()
    event = {
        "event_type": "deal.changed",
        "payload": decoy[0],
        "aggregate_type": "post",
        "aggregate_id": "ledger.snapshot_created",
        "publish": False,
    }
    emit_at(ledger, "2021-05-11Z", [event], "acme")
    ledger.execute("select ledger.seal_all()")
    ledger.execute(ENTRIES)
    forge(ledger, RECORDED_BY + " where e.event_type = 'ledger.snapshot_created'")
    drop(ledger, operator)
    assert state_of(reader) == fold(patches)[-1]
    forge(ledger, change)
    kinds = ledger.execute("select kind from ledger.verify_snapshots()").fetchall()
    assert kinds == [("snapshot forged",)]
    refused(reader, "LG016", "select * from ledger.state_of('deal', '42')")


def test_a_log_is_not_folded_without_its_cold_events(
    ledger: AnyConnection, operator: AnyConnection, reader: AnyConnection, refused: Refused
) -> None:
    patches = payloads(400)
    emit_history(ledger, patches)
    ledger.execute("select ledger.seal_all()")
    file = drop(ledger, operator)
    error = refused(reader, "LG016", "select ledger.replay_log()")
    assert "positions 0 to 199" in str(error.diag.message_primary)
    assert error.diag.message_detail == f"Partitions in cold files: {MAY}."
    refused(reader, "LG016", "select ledger.replay_log(event_types => '{run.paused}')")
    refused(reader, "LG016", "select ledger.replay_log(after_position => 198, max_events => 1)")
    after = "select events from ledger.replay_log(after_position => 199)"
    assert reader.execute(after).fetchone() == (200,)
    file.restore(operator)
    whole = "select state from ledger.replay_log()"
    assert reader.execute(whole).fetchone() == (fold(patches)[-1],)


def test_events_that_are_gone(ledger: AnyConnection, refused: Refused) -> None:
    patches = payloads(400)
    emit_history(ledger, patches)
    ledger.execute("select ledger.seal_all()")
    forge(ledger, "delete from ledger.agent_events where sequence in (7, 9)")
    error = refused(ledger, "LG016", "select * from ledger.state_of('deal', '42')")
    assert "sequence 7, 9" in str(error.diag.message_primary)
    assert "ledger.verify()" in str(error.diag.message_hint)


def test_maintenance_reports_what_it_cannot_replay(
    ledger: AnyConnection, operator: AnyConnection
) -> None:
    ledger.execute("select ledger.set_snapshot_policy('*', 1000)")
    patches = payloads(1200)
    emit_history(ledger, patches)
    ledger.execute("select ledger.seal_all()")
    drop(ledger, operator)
    maintain(ledger)
    kinds = ledger.execute("select kind from ledger.check_snapshots()").fetchall()
    assert kinds == [("events missing",)]
