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
