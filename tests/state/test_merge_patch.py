"""JSON Merge Patch as RFC 7396 says, by its own examples and against an oracle."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.types.json import Jsonb
from state.streams import AnyConnection, merge_patch

MERGE = "select ledger.merge_patch(%s, %s)"

# RFC 7396, appendix A.
EXAMPLES: list[tuple[Any, Any, Any]] = [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    (["a", "b"], ["c", "d"], ["c", "d"]),
    ({"a": "b"}, ["c"], ["c"]),
    ({"a": "foo"}, None, None),
    ({"a": "foo"}, "bar", "bar"),
    ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
]

KEYS = st.sampled_from(["a", "b", "c", ""])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["", "x"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=12,
)


@pytest.mark.parametrize(("target", "patch", "result"), EXAMPLES)
def test_the_examples_of_the_rfc(pg: AnyConnection, target: Any, patch: Any, result: Any) -> None:
    assert pg.execute(MERGE, [Jsonb(target), Jsonb(patch)]).fetchone() == (result,)
    assert merge_patch(target, patch) == result


def test_no_target_is_an_empty_one(pg: AnyConnection) -> None:
    assert pg.execute(MERGE, [None, Jsonb({"a": {"b": None}, "c": None})]).fetchone() == (
        {"a": {}},
    )


def test_agrees_with_the_oracle(pg: AnyConnection) -> None:
    @settings(max_examples=500, deadline=None, suppress_health_check=list(HealthCheck))
    @given(VALUES, VALUES)
    def check(target: Any, patch: Any) -> None:
        row = pg.execute(MERGE, [Jsonb(target), Jsonb(patch)]).fetchone()
        assert row == (merge_patch(target, patch),)

    check()
