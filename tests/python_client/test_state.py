"""States, replays and snapshots through the client."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from agent_events import AsyncLedger, Ledger, ReplayedState, errors

STREAM = {"aggregate_type": "note", "aggregate_id": "1"}


@pytest.fixture
def notes(pg: psycopg.Connection[Any], noted: str) -> Ledger:
    """Three events of an aggregate."""
    ledger = Ledger(pg)
    for text in ("one", "two", "three"):
        ledger.emit_event(noted, {"text": text}, **STREAM)  # type: ignore[typeddict-item]
    ledger.seal()
    return ledger


def test_state_of(notes: Ledger) -> None:
    state = notes.state_of("note", "1")
    assert state is not None
    assert (state.sequence, state.state, state.replayed) == (3, {"text": "three"}, 3)
    first = notes.state_of("note", "1", at_sequence=1)
    assert first is not None
    assert first.state == {"text": "one"}
    assert notes.state_of("note", "1", at_time=first.created_at) == first
    assert notes.state_of("note", "1", at_time=first.created_at - timedelta(seconds=1)) is None
    assert notes.state_of("note", "2") is None


def test_replay_stream(notes: Ledger) -> None:
    states = notes.replay_stream("note", "1", from_sequence=2)
    assert [state.state for state in states] == [{"text": "two"}, {"text": "three"}]
    assert isinstance(states[0], ReplayedState)
    assert len(notes.replay_stream("note", "1", to_sequence=2)) == 2


def test_replay_log(notes: Ledger) -> None:
    part = notes.replay_log(initial={"since": 1}, max_events=2)
    assert (part.last_position, part.events, part.state) == (1, 2, {"since": 1, "text": "two"})
    rest = notes.replay_log(initial=part.state, after_position=part.last_position)
    assert (rest.last_position, rest.events) == (2, 1)
    assert notes.replay_log(event_types=["run.paused"]).events == 0


def test_reducers(pg: psycopg.Connection[Any], notes: Ledger) -> None:
    pg.execute(
        "create schema app; grant usage on schema app to ledger_sandbox;"
        "create function app.texts(state jsonb, event ledger.events) returns jsonb immutable"
        " return state || jsonb_build_array((event).payload -> 'text')"
    )
    notes.register_reducer("note", "app.texts", initial=[])
    state = notes.state_of("note", "1")
    assert state is not None
    assert state.state == ["one", "two", "three"]
    assert notes.drop_reducer("note") is True
    assert notes.drop_reducer("note") is False
    with pytest.raises(errors.InvalidArgument):
        notes.register_reducer("note", "app.nothing")


def test_a_reducer_that_fails(pg: psycopg.Connection[Any], notes: Ledger) -> None:
    pg.execute(
        "create schema app; grant usage on schema app to ledger_sandbox;"
        "create function app.fails(state jsonb, event ledger.events) returns jsonb immutable"
        " return to_jsonb(1 / (event).schema_version - ((event).payload ->> 'text')::int)"
    )
    notes.register_reducer("note", "app.fails")
    with pytest.raises(errors.ReducerFailed, match="note/1 sequence 1"):
        notes.state_of("note", "1")


def test_snapshots(notes: Ledger) -> None:
    made = notes.create_snapshot("note", "1")
    (snapshot,) = notes.snapshots("note", "1")
    assert (snapshot.id, snapshot.sequence, snapshot.replayed) == (made, 3, 3)
    assert notes.snapshots() == [snapshot]
    assert notes.snapshots("deal") == []
    assert notes.verify_snapshots(deep=True) == []
    policy = notes.set_snapshot_policy("note", every=timedelta(days=1), every_bytes=10_000)
    assert (policy.every_events, policy.every) == (None, timedelta(days=1))
    notes.register_reducer("note", "ledger.merge_event", initial={"a": 1})
    assert [finding.kind for finding in notes.verify_snapshots()] == ["snapshot stale"]


def test_async(notes: Ledger, dsn: str) -> None:
    assert notes.create_snapshot("note", "1")

    async def scenario() -> None:
        async with await psycopg.AsyncConnection.connect(dsn) as connection:
            ledger = AsyncLedger(connection)
            state = await ledger.state_of("note", "1")
            assert state == notes.state_of("note", "1")
            assert len(await ledger.snapshots()) == 1
            assert len(await ledger.replay_stream("note", "1")) == 3
            assert (await ledger.replay_log()).state == {"text": "three"}

    asyncio.run(scenario())
