"""Replaying a stream state by state, and a log into one state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb
from state.streams import AnyConnection, emit, fold, maintain, payloads

Refused = Callable[..., psycopg.Error]

REPLAY = "select sequence, event_id, state from ledger.replay('deal', '42', %s, %s)"
REPLAY_LOG = """
    select last_position, events, state from ledger.replay_log(
      initial => %s, after_position => %s, max_events => %s, event_types => %s
    )
"""


@pytest.mark.parametrize("with_snapshots", [False, True])
def test_the_state_after_each_event(ledger: AnyConnection, *, with_snapshots: bool) -> None:
    patches = payloads(1210)
    receipts = emit(ledger, patches)
    if with_snapshots:
        maintain(ledger)
    states = fold(patches)
    everything = [
        (sequence, event_id, state)
        for (event_id, _, sequence), state in zip(receipts, states, strict=True)
    ]
    assert ledger.execute(REPLAY, [None, None]).fetchall() == everything
    assert ledger.execute(REPLAY, [1001, 1200]).fetchall() == everything[1000:1200]
    assert ledger.execute(REPLAY, [1200, 1300]).fetchall() == everything[1199:]
    assert ledger.execute(REPLAY, [1211, None]).fetchall() == []
    assert ledger.execute(REPLAY, [2000, None]).fetchall() == []
    assert ledger.execute(REPLAY, [5, 4]).fetchall() == []


def test_a_log_in_parts(ledger: AnyConnection) -> None:
    """Each part goes on from the state of the one before."""
    patches = payloads(1100)
    emit(ledger, patches[:600], "1")
    emit(ledger, patches[600:], "2")
    ledger.execute("select ledger.seal('acme')")
    position, state = -1, Jsonb({})
    counts = []
    while True:
        row: Any = ledger.execute(REPLAY_LOG, [state, position, 700, None]).fetchone()
        position, state = row[0], Jsonb(row[2])
        counts.append(row[1])
        if row[1] == 0:
            break
    assert counts == [700, 400, 0]
    assert position == 1099
    assert row[2] == fold(patches)[-1]


def test_positions_without_the_wanted_types_are_passed(ledger: AnyConnection) -> None:
    emit(ledger, payloads(20))
    ledger.execute("select ledger.emit_event('run.paused')")
    ledger.execute("select ledger.seal('acme')")
    row = ledger.execute(REPLAY_LOG, [Jsonb({}), -1, 1000, ["run.paused"]]).fetchone()
    assert row == (20, 1, {})
    emit(ledger, payloads(20))
    ledger.execute("select ledger.seal('acme')")
    row = ledger.execute(REPLAY_LOG, [Jsonb({}), 20, 1000, ["run.paused"]]).fetchone()
    assert row == (40, 0, {})


def test_with_a_reducer(app: AnyConnection, refused: Refused) -> None:
    app.execute(
        "create function app.by_type(state jsonb, event ledger.events) returns jsonb immutable"
        " return state || jsonb_build_object((event).event_type,"
        "   coalesce((state ->> (event).event_type)::int, 0) + 1)"
    )
    emit(app, payloads(700))
    app.execute("select ledger.emit_event('run.paused')")
    app.execute("select ledger.seal('acme')")
    row = app.execute("select events, state from ledger.replay_log('app.by_type')").fetchone()
    assert row == (701, {"deal.changed": 700, "run.paused": 1})
    for count in (0, None, 1_000_001):
        refused(app, "LG009", "select ledger.replay_log(max_events => %s)", [count])
    refused(app, "LG009", "select ledger.replay_log('app.nothing')")
