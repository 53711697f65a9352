"""Bad input gives the documented SQLSTATE, never an internal error, and leaves nothing behind."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

INJECTION = "'; drop schema ledger cascade; --"
LONG = "x" * 300
BIG = '{"a": "' + "x" * 10_000_000 + '"}'
DENSE = '{"a": [' + "1, " * 1_000_000 + "1]}"  # 3 MB of text, 12 MB as jsonb

CASES: list[tuple[str, dict[str, Any], str]] = [
    ("event type of 200 characters", {"event_type": "a" * 200}, "LG002"),
    ("empty event type", {"event_type": ""}, "LG002"),
    ("no event type", {"event_type": None}, "LG009"),
    ("SQL as event type", {"event_type": INJECTION}, "LG002"),
    ("version that is not there", {"schema_version": 99}, "LG002"),
    ("negative version", {"schema_version": -1}, "LG002"),
    ("payload of 10 MB", {"payload": BIG}, "LG009"),
    ("metadata of 10 MB", {"metadata": BIG}, "LG009"),
    ("private data of 10 MB", {"private": BIG}, "LG009"),
    ("payload of many short items", {"payload": DENSE}, "LG009"),
    ("metadata of many short items", {"metadata": DENSE}, "LG009"),
    ("no payload", {"payload": None}, "LG009"),
    ("payload that is an array", {"payload": "[1]"}, "LG009"),
    ("payload that is text", {"payload": '"text"'}, "LG009"),
    ("payload that is null", {"payload": "null"}, "LG009"),
    ("payload that is no JSON", {"payload": "{"}, "22P02"),
    ("NUL in the payload", {"payload": '{"a": "\\u0000"}'}, "22P05"),
    ("number beyond numeric", {"payload": '{"a": 1e999999}'}, "22003"),
    ("unpaired surrogate", {"payload": '{"a": "\\ud800"}'}, "22P02"),
    ("metadata that is an array", {"metadata": "[]"}, "LG009"),
    ("headers that are text", {"headers": '"x"'}, "LG009"),
    ("private that is an array", {"private": "[]"}, "LG009"),
    ("run that is not there", {"run_id": "11111111-1111-4111-8111-111111111111"}, "LG006"),
    ("run that is no UUID", {"run_id": "nonsense"}, "22P02"),
    ("trace that is no UUID", {"trace_id": INJECTION}, "22P02"),
    ("tenant with SQL", {"tenant_id": INJECTION}, "LG009"),
    ("tenant of 300 characters", {"tenant_id": LONG}, "LG009"),
    ("empty tenant", {"tenant_id": ""}, "LG009"),
    ("every tenant", {"tenant_id": "*"}, "LG009"),
    ("aggregate without id", {"aggregate_type": "deal"}, "LG009"),
    ("aggregate without type", {"aggregate_id": "1"}, "LG009"),
    ("empty aggregate", {"aggregate_type": "", "aggregate_id": "1"}, "LG009"),
    ("aggregate id of 300 characters", {"aggregate_type": "a", "aggregate_id": LONG}, "LG009"),
    ("sequence without aggregate", {"expected_sequence": 1}, "LG009"),
    (
        "negative sequence",
        {"expected_sequence": -1, "aggregate_type": "a", "aggregate_id": "1"},
        "LG004",
    ),
    ("unknown actor type", {"actor_type": "robot"}, "LG009"),
    ("SQL as actor type", {"actor_type": INJECTION}, "LG009"),
    ("actor id of 300 characters", {"actor_id": LONG}, "LG009"),
    ("empty actor id", {"actor_id": ""}, "LG009"),
    ("unknown outcome", {"outcome": "maybe"}, "LG009"),
    ("proof of unknown type", {"proof": '{"type": "oath"}'}, "LG009"),
    ("proof without type", {"proof": '{"url": "https://example.com"}'}, "LG009"),
    ("proof with another key", {"proof": '{"type": "url", "extra": 1}'}, "LG009"),
    ("proof that is an array", {"proof": "[]"}, "LG009"),
    ("proof whose url is a number", {"proof": '{"type": "url", "url": 1}'}, "LG009"),
    ("occurred at infinity", {"occurred_at": "infinity"}, "LG009"),
    ("occurred at -infinity", {"occurred_at": "-infinity"}, "LG009"),
    ("occurred at nonsense", {"occurred_at": "yesteryear"}, "22007"),
    ("occurred in month 13", {"occurred_at": "2026-13-01"}, "22008"),
    ("empty idempotency key", {"idempotency_key": ""}, "LG009"),
    ("idempotency key of 300 characters", {"idempotency_key": LONG}, "LG009"),
    ("subject of 300 characters", {"subject_id": LONG, "private": "{}"}, "LG009"),
    ("subject without private data", {"subject_id": "s"}, "LG009"),
]
NAMES = [case[0] for case in CASES]


@pytest.fixture
def ledger(pg: psycopg.Connection[Any]) -> psycopg.Connection[Any]:
    pg.execute("select ledger.register_event_type('test.anything', '{}')")
    return pg


def assert_nothing_is_left(connection: psycopg.Connection[Any]) -> None:
    for table in ("agent_events", "outbox", "event_private", "streams", "idempotency_keys"):
        count = connection.execute(f"select count(*) from ledger.{table}")  # type: ignore[arg-type]
        assert count.fetchone() == (0,), table


def test_emit_event_refuses_bad_input(ledger: psycopg.Connection[Any]) -> None:
    for name, bad, sqlstate in CASES:
        arguments = {"event_type": "test.anything"} | bad
        given = ", ".join(f"{key} => %({key})s" for key in arguments)
        with pytest.raises(psycopg.Error) as refused:
            ledger.execute(f"select ledger.emit_event({given})", arguments)  # type: ignore[arg-type]
        assert refused.value.sqlstate == sqlstate, name
    assert_nothing_is_left(ledger)


def test_emit_events_refuses_the_same_input(ledger: psycopg.Connection[Any]) -> None:
    """Element by element, without what JSON cannot say or says differently."""
    for name, bad, sqlstate in CASES:
        if "tenant_id" in bad or bad.get("payload", "") in (None, "{", "null"):
            continue
        query = """select ledger.emit_events(jsonb_build_array(
            '{"event_type": "test.anything"}'::jsonb, %s::jsonb))"""
        element = to_element({"event_type": "test.anything"} | bad)
        with pytest.raises(psycopg.Error) as refused:
            ledger.execute(query, [element])
        assert refused.value.sqlstate == sqlstate, name
    assert_nothing_is_left(ledger)


def to_element(arguments: dict[str, Any]) -> str:
    import json

    documents = ("payload", "metadata", "private", "headers", "proof")
    parts = [
        f'"{key}": {value if key in documents else json.dumps(value)}'
        for key, value in arguments.items()
    ]
    return "{" + ", ".join(parts) + "}"


@pytest.mark.parametrize(
    ("events", "reason"),
    [
        ("{}", "must be a JSON array"),
        ("null", "must be a JSON array"),
        ('"x"', "must be a JSON array"),
        ("[1]", "element 0 of events is no object"),
        ('[{"event_type": "test.anything"}, null]', "element 1 of events is no object"),
        (
            '[{"event_type": "test.anything", "aggregatetype": "x"}]',
            "element 0 of events has a key",
        ),
        ('[{"event_type": "test.anything", "tenant_id": "x"}]', "element 0 of events has a key"),
    ],
)
def test_a_malformed_batch_is_refused(
    ledger: psycopg.Connection[Any], events: str, reason: str
) -> None:
    with pytest.raises(psycopg.Error, match=reason) as refused:
        ledger.execute("select ledger.emit_events(%s::jsonb)", [events])
    assert refused.value.sqlstate == "LG009"
    assert_nothing_is_left(ledger)


def test_sql_in_every_text_is_only_text(ledger: psycopg.Connection[Any]) -> None:
    ledger.execute(
        """select ledger.emit_event('test.anything', jsonb_build_object(%(x)s::text, %(x)s::text),
        aggregate_type => %(x)s, aggregate_id => %(x)s, actor_id => %(x)s, idempotency_key => %(x)s,
        subject_id => %(x)s, private => jsonb_build_object(%(x)s::text, 1))""",
        {"x": INJECTION},
    )
    row = ledger.execute("select aggregate_id, actor_id from ledger.agent_events").fetchone()
    assert row == (INJECTION, INJECTION)


def test_a_setting_that_is_no_uuid_is_an_ordinary_error(ledger: psycopg.Connection[Any]) -> None:
    ledger.execute("set ledger.context = 'on'")
    ledger.execute("set ledger.trace_id = 'nonsense'")
    with pytest.raises(psycopg.errors.InvalidTextRepresentation):
        ledger.execute("select ledger.emit_event('test.anything')")
