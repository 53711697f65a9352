"""Details of an audit row → payload of an event."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from .mapping import Field
from .timestamps import BadTimestamp, parse_timestamp

NUMBER = re.compile(r"-?\d{1,30}(\.\d{1,30})?")
BOOLEANS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}

NOTE_TEXT = "details are no JSON object: kept as text"
NOTE_NUMBER = "details have a number too precise for most readers: kept as text"
NOTE_STAND_IN = "a payload field had no value: a constant of the mapping stands in"
NOTE_FIELD = "a payload field had an unusable value: kept in metadata only"


def read_details(text: str | None, notes: list[str]) -> dict[str, Any]:
    """Return the JSON object in details; {"text": text} for plain text, broken JSON, a list."""
    if text is None or not text.strip():
        return {}

    def number(literal: str) -> float | str:
        value = float(literal)
        if Decimal(repr(value)) == Decimal(literal):
            return value
        notes.append(NOTE_NUMBER)
        return literal

    try:
        details = json.loads(text, parse_float=number, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        details = None
    if isinstance(details, dict):
        return details
    notes.append(NOTE_TEXT)
    return {"text": text}


def build_payload(
    fields: Mapping[str, Field],
    facts: Mapping[str, Any],
    values: Mapping[str, Mapping[str, str]],
    notes: list[str],
) -> dict[str, Any]:
    """Return every key of the details, and the type's own fields cast as its schema wants.

    A key of the details that feeds a field is not repeated under its old name. A value that cannot
    be cast stays out of the payload (the event's metadata keep the whole row) and is noted.
    """
    filled: dict[str, Any] = {}
    used: set[str] = set(fields)
    for name, field in fields.items():
        for source in field.sources:
            value = cast(_find(source, facts), field, values)
            if value is not None:
                filled[name] = value
                used.add(source.removeprefix("details."))
                if source.startswith("=") and len(field.sources) > 1:
                    notes.append(NOTE_STAND_IN)
                break
    details = facts["details"]
    if any(name in details and name not in filled for name in fields):
        notes.append(NOTE_FIELD)
    return {key: value for key, value in details.items() if key not in used} | filled


def cast(value: Any, field: Field, values: Mapping[str, Mapping[str, str]]) -> Any:
    """Return the value as the field wants it; None when it is not of that kind."""
    if value is None or value == "":
        return None
    match field.cast:
        case "any":
            return value
        case "text":
            return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        case "texts":
            items = value if isinstance(value, list) else [value]
            texts = (item if isinstance(item, str) else json.dumps(item) for item in items)
            return [text for text in texts if text] or None
        case "object":
            return value if isinstance(value, dict) else None
        case "boolean":
            return BOOLEANS.get(str(value).strip().lower())
        case "time":
            return _time(value)
        case "integer" | "number":
            number = _number(value, whole=field.cast == "integer")
            too_small = number is None or (field.minimum is not None and number < field.minimum)
            return None if too_small else number
        case words:
            return values[words].get(str(value).strip().lower())


def _find(source: str, facts: Mapping[str, Any]) -> Any:
    if source.startswith("="):
        return source[1:]
    value: Any = facts
    for key in source.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _number(value: Any, *, whole: bool) -> int | float | None:
    if isinstance(value, str) and NUMBER.fullmatch(value.strip()):
        value = float(value) if "." in value else int(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if whole and isinstance(value, float):
        return int(value) if value.is_integer() else None
    return value


def _time(value: Any) -> str | None:
    try:
        return parse_timestamp(value).isoformat()
    except BadTimestamp:
        return None


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")
