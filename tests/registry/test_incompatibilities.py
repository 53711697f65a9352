"""Whether a new schema accepts everything that the old one accepts."""

from __future__ import annotations

import json
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

Json = Any
Connection = psycopg.Connection[Any]


def find(pg: Connection, old: Json, new: Json) -> list[str]:
    statement = "select pointer from ledger.incompatibilities(%s, %s, '') order by pointer"
    rows = pg.execute(statement, [json.dumps(old), json.dumps(new)])
    return [pointer for (pointer,) in rows]


def of_a(schema: Json) -> Json:
    return {"properties": {"a": schema}}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"type": "integer"}, {"type": "number"}),
        ({"type": "integer"}, {"type": ["null", "number"]}),
        ({"type": "string"}, {}),
        (
            {"type": "string"},
            {"type": "string", "title": "new", "description": "new", "examples": []},
        ),
        ({"type": "string"}, True),
        (False, {"type": "string"}),
        ({"enum": ["a", "b"]}, {"enum": ["b", "c", "a"]}),
        ({"const": "a"}, {"enum": ["a", "b"]}),
        ({"enum": ["a"]}, {"const": "a"}),
        ({"minimum": 2}, {"minimum": 1}),
        ({"exclusiveMinimum": 1}, {"minimum": 1}),
        ({"minimum": 2}, {"exclusiveMinimum": 1}),
        ({"maximum": 1}, {"maximum": 2}),
        ({"maximum": 1}, {"exclusiveMaximum": 2}),
        ({"minLength": 2}, {"minLength": 1}),
        ({"maxLength": 2}, {"maxLength": 3}),
        ({"pattern": "^a"}, {}),
        ({"required": ["a", "b"]}, {"required": ["b"]}),
        ({"properties": {"a": {}}}, {"properties": {"a": {}, "b": {"type": "string"}}}),
        ({"additionalProperties": False}, {"properties": {"b": {"type": "string"}}}),
        ({"additionalProperties": False}, {"additionalProperties": {"type": "string"}}),
        ({"anyOf": [{"const": 1}]}, {"anyOf": [{"const": 1}, {"const": 2}]}),
        ({"allOf": [{"minimum": 1}]}, {"allOf": [{"minimum": 0}]}),
        ({"minimum": 1, "type": "number"}, {"allOf": [{"minimum": 0}]}),
        ({"items": {"type": "integer"}}, {"items": {"type": "number"}}),
    ],
)
def test_wider_schema_is_compatible(pg: Connection, old: Json, new: Json) -> None:
    assert find(pg, of_a(old), of_a(new)) == []


@pytest.mark.parametrize(
    ("old", "new", "pointer"),
    [
        ({"type": "number"}, {"type": "integer"}, "/type"),
        ({"type": ["string", "null"]}, {"type": "string"}, "/type"),
        ({}, {"type": "string"}, "/type"),
        (True, {"type": "string"}, "/type"),
        ({"enum": ["a", "b"]}, {"enum": ["a"]}, "/enum"),
        ({"enum": [{"a": 1}]}, {"enum": [{"a": 1, "b": 2}]}, "/enum"),
        ({"enum": ["a", "b"]}, {"const": "a"}, "/const"),
        ({}, {"enum": ["a"]}, "/enum"),
        ({"minimum": 1}, {"minimum": 2}, "/minimum"),
        ({"minimum": 1}, {"exclusiveMinimum": 1}, "/exclusiveMinimum"),
        ({"maximum": 1}, {"exclusiveMaximum": 1}, "/exclusiveMaximum"),
        ({}, {"maximum": 1}, "/maximum"),
        ({"minLength": 1}, {"minLength": 2}, "/minLength"),
        ({"maxLength": 3}, {"maxLength": 2}, "/maxLength"),
        ({"maxItems": 3}, {"maxItems": 2}, "/maxItems"),
        ({"pattern": "^a"}, {"pattern": "^ab"}, "/pattern"),
        ({"required": ["a"]}, {"required": ["a", "b"]}, "/required"),
        ({}, {"dependentRequired": {"a": ["b"]}}, "/dependentRequired"),
        ({}, {"additionalProperties": False}, "/additionalProperties"),
        (
            {"additionalProperties": {"type": "number"}},
            {"properties": {"b": {"type": "string"}}},
            "/properties/b/type",
        ),
        (
            {"properties": {"b": {}}, "additionalProperties": False},
            {"additionalProperties": False},
            "/properties/b",
        ),
        (
            {"patternProperties": {"^b": {}}, "additionalProperties": False},
            {"properties": {"b": {"type": "string"}}, "patternProperties": {"^b": {}}},
            "/properties/b/type",
        ),
        (
            {"patternProperties": {"^b": {}}, "additionalProperties": False},
            {"additionalProperties": False},
            "/additionalProperties",
        ),
        ({"prefixItems": [{}], "items": {"const": 1}}, {"items": {"const": 1}}, "/items/const"),
        ({"anyOf": [{"const": 1}, {"const": 2}]}, {"anyOf": [{"const": 1}]}, "/anyOf/1"),
        ({}, {"anyOf": [{"const": 1}]}, "/anyOf/0/const"),
        ({"not": {"const": 1}}, {"not": {"enum": [1, 2]}}, "/not"),
        ({"if": True, "then": {}}, {"if": True, "then": {"minimum": 1}}, "/if"),
        ({"items": {}}, {"items": {"type": "string"}}, "/items/type"),
        ({"type": "string"}, False, ""),
    ],
)
def test_narrower_schema_is_incompatible(
    pg: Connection, old: Json, new: Json, pointer: str
) -> None:
    assert find(pg, of_a(old), of_a(new)) == [f"/properties/a{pointer}"]


