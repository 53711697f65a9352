"""Every failing constraint has a pointer and a reason in plain words."""

from __future__ import annotations

import json
from typing import Any

import psycopg
import pytest

Connection = psycopg.Connection[Any]


def explain(pg: Connection, schema: object, payload: object) -> dict[str, str]:
    statement = "select pointer, reason from ledger.explain_payload(%s, %s)"
    rows = pg.execute(statement, [json.dumps(payload), json.dumps(schema)]).fetchall()
    assert len(dict(rows)) == len(rows)
    return dict(rows)


@pytest.mark.parametrize(
    ("schema", "payload", "reason"),
    [
        ({"type": "string"}, 1, "must be string, is number"),
        ({"type": ["string", "null"]}, [], "must be string, null, is array"),
        ({"const": "a"}, "b", 'must be "a"'),
        ({"enum": ["a", ["b"]]}, "b", 'must be one of "a", ["b"]'),
        ({"minimum": 1}, 0, "must be at least 1"),
        ({"maximum": 1}, 2, "must be at most 1"),
        ({"exclusiveMinimum": 1}, 1, "must be more than 1"),
        ({"exclusiveMaximum": 1}, 1, "must be less than 1"),
        ({"multipleOf": 2}, 1, "must be a multiple of 2"),
        ({"minLength": 2}, "a", "must have at least 2 characters, has 1"),
        ({"maxLength": 2}, "abc", "must have at most 2 characters, has 3"),
        ({"pattern": "^a%s"}, "b", "must match ^a%s"),
        ({"minItems": 1}, [], "must have at least 1 items, has 0"),
        ({"maxItems": 1}, [1, 2], "must have at most 1 items, has 2"),
        ({"contains": {"const": 1}}, [2], 'must have an item that matches "contains"'),
        ({"minProperties": 1}, {}, "must not be empty"),
        ({"maxProperties": 0}, {"a": 1}, "must be empty"),
        (
            {"propertyNames": {"pattern": "^b"}},
            {"a": 1},
            'has a key that does not match "propertyNames"',
        ),
        ({"anyOf": [{"const": 1}]}, 2, 'must match at least one alternative of "anyOf"'),
        ({"oneOf": [{}, {}]}, 2, 'must match exactly one alternative of "oneOf"'),
        ({"not": {"const": 1}}, 1, 'must not match "not"'),
    ],
)
def test_reason(pg: Connection, schema: object, payload: object, reason: str) -> None:
    assert explain(pg, schema, payload) == {"": reason}


def test_every_failure_is_told_where_it_is(pg: Connection) -> None:
    schema = {
        "type": "object",
        "required": ["a", "gone"],
        "properties": {
            "a": {"type": "string"},
            "list": {"items": {"$ref": "#/$defs/row"}},
            "pair": {"prefixItems": [{"type": "string"}], "items": False},
            "x/y": {"allOf": [{"minimum": 5}]},
        },
        "patternProperties": {"^p_": {"type": "boolean"}, "^kind$": True},
        "additionalProperties": False,
        "dependentRequired": {"a": ["b"]},
        "if": {"required": ["kind"]},
        "then": {"properties": {"kind": {"const": "k"}}},
        "else": {"required": ["other"]},
        "$defs": {"row": {"required": ["id"]}},
    }
    payload = {
        "a": 1,
        "list": [{"id": 1}, {}],
        "pair": [1, 2],
        "x/y": 4,
        "p_a": 0,
        "kind": "other",
        "extra": None,
    }
    assert explain(pg, schema, payload) == {
        "/gone": "is required but missing",
        "/b": 'is required but missing when "a" is present',
        "/a": "must be string, is number",
        "/list/1/id": "is required but missing",
        "/pair/0": "must be string, is number",
        "/pair/1": "is not allowed here",
        "/x~1y": "must be at least 5",
        "/p_a": "must be boolean, is number",
        "/kind": 'must be "k"',
        "/extra": "is not allowed here",
    }


def test_valid_payload_has_no_reasons(pg: Connection) -> None:
    assert explain(pg, {"type": "object", "required": ["a"]}, {"a": None}) == {}


def test_reasons_never_quote_the_payload(pg: Connection) -> None:
    schema = {"enum": ["a"], "type": "string", "pattern": "^a", "maxLength": 1, "not": {}}
    reasons = pg.execute(
        "select reason from ledger.explain_payload(%s, %s)",
        [json.dumps("hunter2"), json.dumps(schema)],
    ).fetchall()
    assert len(reasons) == 4
    assert not any("hunter2" in reason for (reason,) in reasons)
