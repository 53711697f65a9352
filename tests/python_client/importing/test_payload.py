from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from agent_events._resources import sql_dir
from agent_events.importing import load_mapping
from agent_events.importing.mapping import Field
from agent_events.importing.payload import (
    NOTE_FIELD,
    NOTE_NUMBER,
    NOTE_STAND_IN,
    NOTE_TEXT,
    build_payload,
    read_details,
)

MAPPING = load_mapping()
VALIDATORS = {
    event_type: Draft202012Validator(
        json.loads(next(sql_dir().glob(f"catalog/*/{event_type}.v1.json")).read_text())
    )
    for event_type in sorted(set(MAPPING.events.values()))
}


def payload(event_type: str, details: dict[str, Any], notes: list[str] | None = None) -> Any:
    facts = {"action_id": "a", "event": "x", "actor": "user:bob", "details": details}
    fields = MAPPING.payloads[event_type]
    return build_payload(fields, facts, MAPPING.values, [] if notes is None else notes)


def test_fields_are_renamed_and_cast() -> None:
    details = {
        "type": "send_email",
        "params": {"to": "ann"},
        "needs_approval": "yes",
        "risk_level": "Critical",
        "deadline": 1780000000,
        "campaign": "spring",
    }
    assert payload("action.created", details) == {
        "action_type": "send_email",
        "parameters": {"to": "ann"},
        "requires_approval": True,
        "risk": "high",
        "expires_at": "2026-05-28T20:26:40+00:00",
        "campaign": "spring",
    }


def test_an_unusable_value_stays_out_and_is_noted() -> None:
    notes: list[str] = []
    assert payload("action.completed", {"attempt": 0, "duration_ms": "soon"}, notes) == {}
    assert notes == [NOTE_FIELD]


def test_plain_text_goes_where_the_schema_has_text() -> None:
    details = read_details("too expensive", [])
    assert payload("action.rejected", details) == {"reason": "too expensive"}
    assert payload("action.failed", details) == {"error": "too expensive"}
    assert payload("action.started", details) == {"text": "too expensive"}


def test_a_constant_stands_in_for_what_the_schema_requires() -> None:
    notes: list[str] = []
    assert payload("action.created", {"risk": "low"}, notes) == {
        "action_type": "unknown",
        "risk": "low",
    }
    assert notes == [NOTE_STAND_IN]


def test_constants_and_columns() -> None:
    fields = {"kind": Field(("=manual",)), "who": Field(("actor",)), "what": Field(("event",))}
    facts = {"action_id": "a", "event": "x", "actor": None, "details": {}}
    assert build_payload(fields, facts, {}, []) == {"kind": "manual", "what": "x"}


@pytest.mark.parametrize("text", ["by hand", '{"a": ', "[1, 2]", "7", '{"a": NaN}', "[" * 100_000])
def test_what_is_no_json_object_is_kept_as_text(text: str) -> None:
    notes: list[str] = []
    assert read_details(text, notes) == {"text": text}
    assert notes == [NOTE_TEXT]


@pytest.mark.parametrize("text", [None, "", "  ", "{}"])
def test_no_details(text: str | None) -> None:
    notes: list[str] = []
    assert read_details(text, notes) == {}
    assert notes == []


@pytest.mark.parametrize("number", ["1e400", "0.12345678901234567890123"])
def test_a_number_that_no_float_holds_is_kept_as_text(number: str) -> None:
    notes: list[str] = []
    assert read_details(f'{{"n": {number}, "m": 0.1}}', notes) == {"n": number, "m": 0.1}
    assert notes == [NOTE_NUMBER]


known = st.sampled_from(
    sorted({f for fields in MAPPING.payloads.values() for f in fields} | {"text", "type", "code"})
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(known, values, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(sorted(VALIDATORS)), st.dictionaries(known, json_values, max_size=6))
def test_whatever_the_details_the_payload_matches_its_schema(
    event_type: str, details: dict[str, Any]
) -> None:
    VALIDATORS[event_type].validate(payload(event_type, details))
