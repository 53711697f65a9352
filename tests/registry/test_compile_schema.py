"""What a schema may say, and what the predicate made of it lets through."""

from __future__ import annotations

import json
from typing import Any

import psycopg
import pytest

Connection = psycopg.Connection[Any]


def is_valid(pg: Connection, schema: object, payload: str) -> bool:
    statement = """
    select coalesce(%s::jsonb @@ c.predicate, c.predicate is null)
    from (select ledger.compile_schema(%s) as predicate) as c
    """
    row = pg.execute(statement, [payload, json.dumps(schema)]).fetchone()
    assert row is not None
    return bool(row[0])


def refusal(pg: Connection, schema: object) -> psycopg.errors.Diagnostic:
    with pytest.raises(psycopg.Error) as caught:
        pg.execute("select ledger.compile_schema(%s)", [json.dumps(schema)])
    assert caught.value.sqlstate == "LG009"
    return caught.value.diag


@pytest.mark.parametrize(
    "keyword",
    [
        *["uniqueItems", "minContains", "maxContains", "unevaluatedProperties", "unevaluatedItems"],
        *["dependentSchemas", "dependencies", "definitions", "additionalItems", "contentSchema"],
        *["$anchor", "$dynamicRef", "$dynamicAnchor", "$recursiveRef", "$vocabulary", "nullable"],
        *["Type", "tpye", ""],
    ],
)
def test_unsupported_keyword_is_refused_by_name(pg: Connection, keyword: str) -> None:
    diag = refusal(pg, {"properties": {"a/b": {"items": {keyword: {}}}}})
    assert diag.message_primary is not None
    assert f'"{keyword}" is not supported' in diag.message_primary
    assert diag.message_detail == f"at /properties/a~1b/items/{keyword}"


@pytest.mark.parametrize(
    ("schema", "pointer"),
    [
        ({"type": "text"}, "/type"),
        ({"type": []}, "/type"),
        ({"type": ["string", 1]}, "/type"),
        ({"enum": []}, "/enum"),
        ({"enum": "a"}, "/enum"),
        ({"required": "a"}, "/required"),
        ({"required": [1]}, "/required"),
        ({"properties": []}, "/properties"),
        ({"properties": {"a": 1}}, "/properties/a"),
        ({"properties": {"a": None}}, "/properties/a"),
        ({"items": [{}]}, "/items"),
        ({"allOf": []}, "/allOf"),
        ({"allOf": {}}, "/allOf"),
        ({"minimum": "1"}, "/minimum"),
        ({"minItems": -1}, "/minItems"),
        ({"minItems": 1.5}, "/minItems"),
        ({"minItems": True}, "/minItems"),
        ({"minProperties": 2}, "/minProperties"),
        ({"maxProperties": 3}, "/maxProperties"),
        ({"maxLength": 1001}, "/maxLength"),
        ({"multipleOf": 0}, "/multipleOf"),
        ({"pattern": 1}, "/pattern"),
        ({"dependentRequired": {"a": "b"}}, "/dependentRequired/a"),
        ({"$ref": "https://example.org/other"}, "/$ref"),
        ({"$ref": "#/properties/a"}, "/$ref"),
        ({"$schema": "http://json-schema.org/draft-07/schema#"}, "/$schema"),
        ({"x-private": "yes"}, "/x-private"),
        ({"$defs": {"unused": {"uniqueItems": True}}}, "/$defs/unused/uniqueItems"),
    ],
)
def test_malformed_value_is_refused(pg: Connection, schema: object, pointer: str) -> None:
    assert refusal(pg, schema).message_detail == f"at {pointer}"


@pytest.mark.parametrize("schema", [None, 1, "string", []])
def test_schema_that_is_no_schema_is_refused(pg: Connection, schema: object) -> None:
    assert refusal(pg, schema).message_detail == "at the root"


@pytest.mark.parametrize(
    "pattern",
    [
        *[
            "\\d+",
            "\\w",
            "\\s",
            "\\bword\\b",
            "\\p{L}",
            "(a)\\1",
            "(?=a)",
            "(?!a)",
            "(?<=a)b",
            "(?i)a",
        ],
        *["[[:alpha:]]", "[]a]", "[a", "(a", "a)", "*a", "a**", "^*", "{2}", "a{2", "[z-a]"],
        *["a{1,300}", "\\u0041", "\\n", "***:a", "[a&&b]["],
    ],
)
def test_pattern_that_engines_read_differently_is_refused(pg: Connection, pattern: str) -> None:
    assert refusal(pg, {"properties": {"a": {"pattern": pattern}}}).message_detail == (
        "at /properties/a/pattern"
    )


def test_dollar_means_the_end_and_dot_no_line_terminator(pg: Connection) -> None:
    assert is_valid(pg, {"pattern": "^a$"}, '"a"')
    assert not is_valid(pg, {"pattern": "^a$"}, '"a\\n"')
    assert not is_valid(pg, {"pattern": "^a$"}, '"a\\nb"')
    for terminator in ("\\n", "\\r", "\\u2028", "\\u2029"):
        assert not is_valid(pg, {"pattern": "^.$"}, f'"{terminator}"')
        assert is_valid(pg, {"pattern": "^[^a]$"}, f'"{terminator}"')


def test_format_is_an_annotation(pg: Connection) -> None:
    assert is_valid(pg, {"format": "uuid"}, '"no uuid"')


