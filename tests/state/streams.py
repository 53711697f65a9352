"""Streams of events, their states, and what the states must be."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

AnyConnection = psycopg.Connection[Any]
Payload = dict[str, Any]

STATE = "select state from ledger.state_of('deal', %s, at_time => %s, at_sequence => %s)"


def merge_patch(target: Any, patch: Any) -> Any:
    """RFC 7396, section 2, word for word."""
    if not isinstance(patch, dict):
        return patch
    target = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            target.pop(name, None)
        else:
            target[name] = merge_patch(target.get(name), value)
    return target


def fold(payloads: Iterable[Payload]) -> list[Payload]:
    """Return the state after each payload."""
    states: list[Payload] = []
    for payload in payloads:
        states.append(merge_patch(states[-1] if states else {}, payload))
    return states


def payloads(count: int, seed: int = 7306) -> list[Payload]:
    """Make patches of every kind: flat, nested, with removals; the same for the same seed."""
    some = random.Random(seed)
    made: list[Payload] = []
    for number in range(count):
        patch: Payload = {"number": number, some.choice("abcdefgh"): some.randrange(1000)}
        if some.random() < 0.3:
            patch[some.choice("abcdefgh")] = None
        if some.random() < 0.3:
            patch["nested"] = {
                some.choice("xyz"): some.choice([None, 1, [1, None], {"deep": number}])
            }
        made.append(patch)
    return made


def emit(
    connection: AnyConnection,
    events: Sequence[Payload],
    aggregate_id: str = "42",
    aggregate_type: str = "deal",
    tenant_id: str | None = None,
) -> list[tuple[Any, ...]]:
    """Emit events of one aggregate; their (id, created_at, sequence)."""
    receipts: list[tuple[Any, ...]] = []
    for start in range(0, len(events), 1000):
        batch = [
            {
                "event_type": "deal.changed",
                "aggregate_type": aggregate_type,
                "aggregate_id": aggregate_id,
                "payload": payload,
            }
            for payload in events[start : start + 1000]
        ]
        receipts += connection.execute(
            "select id, created_at, sequence from ledger.emit_events(%s, %s)",
            [Jsonb(batch), tenant_id],
        ).fetchall()
    return receipts


def state_of(
    connection: AnyConnection,
    aggregate_id: str = "42",
    at_time: Any = None,
    at_sequence: int | None = None,
) -> Any:
    row = connection.execute(STATE, [aggregate_id, at_time, at_sequence]).fetchone()
    return None if row is None else row[0]


def snapshots(connection: AnyConnection, aggregate_id: str = "42") -> list[int]:
    """The sequences of an aggregate's snapshots."""
    rows = connection.execute(
        "select sequence from ledger.snapshots where aggregate_id = %s order by sequence",
        [aggregate_id],
    ).fetchall()
    return [sequence for (sequence,) in rows]


def maintain(connection: AnyConnection) -> None:
    """Seal, and make the snapshots that are due."""
    connection.execute("select ledger.seal_all()")
    connection.execute("call ledger.maintain()")
