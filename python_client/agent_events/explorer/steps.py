"""Events as steps of a trace or a run: what each was about, when it began and when it ended."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, LiteralString
from uuid import UUID

import psycopg

from agent_events.explorer import redacting
from agent_events.explorer.database import Reader, Row

WIDTH = 1000
"""Units of a timeline, from its beginning to its end."""

DEEPEST = 24
"""Levels of a tree that are drawn inside each other; what is deeper stands beside its cause."""

_NARROWEST = 6
_LONGEST_MS = 10**12

# Of what events of the catalogs say about a step: only these, and only what is short.
_TOLD = (
    "agent_name,call_id,cost,currency,duration_ms,error,error_code,goal,input_tokens,latency_ms,"
    "model_name,output_tokens,provider_name,reason,result,step,steps,tool_name,trigger,usage"
)
COLUMNS = f"""
    e.id, e.created_at, e.run_id, e.trace_id, e.correlation_id, e.causation_id, e.event_type,
    e.aggregate_type, e.aggregate_id, e.sequence, e.actor_type, e.actor_id, e.outcome,
    (
      select jsonb_object_agg(f.key, f.value)
      from (
        select case
          when pg_column_size(e.payload) <= %(largest)s then {redacting.PAYLOAD}
        end as payload
        offset 0
      ) as p
      cross join jsonb_each(case jsonb_typeof(p.payload) when 'object' then p.payload end) as f
      where f.key = any(string_to_array('{_TOLD}', ',')) and pg_column_size(f.value) <= 2000
    ) as told
"""
"""SQL: what `steps_of` takes, of an event e; for `read_steps`."""

LARGEST_TOLD = 65_536
"""Bytes, as stored, of a payload that is looked into; unpacked it may have a hundred times that."""

_STAGE = re.compile(
    r"(?P<about>.+)[._](?:(?P<begins>started|called|requested)|"
    r"completed|failed|cancelled|finished|returned)"
)


@dataclass
class Step:
    """An event on a timeline.

    event      as `COLUMNS` selects it
    told       what its payload says that is worth a place in a line, by name
    began      when what it tells of began; the same as `ended` where nothing says how long it took
    end        the event that ended what this one began, None where there is none
    is_end     whether it is the `end` of another step
    """

    event: Row
    told: Row
    began: datetime
    ended: datetime
    end: Step | None = None
    is_end: bool = False
    children: list[Step] = field(default_factory=list)

    @property
    def depth(self) -> int:
        """How far below a root it is, where the event says so."""
        return int(self.event.get("depth", 0))

    @property
    def seconds(self) -> float | None:
        """How long it took, None where nothing says so."""
        took = (self.ended - self.began).total_seconds()
        return took if self.end or took else None

    @property
    def outcome(self) -> str | None:
        """How it came out, as the event or its end says."""
        last = self.end or self
        outcome: str | None = last.event["outcome"] or self.event["outcome"]
        if outcome is None and last.event["event_type"].endswith("failed"):
            return "failure"
        return outcome

    @property
    def subject(self) -> str | None:
        """The tool, model or agent that it is about."""
        for name in ("tool_name", "model_name", "agent_name"):
            if isinstance(self.told.get(name), str):
                return str(self.told[name])
        return None

    def said(self, name: str) -> Any:
        """Return what the step says, or else its end; None where neither does."""
        found = self.told.get(name)
        return self.end.told.get(name) if found is None and self.end else found


@dataclass(frozen=True)
class Timeline:
    """From the first beginning to the last end."""

    began: datetime
    ended: datetime

    @classmethod
    def of(cls, steps: Sequence[Step]) -> Timeline:
        """Return the one on which all of the steps have a place; there is one at least."""
        return cls(min(step.began for step in steps), max(step.ended for step in steps))

    @property
    def seconds(self) -> float:
        """How long it is."""
        return (self.ended - self.began).total_seconds()

    def bar(self, step: Step) -> tuple[int, int]:
        """Return where a step begins, and its width, in units."""
        width = max(_NARROWEST, round(self._share(step.ended - step.began) * WIDTH))
        left = round(self._share(step.began - self.began) * WIDTH)
        return min(left, WIDTH - width), width

    def after(self, step: Step) -> float:
        """Return how many seconds after the beginning a step began."""
        return (step.began - self.began).total_seconds()

    def _share(self, part: timedelta) -> float:
        return part.total_seconds() / self.seconds if self.seconds else 0


async def read_steps(reader: Reader, query: LiteralString, **parameters: Any) -> list[Row]:
    """Run a query with `COLUMNS`; where payloads take half of the time, without what they say.

    Raises:
        psycopg.errors.QueryCanceled: it takes longer than it may even so.
    """
    try:
        async with reader.within(reader.timeout / 2):
            return await reader.rows(query, largest=LARGEST_TOLD, **parameters)
    except psycopg.errors.QueryCanceled:
        return await reader.rows(query, largest=0, **parameters)


def steps_of(events: Iterable[Row]) -> list[Step]:
    """Return the steps that events are, in their order, with beginnings and ends paired."""
    steps = [_step(event) for event in events]
    _pair(sorted(steps, key=lambda step: step.event["created_at"]))
    return steps


def tree_of(steps: Iterable[Step]) -> list[Step]:
    """Hang each step, which come depth first, below its cause; return those that hang nowhere.

    Where steps begin in the middle of a tree, the first are such.
    """
    roots: list[Step] = []
    above: list[Step] = []
    for step in steps:
        while above and (above[-1].depth >= step.depth or len(above) >= DEEPEST):
            above.pop()
        (above[-1].children if above else roots).append(step)
        above.append(step)
    return roots


def number_of(value: Any) -> int | Decimal | None:
    """Return a number of a payload that can be reckoned with, None where it is none."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return None
    return value if 0 <= value <= _LONGEST_MS else None


def _step(event: Row) -> Step:
    told = event["told"] or {}
    took = number_of(told.get("latency_ms")) or number_of(told.get("duration_ms")) or 0
    at = event["created_at"]
    return Step(event, told, at - timedelta(milliseconds=float(took)), at)


def _pair(steps: list[Step]) -> None:
    """Give each step that ended another to that one: the one that caused it, or that is alike."""
    begun: dict[tuple[Any, ...], list[Step]] = defaultdict(list)
    for step in steps:
        stage = _STAGE.fullmatch(step.event["event_type"])
        if stage is None:
            continue
        event = step.event
        open_ones = begun[
            stage["about"], event["run_id"], event["aggregate_type"], event["aggregate_id"]
        ]
        if stage["begins"]:
            step.began = step.ended
            open_ones.append(step)
        elif beginning := _beginning(step, open_ones):
            open_ones.remove(beginning)
            beginning.end, beginning.ended = step, step.ended
            step.began, step.is_end = step.ended, True


def _beginning(end: Step, open_ones: list[Step]) -> Step | None:
    cause: UUID | None = end.event["causation_id"]
    caused = (step for step in open_ones if step.event["id"] == cause)
    alike = (step for step in open_ones if _call(step) == _call(end))
    return next(caused, None) or next(alike, None)


def _call(step: Step) -> str:
    return str(step.told.get("call_id") or step.told.get("tool_name"))
