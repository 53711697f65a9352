"""Every hash in the table equals the one that an independent implementation computes."""

from __future__ import annotations

import itertools
import json
import random
import uuid
from typing import Any

import psycopg
from event.leaf import check_chains, read_leaves
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

TEXT = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=40)
NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
PAYLOADS = st.dictionaries(TEXT, JSON, max_size=6)


def made_by_hypothesis(count: int) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = []

    @settings(
        max_examples=count,
        database=None,
        derandomize=True,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(PAYLOADS)
    def collect(payload: dict[str, Any]) -> None:
        made.append(payload)

    collect()
    return made


def vary(payloads: list[dict[str, Any]], count: int) -> list[dict[str, Any]]:
    """Events with every combination of given and missing fields, from a fixed seed."""
    chance = random.Random(7)
    events = []
    for number, payload in zip(range(count), itertools.cycle(payloads), strict=False):
        event: dict[str, Any] = {"event_type": "test.anything", "payload": {**payload, "n": number}}
        optional = {
            "trace_id": str(uuid.UUID(int=chance.getrandbits(128))),
            "correlation_id": str(uuid.UUID(int=chance.getrandbits(128))),
            "deal_id": str(uuid.UUID(int=chance.getrandbits(128))),
            "action_id": str(uuid.UUID(int=chance.getrandbits(128))),
            "actor_type": chance.choice(["user", "agent", "system", "webhook"]),
            "actor_id": chance.choice(["ada", "zoë", "機械", "a" * 255]),
            "outcome": chance.choice(["success", "failure", "partial", "pending"]),
            "metadata": {"latency": chance.random(), "note": chance.choice(["", "ü", "\u2028"])},
            "proof": {"type": "hash", "hash": f"{chance.getrandbits(64):x}"},
            "occurred_at": f"20{chance.randrange(10, 99)}-0{chance.randrange(1, 9)}"
            "-03T04:05:06.789012Z",
            "publish": chance.random() < 0.5,
        }
        event |= {key: value for key, value in optional.items() if chance.random() < 0.4}
        if chance.random() < 0.7:
            event |= {"aggregate_type": "thing", "aggregate_id": f"é{chance.randrange(500)}"}
        events.append(event)
    return events


def test_hundred_thousand_varied_events_hash_as_the_format_says(
    pg: psycopg.Connection[Any],
) -> None:
    pg.execute("select ledger.register_event_type('test.anything', '{}')")
    events = vary(made_by_hypothesis(2_000), 100_000)
    # One payload in 300 has a key that looks like a secret's: emit_events() writes its batch one by
    # one, the other batches with one statement each.
    for start in range(0, 95_000, 100):
        batch = json.dumps(events[start : start + 100])
        pg.execute("select count(*) from ledger.emit_events(%s::jsonb)", [batch])
    for event in events[95_000:]:
        given_ = ", ".join(f"{key} => %({key})s" for key in event)
        values = {k: json.dumps(v) if isinstance(v, dict) else v for k, v in event.items()}
        pg.execute(f"select ledger.emit_event({given_})", values)  # type: ignore[arg-type]
    leaves = list(read_leaves(pg))
    assert len(leaves) == 100_000
    check_chains(leaves)


def test_private_data_is_committed_to_by_its_salted_hash(pg: psycopg.Connection[Any]) -> None:
    pg.execute("select ledger.register_event_type('test.anything', '{}')")
    pg.execute(
        """select ledger.emit_event('test.anything', private => '{"name": "Ada"}',
        aggregate_type => 'thing', aggregate_id => '1')"""
    )
    private_hash, expected = pg.execute(
        """select e.private_hash,
            sha256('agent-events/private/v1'::bytea || '\\x00' || p.salt || p.private::text::bytea)
        from ledger.agent_events as e
        join ledger.event_private as p on p.event_id = e.id"""
    ).fetchone()
    assert private_hash == expected
    check_chains(list(read_leaves(pg)))
