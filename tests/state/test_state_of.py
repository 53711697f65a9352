"""The state of an aggregate at any moment is what folding its events gives."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import pytest
from state.streams import AnyConnection, emit, fold, maintain, payloads, snapshots, state_of

MICROSECOND = timedelta(microseconds=1)


def test_an_aggregate_without_events_has_no_state(ledger: AnyConnection) -> None:
    assert state_of(ledger) is None
    emit(ledger, [{"a": 1}])
    assert state_of(ledger, "43") is None


def test_now_and_at_each_moment(ledger: AnyConnection) -> None:
    patches = payloads(20)
    receipts = emit(ledger, patches)
    states = fold(patches)
    assert state_of(ledger) == states[-1]
    for (_, created_at, sequence), state in zip(receipts, states, strict=True):
        assert state_of(ledger, at_sequence=sequence) == state
        assert state_of(ledger, at_time=created_at) == state
        before = states[sequence - 2] if sequence > 1 else None
        assert state_of(ledger, at_time=created_at - MICROSECOND) == before
    assert state_of(ledger, at_sequence=0) is None
    assert state_of(ledger, at_sequence=99) == states[-1]


def test_the_row_names_the_event_it_stands_on(ledger: AnyConnection) -> None:
    receipts = emit(ledger, payloads(3))
    row = ledger.execute(
        "select aggregate_type, aggregate_id, sequence, created_at, event_id, snapshot_id,"
        " replayed, hash = (select hash from ledger.get_event(event_id))"
        " from ledger.state_of('deal', '42', at_sequence => 2)"
    ).fetchone()
    event_id, created_at, _ = receipts[1]
    assert row == ("deal", "42", 2, created_at, event_id, None, 2, True)


@pytest.mark.parametrize("every", [1000, 7])
def test_through_snapshots(ledger: AnyConnection, every: int) -> None:
    ledger.execute("select ledger.set_snapshot_policy('*', %s)", [every])
    patches = payloads(2600)
    receipts = emit(ledger, patches)
    maintain(ledger)
    assert snapshots(ledger) == list(range(every, 2601, every))
    states = fold(patches)
    for sequence in random.Random(1).sample(range(1, 2601), 50):
        assert state_of(ledger, at_sequence=sequence) == states[sequence - 1]
        assert state_of(ledger, at_time=receipts[sequence - 1][1]) == states[sequence - 1]
    row: Any = ledger.execute("select replayed, snapshot_id from ledger.state_of('deal', '42')")
    replayed, snapshot_id = row.fetchone()
    assert replayed == 2600 % every
    assert snapshot_id is not None


def test_a_state_of_another_tenant(ledger: AnyConnection) -> None:
    emit(ledger, [{"a": 1}])
    emit(ledger, [{"b": 1}], tenant_id="globex")
    ledger.execute("set ledger.tenant_id = 'globex'")
    assert state_of(ledger) == {"b": 1}
