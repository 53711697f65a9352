"""compile_schema() and explain_payload() against the `jsonschema` package, on generated pairs."""

from __future__ import annotations

import functools
import json
from typing import Any

import psycopg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

Json = Any
Connection = psycopg.Connection[Any]

KEYS = ["a", "b", "long_name", "", "a/b", "x~y", 'q"u\\o', "$", "key", "value", "ü", "型"]
# None ends with a line break: Python's $ matches before it, that of ECMA-262, which JSON Schema
# means, does not.
TEXTS = [
    *["", "a", "ab", "abc", "A1", "a-b", "2024", "2024-01-31", "é", "日本語", "😀", "a\nb", "."],
    *['"', "\\", "x" * 255, "x" * 256, "%s", "[a]", "a" * 40],
]
PATTERNS = [
    *["^a", "b$", "^[a-z]+$", "^[A-Z][0-9]$", "[^a]", ".", "^.{2}$", "a.b", "a|b", "^(?:a|ab)c?$"],
    *["^[0-9]{4}-[0-9]{2}-[0-9]{2}$", "\\.", "\\\\", "[\\]\\[]", "^$", "", "日", "[à-ÿ]", "[a-c-]"],
    *["x{255}", "(a|b)*?c", "/", "[-a]", "[.]", '"'],
]
# jsonschema takes an empty pattern alone for none when it looks for additional properties.
PROPERTY_PATTERNS = [pattern for pattern in PATTERNS if pattern]
TYPES = ["null", "boolean", "integer", "number", "string", "array", "object"]

numbers = st.one_of(
    st.integers(-4, 4),
    st.integers(-(10**20), 10**20),
    st.integers(-8, 8).map(lambda n: n / 4),
    st.sampled_from([1.0, 0.0, -2.0, 1e15]),
)
scalars = st.one_of(st.none(), st.booleans(), numbers, st.sampled_from(TEXTS))
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4)
    ),
    max_leaves=8,
)
counts = st.sampled_from([0, 1, 2, 3, 1.0])
names = st.lists(st.sampled_from(KEYS), max_size=3, unique=True)


@functools.cache  # hypothesis looks through a new strategy before it draws from it
def keywords(schemas: st.SearchStrategy[Json]) -> dict[str, st.SearchStrategy[Json]]:
    """Every supported keyword that checks something; $ref is added at the root."""
    branches = st.lists(schemas, min_size=1, max_size=3)
    properties = st.dictionaries(st.sampled_from(KEYS), schemas, max_size=4)
    return {
        "type": st.sampled_from(TYPES)
        | st.lists(st.sampled_from(TYPES), min_size=1, max_size=3, unique=True),
        "const": values,
        "enum": st.lists(values, min_size=1, max_size=4),
        "required": names,
        "minProperties": st.sampled_from([0, 1]),
        "maxProperties": st.just(0),
        "minItems": counts,
        "maxItems": counts,
        "minimum": numbers,
        "maximum": numbers,
        "exclusiveMinimum": numbers,
        "exclusiveMaximum": numbers,
        "multipleOf": st.sampled_from([1, 2, 3, 0.5, 0.25, 2.0]),
        "minLength": st.sampled_from([0, 1, 2, 3, 255, 256, 2.0]),
        "maxLength": st.sampled_from([0, 1, 2, 3, 254, 255, 256, 3.0]),
        "pattern": st.sampled_from(PATTERNS),
        "dependentRequired": st.dictionaries(st.sampled_from(KEYS), names, max_size=2),
        "properties": properties,
        "additionalProperties": schemas,
        "patternProperties": st.dictionaries(
            st.sampled_from(PROPERTY_PATTERNS), schemas, max_size=2
        ),
        "propertyNames": schemas,
        "items": schemas,
        "prefixItems": branches,
        "contains": schemas,
        "allOf": branches,
        "anyOf": branches,
        "oneOf": branches,
        "not": schemas,
        "if": schemas,
        "then": schemas,
        "else": schemas,
        "format": st.sampled_from(["uuid", "date-time"]),
        "title": st.just("a title"),
        "x-anything": st.just({"unsupported": 1}),
    }


chosen_keywords = st.lists(
    st.sampled_from(sorted(keywords(st.nothing()))), min_size=1, max_size=4, unique=True
)


