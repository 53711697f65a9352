"""States of aggregates. Generated from `_async/state.py` by scripts/unasync."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from agent_events._queries import SNAPSHOTS, STREAM_HEAD
from agent_events._replaying import is_after, replay_note
from agent_events._sync.event import Events
from agent_events.models import (
    AggregateState,
    Event,
    Interval,
    LogState,
    ReplayedState,
    Snapshot,
    SnapshotFinding,
    SnapshotPolicy,
)
from agent_events.state_cache import Moment, StreamHead, is_past, settled

T = TypeVar("T")


class State(Events):
    """States of aggregates, their reducers and their snapshots."""

    def replay(
        self,
        aggregate_type: str,
        aggregate_id: str,
        apply: Callable[[T, Event], T],
        initial: T,
        *,
        at_time: datetime | None = None,
        at_sequence: int | None = None,
        upcast: bool | None = None,
        page_size: int = 1000,
        tenant_id: str | None = None,
    ) -> T:
        """Fold a stream with your own function: `state = apply(state, event)`, event by event.

        Begins with `initial`, which is also the result for a stream without events. Ends with the
        last event, the last one created at `at_time` or before, or the one with the sequence
        `at_sequence`. Holds one page of `page_size` events at a time. What `apply` raises gets a
        note that names the event.
        """
        state = initial
        for event in self.iter_stream(
            aggregate_type,
            aggregate_id,
            page_size=page_size,
            upcast=upcast,
            tenant_id=tenant_id,
        ):
            if is_after(event, at_time, at_sequence):
                break
            try:
                state = apply(state, event)
            except Exception as error:
                error.add_note(replay_note(event))
                raise
        return state

    def state_of(
        self,
        aggregate_type: str,
        aggregate_id: str,
        *,
        at_time: datetime | None = None,
        at_sequence: int | None = None,
        upcast: bool | None = None,
        tenant_id: str | None = None,
    ) -> AggregateState | None:
        """Return an aggregate's state as its reducer makes it, None if it had no event by then.

        Now, as of `at_time`, or after the event with the sequence `at_sequence`. With a
        `StateCache`, a state of the past that is known is not computed again.
        """
        arguments: dict[str, Any] = {
            "aggregate_type": aggregate_type,
            "aggregate_id": aggregate_id,
            "at_time": at_time,
            "at_sequence": at_sequence,
            "upcast": upcast,
            "tenant_id": tenant_id,
        }
        moment = self._moment(arguments)
        if self._state_cache is not None and moment is not None:
            if known := self._state_cache.get(moment):
                return known
            arguments |= {"at_time": moment.at_time, "at_sequence": moment.at_sequence}
        rows = self._rows("state_of", arguments)
        state = AggregateState(*rows[0]) if rows else None
        if self._state_cache is not None and moment is not None and state is not None:
            self._state_cache.put(moment, state)
        return state

    def replay_stream(
        self,
        aggregate_type: str,
        aggregate_id: str,
        *,
        from_sequence: int | None = None,
        to_sequence: int | None = None,
        upcast: bool | None = None,
        tenant_id: str | None = None,
    ) -> list[ReplayedState]:
        """Return the state of an aggregate after each event from one sequence to another.

        All of it by default: ask for parts of a long stream. The reducer in the database computes
        the states; raises `errors.ReducerFailed` when it fails, `errors.EventsMissing` when events
        are in a cold file.
        """
        rows = self._rows(
            "replay",
            {
                "aggregate_type": aggregate_type,
                "aggregate_id": aggregate_id,
                "from_sequence": from_sequence,
                "to_sequence": to_sequence,
                "upcast": upcast,
                "tenant_id": tenant_id,
            },
        )
        return [ReplayedState(*row) for row in rows]

    def replay_log(
        self,
        reducer: str | None = None,
        *,
        initial: Any = None,
        after_position: int | None = None,
        max_events: int | None = None,
        event_types: Sequence[str] | None = None,
        tenant_id: str | None = None,
    ) -> LogState:
        """Fold up to `max_events` (default 10,000) sealed events into one state, in the database.

        `reducer` is the name of a function (state jsonb, event ledger.events) returns jsonb; the
        default merges the payloads. To go on give `initial` and `after_position` what `state` and
        `last_position` were, until `events` is 0.
        """
        rows = self._rows(
            "replay_log",
            {
                "reducer": reducer,
                "initial": initial,
                "after_position": after_position,
                "max_events": max_events,
                "event_types": event_types,
                "tenant_id": tenant_id,
            },
        )
        return LogState(*rows[0])

    def register_reducer(
        self,
        aggregate_type: str,
        reducer: str,
        *,
        initial: Any = None,
        upcast: bool | None = None,
    ) -> None:
        """Make a SQL function the reducer of an aggregate type, or of all without one ('*').

        It is (state jsonb, event ledger.events) returns jsonb, IMMUTABLE, and `ledger_sandbox` may
        execute it; raises `errors.InvalidArgument` when it is not pure. `initial` (default {}) is
        the state before the first event; with `upcast` it gets payloads as of the current schema
        version. For registrars.
        """
        self._rows(
            "register_reducer",
            {
                "aggregate_type": aggregate_type,
                "reducer": reducer,
                "initial": initial,
                "upcast": upcast,
            },
        )

    def drop_reducer(self, aggregate_type: str) -> bool:
        """Take the reducer of an aggregate type away; False when it had none."""
        rows = self._rows("drop_reducer", {"aggregate_type": aggregate_type})
        was_there: bool = rows[0][0]
        return was_there

    def create_snapshot(
        self, aggregate_type: str, aggregate_id: str, *, tenant_id: str | None = None
    ) -> UUID:
        """Make a snapshot of an aggregate as it is now and return its id; for operators.

        It is the same one again when nothing was emitted since.
        """
        rows = self._rows(
            "create_snapshot",
            {
                "aggregate_type": aggregate_type,
                "aggregate_id": aggregate_id,
                "tenant_id": tenant_id,
            },
        )
        snapshot_id: UUID = rows[0][0]
        return snapshot_id

    def snapshots(
        self,
        aggregate_type: str | None = None,
        aggregate_id: str | None = None,
        *,
        tenant_id: str | None = None,
    ) -> list[Snapshot]:
        """Return the snapshots of an aggregate, a type or a tenant, without their states."""
        with self._cursor() as cursor:
            cursor.execute(
                SNAPSHOTS,
                {
                    "aggregate_type": aggregate_type,
                    "aggregate_id": aggregate_id,
                    "tenant_id": tenant_id,
                },
            )
            return [Snapshot(*row) for row in cursor.fetchall()]

    def verify_snapshots(
        self, *, deep: bool | None = None, tenant_id: str | None = None
    ) -> list[SnapshotFinding]:
        """Return which snapshots are forged or stale; nobody is served from those.

        `deep` replays every aggregate that has snapshots and compares the states.
        """
        rows = self._rows("verify_snapshots", {"deep": deep, "tenant_id": tenant_id})
        return [SnapshotFinding(*row) for row in rows]

    def set_snapshot_policy(
        self,
        aggregate_type: str,
        *,
        every_events: int | None = None,
        every: Interval | None = None,
        every_bytes: int | None = None,
    ) -> SnapshotPolicy:
        """Set all of when aggregates of a type get snapshots; for operators of every tenant.

        With nothing given a type goes back to the policy of '*', and '*' itself makes none.
        """
        rows = self._rows(
            "set_snapshot_policy",
            {
                "aggregate_type": aggregate_type,
                "every_events": every_events,
                "every": every,
                "every_bytes": every_bytes,
            },
        )
        return SnapshotPolicy(*rows[0])

    def _moment(self, arguments: Mapping[str, Any]) -> Moment | None:
        """Say which moment the cache may know; None where there is none, or no cache."""
        if self._state_cache is None or not is_past(arguments):
            return None
        with self._cursor() as cursor:
            cursor.execute(STREAM_HEAD, arguments)
            row = cursor.fetchone()
        if row is None:
            return None
        info = self._connection.info
        return settled(f"{info.host}:{info.port}", StreamHead(*row), arguments)
