from __future__ import annotations

import json
from typing import Any

import psycopg
import pytest

Json = Any
Connection = psycopg.Connection[Any]


@pytest.mark.parametrize(
    ("payload", "paths", "public", "private"),
    [
        ({"a": 1, "b": 2}, ["/a"], {"b": 2}, {"/a": 1}),
        ({"a": None}, ["/a"], {}, {"/a": None}),
        ({"b": 2}, ["/a", "/a/b", "/b/c"], {"b": 2}, {}),
        ({"a": {"b": 1, "c": 2}}, ["/a/b"], {"a": {"c": 2}}, {"/a/b": 1}),
        ({"a": {"b": 1}}, ["/a/b", "/a"], {}, {"/a": {"b": 1}}),
        (
            {"people": [{"ssn": 1, "name": "x"}, {"name": "y"}, {"ssn": 3}]},
            ["/people/*/ssn"],
            {"people": [{"name": "x"}, {"name": "y"}, {}]},
            {"/people/0/ssn": 1, "/people/2/ssn": 3},
        ),
        (
            {"tags": ["a", "b"]},
            ["/tags/*"],
            {"tags": [None, None]},
            {"/tags/0": "a", "/tags/1": "b"},
        ),
        (
            {"pair": ["a", "b"], "c": 1},
            ["/pair/1", "/pair/*", "/c", "/pair/1", "/c"],
            {"pair": [None, None]},
            {"/pair/0": "a", "/pair/1": "b", "/c": 1},
        ),
        ({"pair": ["a", "b"]}, ["/pair/1"], {"pair": ["a", None]}, {"/pair/1": "b"}),
        (
            {"a/b": 1, "c~d": 2, "*": 3},
            ["/a~1b", "/c~0d", "/*"],
            {},
            {"/a~1b": 1, "/c~0d": 2, "/*": 3},
        ),
        ({"": {"1": 1}}, ["//1"], {"": {}}, {"//1": 1}),
        ([1], ["/a"], [1], {}),
        ("text", ["/a"], "text", {}),
        ({"a": 1}, None, {"a": 1}, {}),
    ],
)
def test_split(
    pg: Connection, payload: Json, paths: list[str] | None, public: Json, private: Json
) -> None:
    row = pg.execute(
        "select public, private from ledger.split_private(%s, %s::text[])",
        [json.dumps(payload), paths],
    ).fetchone()
    assert row == (public, private)
