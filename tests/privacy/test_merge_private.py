"""merge_private() puts back what split_private() took out."""

from __future__ import annotations

import json
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

Json = Any
Connection = psycopg.Connection[Any]

KEYS = st.sampled_from(["", "a", "b", "0", "1", "-1", "*", "a/b", "~", "~1", "~0", '"', "ä"])
SCALARS = st.none() | st.booleans() | st.integers(-9, 9) | st.text('xy\\"{}', max_size=3)
DOCUMENTS = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
STEPS = KEYS.map(lambda key: "/" + key.replace("~", "~0").replace("/", "~1"))
POINTERS = st.lists(STEPS, min_size=1, max_size=3).map("".join)


@settings(
    max_examples=1000,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@example(payload=["a"], pointers=["/0", "/*"])
@given(payload=DOCUMENTS, pointers=st.lists(POINTERS, max_size=5))
def test_merge_is_the_inverse_of_split(pg: Connection, payload: Json, pointers: list[str]) -> None:
    row = pg.execute(
        """
        select ledger.merge_private(s.public, s.private) = %(payload)s::jsonb, s.public, s.private
        from ledger.split_private(%(payload)s::jsonb, %(pointers)s::text[]) as s
        """,
        {"payload": json.dumps(payload), "pointers": pointers},
    ).fetchone()
    assert row is not None
    assert row[0], row


@given(steps=st.lists(KEYS, max_size=4))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_pointer_path_reads_what_pointer_step_writes(pg: Connection, steps: list[str]) -> None:
    row = pg.execute(
        """
        select ledger.pointer_path(coalesce(string_agg(ledger.pointer_step(s), '' order by n), ''))
        from unnest(%s::text[]) with ordinality as u (s, n)
        """,
        [steps],
    ).fetchone()
    assert row == (steps,)


@pytest.mark.parametrize(
    ("payload", "private", "merged"),
    [
        ({"b": 2}, {}, {"b": 2}),
        ({"b": 2}, {"/a": None}, {"a": None, "b": 2}),
        ({"": {}}, {"//1": 1}, {"": {"1": 1}}),
        ({"tags": [None, "b"]}, {"/tags/0": "a"}, {"tags": ["a", "b"]}),
        ({}, {"/gone/a": 1}, {}),
    ],
)
def test_merge(pg: Connection, payload: Json, private: Json, merged: Json) -> None:
    row = pg.execute(
        "select ledger.merge_private(%s, %s)", [json.dumps(payload), json.dumps(private)]
    ).fetchone()
    assert row == (merged,)
