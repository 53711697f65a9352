"""Which types of events somebody wants."""

from __future__ import annotations

from collections.abc import Callable

from agent_events import errors

Predicate = Callable[[str], bool]


def predicate_of(pattern: str) -> Predicate:
    """Return what says whether a type of event is meant: 'deal.created', 'deal.*' or '*'.

    'deal.*' is whatever begins with 'deal.'.
    """
    prefix, star, rest = pattern.partition("*")
    if not star and pattern:
        return pattern.__eq__
    if star and not rest and (not prefix or prefix.endswith(".")):
        return lambda event_type: event_type.startswith(prefix)
    raise errors.InvalidArgument(
        f"{pattern!r} is no pattern of event types",
        hint="A type, or its beginning and a star: 'deal.created', 'deal.*', '*'.",
    )
