"""Topics made of a template, as ledger.{tenant_id}.{event_type}."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from operator import attrgetter
from string import Formatter

from agent_events.relay.message import Message

Topic = Callable[[Message], str]
Safe = Callable[[str, str], str]

FIELDS = ("tenant_id", "event_type", "aggregate_type", "aggregate_id", "relay")
NONE = "none"
"""What stands for the aggregate of a message that has none."""

_REMEMBERED = 65536  # topics


def compile_topic(template: str, *, relay: str, safe: Safe) -> Topic:
    """Return what makes the topic of a message.

    Args:
        template: text with {tenant_id}, {event_type}, {aggregate_type}, {aggregate_id}, {relay};
            {{ and }} stand for braces.
        relay: its name.
        safe: makes a value safe within a topic; is given the field's name and the value.

    Raises:
        ValueError: the template names something else, or nothing at all.
    """
    parts = _parse(template)
    fields = list(dict.fromkeys(field for _, field in parts if field not in (None, "relay")))
    fixed = {"relay": safe("relay", relay)}

    def render(values: dict[str, str]) -> str:
        return "".join(text + (values[field] if field else "") for text, field in parts)

    if not fields:
        constant = render(fixed)
        return lambda _: constant

    @lru_cache(maxsize=_REMEMBERED)
    def remembered(*values: str | None) -> str:
        named = zip(fields, values, strict=True)
        return render({name: safe(name, value or NONE) for name, value in named} | fixed)

    if len(fields) == 1:
        one = attrgetter(fields[0])
        return lambda message: remembered(one(message))
    several = attrgetter(*fields)
    return lambda message: remembered(*several(message))


def _parse(template: str) -> list[tuple[str, str | None]]:
    try:
        parsed = list(Formatter().parse(template))
    except ValueError as error:
        raise ValueError(f"topic {template!r}: {error}") from None
    if not parsed:
        raise ValueError("topic: the template is empty")
    for _, field, spec, conversion in parsed:
        if field is not None and (field not in FIELDS or spec or conversion):
            there_are = ", ".join(f"{{{name}}}" for name in FIELDS)
            wanted = (
                f"{{{field}{'!' + conversion if conversion else ''}{':' + spec if spec else ''}}}"
            )
            raise ValueError(f"topic {template!r}: no {wanted}; there are {there_are}")
    return [(text, field) for text, field, _, _ in parsed]