KEYS = ["a", "b", "c"]
numbers = st.integers(0, 3)
values = st.none() | st.booleans() | numbers | st.sampled_from(["", "a", "ab"])


def objects(inner: st.SearchStrategy[Json]) -> st.SearchStrategy[Json]:
    branches = st.lists(inner, min_size=1, max_size=2)
    return st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from(["string", "integer", "number", "object", "array"])
            | st.lists(st.sampled_from(["string", "null", "array"]), min_size=1, unique=True),
            "enum": st.lists(values, min_size=1, max_size=3),
            "minimum": numbers,
            "exclusiveMaximum": numbers,
            "maxLength": numbers,
            "minItems": numbers,
            "required": st.lists(st.sampled_from(KEYS), max_size=2, unique=True),
            "properties": st.fixed_dictionaries(dict.fromkeys(KEYS, inner)),
            "patternProperties": st.dictionaries(st.sampled_from(["^a", "b$"]), inner, max_size=1),
            "additionalProperties": inner,
            "items": inner,
            "prefixItems": branches,
            "anyOf": branches,
            "allOf": branches,
        },
    )


schemas = st.recursive(st.booleans(), objects, max_leaves=5)
nested = objects(schemas)
additions = nested.filter(lambda added: len(added) <= 1)
dice = st.integers(0, 3)


@st.composite
def successors(draw: st.DrawFn, old: Json) -> Json:
    """The old schema with something dropped, replaced or added somewhere."""
    if not isinstance(old, dict) or draw(dice) == 0:
        return draw(st.sampled_from([old, True]) | schemas)
    new = dict(old)
    for keyword in draw(st.lists(st.sampled_from(sorted(old) or ["type"]), max_size=2)):
        if keyword in ("items", "additionalProperties") and keyword in old:
            new[keyword] = draw(successors(old[keyword]))
        elif keyword == "properties" and keyword in old:
            new[keyword] = {key: draw(successors(part)) for key, part in old[keyword].items()}
        else:
            new.pop(keyword, None)
    return new | draw(additions)


documents = st.recursive(
    values,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3)
    ),
    max_leaves=6,
)
ten_documents = st.lists(documents, min_size=10, max_size=10)


SCALAR = {"type": ["null", "boolean", "number", "string"]}


def closed(schema: Json) -> Json:
    """The schema without undeclared fields: those count as absent."""
    if not isinstance(schema, dict):
        return SCALAR if schema else False
    new = {"items": SCALAR} | schema
    for keyword, value in schema.items():
        if keyword in ("items", "additionalProperties"):
            new[keyword] = closed(value)
        elif keyword in ("properties", "patternProperties"):
            new[keyword] = {key: closed(part) for key, part in value.items()}
        elif keyword in ("prefixItems", "anyOf"):
            new[keyword] = [closed(part) for part in value]
    if schema.get("additionalProperties", True) is True and "patternProperties" not in schema:
        new["additionalProperties"] = False
    return new


@settings(
    max_examples=400,
    deadline=None,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.filter_too_much,
        HealthCheck.too_slow,
    ],
)
@given(data=st.data())
def test_what_is_called_compatible_is(pg: Connection, data: st.DataObject) -> None:
    old = data.draw(nested)
    new = data.draw(successors(old))
    assume(find(pg, old, new) == [])
    before, after = Draft202012Validator(closed(old)), Draft202012Validator(new)
    for payload in data.draw(ten_documents):
        assert not before.is_valid(payload) or after.is_valid(payload), (old, new, payload)