@pytest.mark.parametrize(
    ("schema", "payload", "expected"),
    [
        ({"type": "integer"}, "1.0", True),
        ({"type": "integer"}, "1e400", True),
        ({"type": "integer"}, "1.5", False),
        ({"type": "integer"}, "true", False),
        ({"const": 1}, "1.00", True),
        ({"const": 1}, "true", False),
        ({"const": 0}, "false", False),
        ({"enum": [[1, {"a": None}]]}, '[1.0, {"a": null}]', True),
        ({"enum": [[1, {"a": None}]]}, '[1, {"a": null, "b": 1}]', False),
        ({"maximum": 1e300}, "1" + "0" * 400, False),
        ({"maximum": 9007199254740993}, "9007199254740994", False),
        ({"multipleOf": 0.1}, "0.3", True),
        ({"required": ["a"]}, '{"a": null}', True),
        ({"required": ["a"]}, "{}", False),
        ({"required": ["a"]}, "[]", True),
        ({"type": "string"}, '["a"]', False),
        ({"items": {"type": "string"}}, '[["a"]]', False),
        ({"items": {"type": "array", "items": {"type": "string"}}}, '[["a"], []]', True),
        ({"items": {"type": "array", "items": {"type": "string"}}}, '[["a"], [1]]', False),
        ({"not": {"properties": {"a": {"type": "string"}}}}, "{}", False),
        ({"maxLength": 1}, '"😀"', True),
        ({"minLength": 2}, '"😀"', False),
        ({"maxLength": 1000}, json.dumps("\n" * 1000), True),
        ({"maxLength": 1000}, json.dumps("x" * 1001), False),
        ({"minLength": 1000}, json.dumps("x" * 999), False),
        (
            {"type": "object", "properties": {'a.b"c\\': {"type": "null"}}},
            '{"a.b\\"c\\\\": 1}',
            False,
        ),
    ],
)
def test_verdict(pg: Connection, schema: object, payload: str, expected: bool) -> None:
    assert is_valid(pg, schema, payload) is expected


def test_schema_that_checks_nothing_has_no_predicate(pg: Connection) -> None:
    for schema in ("{}", "true", '{"title": "anything", "properties": {"a": {}}}'):
        assert pg.execute("select ledger.compile_schema(%s)", [schema]).fetchone() == (None,)


def test_enum_of_thousands(pg: Connection) -> None:
    schema = {"enum": [f"value {n}" for n in range(3000)]}
    assert is_valid(pg, schema, '"value 2999"')
    assert not is_valid(pg, schema, '"value 3000"')


def test_reference_is_resolved(pg: Connection) -> None:
    schema = {
        "properties": {"net": {"$ref": "#/$defs/money", "required": ["currency"]}},
        "$defs": {
            "money": {"type": "object", "properties": {"amount": {"$ref": "#/$defs/amount"}}},
            "amount": {"type": "number"},
        },
    }
    assert is_valid(pg, schema, '{"net": {"amount": 1, "currency": "EUR"}}')
    assert not is_valid(pg, schema, '{"net": {"amount": 1}}')
    assert not is_valid(pg, schema, '{"net": {"amount": "1", "currency": "EUR"}}')


def test_property_named_like_a_keyword_is_a_property(pg: Connection) -> None:
    schema = {"properties": {"$ref": {"type": "string"}, "uniqueItems": {"type": "boolean"}}}
    assert is_valid(pg, schema, '{"$ref": "a", "uniqueItems": true}')
    assert not is_valid(pg, schema, '{"$ref": 1}')


def test_recursive_reference_is_refused(pg: Connection) -> None:
    schema = {
        "$ref": "#/$defs/tree",
        "$defs": {"tree": {"properties": {"left": {"$ref": "#/$defs/tree"}}}},
    }
    assert 'to "tree" is recursive' in str(refusal(pg, schema).message_primary)


def test_reference_to_nothing_is_refused(pg: Connection) -> None:
    assert 'to "a" leads nowhere' in str(refusal(pg, {"$ref": "#/$defs/a"}).message_primary)


def test_schema_nested_too_deep_is_refused(pg: Connection) -> None:
    schema: dict[str, object] = {"type": "string"}
    for _ in range(50):
        schema = {"type": "object", "properties": {"a": schema}}
    assert is_valid(pg, schema, '{"a":' * 50 + '"text"' + "}" * 50)
    assert not is_valid(pg, schema, '{"a":' * 50 + "1" + "}" * 50)
    assert "100 steps" in str(refusal(pg, {"properties": {"a": schema}}).message_primary)


def test_combinations_that_explode_are_refused(pg: Connection) -> None:
    schema: dict[str, object] = {"type": "string"}
    for limit in range(2, 22):
        schema = {"oneOf": [schema, {"minLength": limit}, {"const": limit}]}
    assert "200,000 characters" in str(refusal(pg, schema).message_primary)


def test_references_that_explode_are_refused(pg: Connection) -> None:
    definitions: dict[str, object] = {"n0": {"type": "string", "minLength": 3}}
    for n in range(1, 40):
        definitions[f"n{n}"] = {"allOf": [{"$ref": f"#/$defs/n{n - 1}"}] * 2}
    schema = {"$ref": "#/$defs/n39", "$defs": definitions}
    assert "100,000 characters" in str(refusal(pg, schema).message_primary)
