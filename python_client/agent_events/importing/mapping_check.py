"""What a mapping table may say. A mistake is found when the table is loaded, not row by row."""

from __future__ import annotations

from typing import Any

ACTOR_TYPES = ("user", "agent", "system", "webhook")
OUTCOMES = ("success", "failure", "partial", "pending")
CASTS = ("text", "integer", "number", "boolean", "object", "texts", "time", "any")
SECTIONS = ("events", "outcomes", "actors", "actor_prefixes", "values", "payload")

Tables = dict[str, dict[str, Any]]


class MappingError(Exception):
    """The mapping file cannot be read, or says something that is not understood."""


def check_tables(tables: Tables, name: str) -> None:
    """Raise MappingError for the first entry that is not of the documented form."""
    for section in ("events", "outcomes", "actors", "actor_prefixes"):
        for key, value in tables[section].items():
            _expect(isinstance(value, str), name, section, key, "must be text")
    for key, value in tables["outcomes"].items():
        _expect(value in OUTCOMES, name, "outcomes", key, f"must be one of {', '.join(OUTCOMES)}")
    for key, value in tables["actors"].items():
        kind, _, actor_id = value.partition(":")
        _expect(kind in ACTOR_TYPES and actor_id, name, "actors", key, "must be like 'user:bob'")
    for key, value in tables["actor_prefixes"].items():
        _expect(
            value in ACTOR_TYPES,
            name,
            "actor_prefixes",
            key,
            f"must be one of {', '.join(ACTOR_TYPES)}",
        )
    for key, words in tables["values"].items():
        _expect(_is_texts(words), name, "values", key, "must be a table of texts")
    for event_type, fields in tables["payload"].items():
        _expect(isinstance(fields, dict), name, "payload", event_type, "must be a table of fields")
        for field, definition in fields.items():
            _check_field(definition, name, f"{event_type}.{field}", [*CASTS, *tables["values"]])


def _check_field(definition: Any, name: str, key: str, casts: list[str]) -> None:
    if not isinstance(definition, dict):
        definition = {"from": definition}
    unknown = ", ".join(definition.keys() - {"from", "as", "minimum"})
    _expect(not unknown, name, "payload", key, f"does not understand {unknown}")
    sources = definition.get("from")
    texts = [sources] if isinstance(sources, str) else sources
    is_list = isinstance(texts, list) and all(_is_source(text) for text in texts)
    _expect(is_list, name, "payload", key, "needs sources such as 'details.reason' or '=constant'")
    cast = definition.get("as", "text")
    _expect(cast in casts, name, "payload", key, f"'as' must be one of {', '.join(casts)}")
    minimum = definition.get("minimum", 0)
    _expect(isinstance(minimum, int | float), name, "payload", key, "'minimum' must be a number")


def _is_source(text: object) -> bool:
    return isinstance(text, str) and (
        text in ("action_id", "event", "actor", "details") or text.startswith(("=", "details."))
    )


def _is_texts(words: object) -> bool:
    return isinstance(words, dict) and all(isinstance(word, str) for word in words.values())


def _expect(holds: object, name: str, section: str, key: str, rule: str) -> None:
    if not holds:
        raise MappingError(f"{name}: [{section}] {key}: {rule}")
