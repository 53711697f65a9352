"""States of the past that were asked for before, kept in this process."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from threading import Lock
from time import monotonic
from typing import Any

from agent_events.models import AggregateState


class StateCache:
    """The states that `state_of` gave last, for `Ledger(connection, state_cache=cache)`.

    One cache serves any number of ledgers, connections and threads. It answers for a moment of the
    past (`at_time`, `at_sequence`) that the stream has passed, so that no event can change it any
    more: one that is in the stream, or a time before its last event. A later time is looked up as
    that last event. The database is asked each time how far the stream is, as whom, and whether
    they may see it; states computed in a transaction that has written something are not kept,
    because it may roll back. What may be old for `max_age` is the reducer, or an upcaster, after it
    was redefined: `clear` then.

    max_entries  states kept; the one that was used longest ago goes first
    max_age      how long a state is used after it was computed
    """

    def __init__(
        self,
        max_entries: int = 100,
        max_age: timedelta = timedelta(minutes=5),
        *,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self.max_entries = max_entries
        self.max_age = max_age
        self.hits = 0
        self.misses = 0
        self._clock = clock
        self._lock = Lock()
        self._states: OrderedDict[Moment, tuple[float, AggregateState]] = OrderedDict()

    @property
    def hit_rate(self) -> float:
        """Hits among all look-ups, 0 to 1; 0 before the first."""
        with self._lock:
            return self.hits / (self.hits + self.misses or 1)

    def __len__(self) -> int:
        return len(self._states)

    def clear(self) -> None:
        """Forget all states; the counts stay."""
        with self._lock:
            self._states.clear()

    def get(self, moment: Moment) -> AggregateState | None:
        """Return a copy of the state at a moment, None if it is not known or too old."""
        with self._lock:
            computed_at, known = self._states.get(moment, (0.0, None))
            if known is not None and self._clock() - computed_at > self.max_age.total_seconds():
                del self._states[moment]
                known = None
            if known is None:
                self.misses += 1
                return None
            self.hits += 1
            self._states.move_to_end(moment)
        return _copy(known)

    def put(self, moment: Moment, state: AggregateState) -> None:
        """Keep a copy of the state at a moment."""
        kept = _copy(state)
        with self._lock:
            self._states[moment] = self._clock(), kept
            self._states.move_to_end(moment)
            while len(self._states) > self.max_entries:
                self._states.popitem(last=False)


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment of a stream that no event can change any more, as one role sees it."""

    server: str
    database: str
    role: str
    tenant_id: str
    aggregate_type: str
    aggregate_id: str
    upcast: bool | None
    at_time: datetime | None
    at_sequence: int | None


@dataclass(frozen=True, slots=True)
class StreamHead:
    """How far a stream is; the fields of `_queries.STREAM_HEAD`."""

    database: str
    role: str
    tenant_id: str
    sequence: int | None
    created_at: datetime | None
    has_written: bool


def is_past(arguments: Mapping[str, Any]) -> bool:
    """Tell whether `state_of` is asked for a moment, and not for now."""
    return (arguments["at_time"] is None) != (arguments["at_sequence"] is None)


def settled(server: str, head: StreamHead, arguments: Mapping[str, Any]) -> Moment | None:
    """Return the moment that is asked for, None if events may still be added before it."""
    at_time: datetime | None = arguments["at_time"]
    at_sequence: int | None = arguments["at_sequence"]
    if head.has_written or head.sequence is None or head.created_at is None:
        return None
    if at_sequence is not None and at_sequence > head.sequence:
        return None
    if at_time is not None and at_time.tzinfo is None:
        return None  # the session's time zone decides
    if at_time is not None and at_time > head.created_at:
        at_time, at_sequence = None, head.sequence
    return Moment(
        server,
        head.database,
        head.role,
        head.tenant_id,
        arguments["aggregate_type"],
        arguments["aggregate_id"],
        arguments["upcast"],
        at_time,
        at_sequence,
    )


def _copy(state: AggregateState) -> AggregateState:
    return replace(state, state=deepcopy(state.state))
