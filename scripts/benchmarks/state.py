"""The measurement of `scripts/bench state`: one long stream, read through snapshots and without.

The states are held against a fold in plain Python, which knows nothing of the database.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import Any

import psycopg
from log import Figure
from server import Bench

BATCH = 10_000
STREAM = {"event_type": "deal.changed", "aggregate_type": "deal", "aggregate_id": "42"}
NOW = "select state, replayed from ledger.state_of('deal', '42', tenant_id => 'acme')"
BY_SEQUENCE = """
    select state, replayed
    from ledger.state_of('deal', '42', at_sequence => %s, tenant_id => 'acme')
"""
BY_TIME = """
    select state, replayed from ledger.state_of('deal', '42', at_time => %s, tenant_id => 'acme')
"""
WITHOUT_SNAPSHOTS = """
    select s.state, s.replayed
    from ledger.find_reducer('deal') as r
    cross join ledger.advance_state(
      'acme',
      row('deal', '42', 0, null, null, null, r.initial, null, 0)::ledger.aggregate_state,
      r
    ) as s
"""


@dataclass(frozen=True)
class StatePlan:
    events: int
    moments: int
    rounds: int


def measure_state(bench: Bench, plan: StatePlan, say: Callable[[str], None]) -> list[Figure]:
    """Fill one stream, make its snapshots, and read it at many moments."""
    with psycopg.connect(bench.dsn, autocommit=True) as connection:
        connection.execute("set synchronous_commit = off")
        connection.execute("select ledger.register_event_type('deal.changed', '{}')")
        chosen = sorted(random.Random(1).sample(range(1, plan.events), plan.moments))
        say(f"emitting {plan.events:,} events of one aggregate")
        states = fill(connection, plan.events, {*chosen, plan.events})
        connection.execute("select ledger.seal_all()")
        connection.execute("vacuum analyze")
        say("making snapshots")
        making = timed(lambda: connection.execute("call ledger.maintain()"))[0]
        (count,) = connection.execute("select count(*) from ledger.snapshots").fetchone() or (0,)
        say("reading")
        moments = [*read_moments(connection, chosen, states)]
        # A little after a snapshot, and just before the next one.
        latest = [read(connection, NOW)[0] for _ in range(50)]
        worst = [read(connection, BY_SEQUENCE, plan.events - 1)[0] for _ in range(50)]
        full = []
        for number in range(plan.rounds):
            say(f"replaying all of it, {number + 1} of {plan.rounds}")
            took, state = read(connection, WITHOUT_SNAPSHOTS)
            check(state, states[plan.events], plan.events)
            full.append(took)
    return [
        Figure("snapshots", count, "", plan.events // 1000),
        Figure("maintain, events a second", plan.events / making, "/s"),
        Figure("state_of now", median(latest) * 1000, "ms", 20, is_cost=True),
        Figure("state_of, 999 events after a snapshot", median(worst) * 1000, "ms"),
        Figure(f"state_of, {plan.moments} random moments", median(moments) * 1000, "ms"),
        Figure("the slowest of them", max(moments) * 1000, "ms"),
        Figure("full replay", median(full), "s"),
        Figure("full replay / state_of now", median(full) / median(latest), "x", 50),
        Figure("full replay / 999 events after", median(full) / median(worst), "x", 50),
        Figure("states that are not the oracle's", 0, "", 0, is_cost=True),
    ]


def fill(
    connection: psycopg.Connection[Any], events: int, wanted: set[int]
) -> dict[int, dict[str, Any]]:
    """Emit the events; the state, as Python folds it, at each of the wanted sequences."""
    states: dict[int, dict[str, Any]] = {}
    state: dict[str, Any] = {}
    some = random.Random(2)
    for first in range(1, events + 1, BATCH):
        batch = []
        for sequence in range(first, min(first + BATCH, events + 1)):
            patch = payload(some, sequence)
            state = merge_patch(state, patch)
            if sequence in wanted:
                states[sequence] = state
            batch.append(STREAM | {"payload": patch, "publish": False})
        connection.execute(
            "select count(*) from ledger.emit_events(%s, 'acme')", [json.dumps(batch)]
        )
    return states


def payload(some: random.Random, sequence: int) -> dict[str, Any]:
    """Make a change of a deal: a few fields, every tenth nested, now and then one removed."""
    patch: dict[str, Any] = {"stage": some.choice("abcdef"), "amount": sequence}
    patch[f"field_{some.randrange(30)}"] = f"value {some.randrange(10_000)}"
    if sequence % 10 == 0:
        patch["contact"] = {f"name_{some.randrange(5)}": some.choice([None, "Ada", "Bob"])}
    if sequence % 25 == 0:
        patch[f"field_{some.randrange(30)}"] = None
    return patch


def merge_patch(target: Any, patch: Any) -> Any:
    """RFC 7396, section 2."""
    if not isinstance(patch, dict):
        return patch
    target = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            target.pop(name, None)
        else:
            target[name] = merge_patch(target.get(name), value)
    return target


def read_moments(
    connection: psycopg.Connection[Any], chosen: list[int], states: dict[int, dict[str, Any]]
) -> Iterator[float]:
    """Read each moment by its time, and by its sequence; seconds of the former."""
    times = dict(
        connection.execute(
            "select sequence, created_at from ledger.events where aggregate_id = '42'"
            " and aggregate_type = 'deal' and tenant_id = 'acme' and sequence = any(%s)",
            [chosen],
        ).fetchall()
    )
    for sequence in random.Random(3).sample(chosen, len(chosen)):
        took, state = read(connection, BY_TIME, times[sequence])
        check(state, states[sequence], sequence)
        check(read(connection, BY_SEQUENCE, sequence)[1], states[sequence], sequence)
        yield took


def read(
    connection: psycopg.Connection[Any], query: str, *parameters: Any
) -> tuple[float, dict[str, Any]]:
    """Seconds that it took, and the state."""
    took, row = timed(lambda: connection.execute(query, parameters or None).fetchone())  # type: ignore[arg-type]
    return took, row[0]


def check(state: dict[str, Any], expected: dict[str, Any], sequence: int) -> None:
    if state != expected:
        raise SystemExit(f"the state at sequence {sequence} is not what Python makes of it")


def timed(action: Callable[[], Any]) -> tuple[float, Any]:
    start = perf_counter()
    result = action()
    return perf_counter() - start, result