@st.composite
def objects(draw: st.DrawFn, inner: st.SearchStrategy[Json]) -> Json:
    choices = keywords(inner)
    chosen = draw(chosen_keywords)
    return {keyword: draw(choices[keyword]) for keyword in chosen}


references = st.sampled_from([{"$ref": "#/$defs/one"}, {"$ref": "#/$defs/t~1wo", "minItems": 1}])
plain = objects(st.booleans())
schemas = st.recursive(st.booleans() | plain | references, objects, max_leaves=4)
nested = objects(schemas)


@st.composite
def roots(draw: st.DrawFn) -> Json:
    """A schema that defines what it may refer to."""
    schema = draw(nested)
    return schema | {"$defs": {"one": draw(plain), "t/wo": draw(plain)}}


by_type: dict[str, st.SearchStrategy[Json]] = {
    "null": st.none(),
    "boolean": st.booleans(),
    "integer": st.integers(-4, 4) | st.just(2.0),
    "number": numbers,
    "string": st.sampled_from(TEXTS),
}
more_keys = st.lists(st.sampled_from(KEYS), max_size=2)
dice = st.integers(0, 5)


@st.composite
def payloads(draw: st.DrawFn, schema: Json) -> Json:
    """Often what the schema asks for, so that valid payloads are not rare."""
    if not isinstance(schema, dict) or draw(dice) == 0:
        return draw(values)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return draw(st.sampled_from(schema["enum"]))
    for keyword in ("allOf", "anyOf", "oneOf"):
        if keyword in schema and "type" not in schema:
            return draw(payloads(draw(st.sampled_from(schema[keyword]))))
    types = schema.get("type", "object" if "properties" in schema else TYPES)
    kind = draw(st.sampled_from([types] if isinstance(types, str) else types))
    if kind == "object":
        asked = schema.get("required", []) + list(schema.get("properties", {}))
        keys = draw(more_keys) if draw(st.booleans()) else []
        parts = schema.get("properties", {})
        rest = schema.get("additionalProperties", True)
        return {key: draw(payloads(parts.get(key, rest))) for key in [*asked, *keys]}
    if kind == "array":
        first = [draw(payloads(s)) for s in schema.get("prefixItems", [])]
        return first + draw(st.lists(payloads(schema.get("items", True)), max_size=3))
    return draw(by_type[kind])


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Json, list[Json]]:
    schema = draw(roots())
    return schema, draw(st.lists(payloads(schema), min_size=8, max_size=8))


generated = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@settings(generated, max_examples=1500)
@given(pair=pairs())
def test_predicate_says_what_jsonschema_says(pg: Connection, pair: tuple[Json, list[Json]]) -> None:
    schema, candidates = pair
    verdicts = pg.execute(
        """
        with compiled as materialized (select ledger.compile_schema(%s) as predicate)
        select p.payload, coalesce(p.payload @@ c.predicate, c.predicate is null)
        from jsonb_array_elements(%s::jsonb) as p (payload)
        cross join compiled as c
        """,
        [json.dumps(schema), json.dumps(candidates)],
    )
    validator = Draft202012Validator(schema)
    for payload, verdict in verdicts:
        assert verdict == validator.is_valid(payload), (schema, payload)


@settings(generated, max_examples=150)
@given(pair=pairs())
def test_only_invalid_payloads_are_explained(pg: Connection, pair: tuple[Json, list[Json]]) -> None:
    schema, candidates = pair
    explanations = pg.execute(
        """
        select
          p.payload,
          array(select (e.pointer, e.reason)::text from ledger.explain_payload(p.payload, %s) as e)
        from jsonb_array_elements(%s::jsonb) as p (payload)
        """,
        [json.dumps(schema), json.dumps(candidates)],
    )
    validator = Draft202012Validator(schema)
    for payload, reasons in explanations:
        assert (reasons == []) == validator.is_valid(payload), (schema, payload, reasons)


def test_an_empty_pattern_matches_every_name(pg: Connection) -> None:
    schema = {"patternProperties": {"": {"type": "integer"}}, "additionalProperties": False}
    verdicts = pg.execute(
        "select jsonb '{\"a\": 1}' @@ p, jsonb '{\"a\": null}' @@ p"
        " from ledger.compile_schema(%s) as p",
        [json.dumps(schema)],
    )
    assert verdicts.fetchone() == (True, False)
