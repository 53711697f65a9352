"""Which events: the filters of a URL, as pages, links and `ledger.find_events` have them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, get_args

from starlette.requests import Request

from agent_events.explorer.parameters import (
    choice_parameter,
    text_parameter,
    time_parameter,
    uuid_parameter,
)
from agent_events.models import ActorType, EventFilter, Outcome

ACTOR_TYPES: tuple[str, ...] = get_args(ActorType)
OUTCOMES: tuple[str, ...] = get_args(Outcome)

LABELS = {
    "type": "Type",
    "prefix": "Type begins",
    "aggregate_type": "Aggregate type",
    "aggregate_id": "Aggregate",
    "actor_type": "Actor type",
    "actor_id": "Actor",
    "outcome": "Outcome",
    "correlation": "Correlation",
    "run": "Run",
    "trace": "Trace",
    "deal": "Deal",
    "from": "From",
    "to": "Before",
}
"""The parameters of a URL that filter events."""


@dataclass(frozen=True)
class Filters:
    """The filters of a page.

    given      as the URL has them, without those that are empty
    arguments  the same as arguments of `find_events`
    """

    given: dict[str, str]
    arguments: EventFilter

    @classmethod
    def of(cls, request: Request) -> Filters:
        """Read them from a URL.

        Raises:
            HTTPException: 400, one of them is malformed.
        """
        event_type = text_parameter(request, "type")
        arguments: EventFilter = {
            "aggregate_type": text_parameter(request, "aggregate_type"),
            "aggregate_id": text_parameter(request, "aggregate_id"),
            "event_types": None if event_type is None else [event_type],
            "action_prefix": text_parameter(request, "prefix"),
            "actor_type": choice_parameter(request, "actor_type", ACTOR_TYPES),  # type: ignore[typeddict-item]
            "actor_id": text_parameter(request, "actor_id"),
            "outcome": choice_parameter(request, "outcome", OUTCOMES),  # type: ignore[typeddict-item]
            "correlation_id": uuid_parameter(request, "correlation"),
            "run_id": uuid_parameter(request, "run"),
            "trace_id": uuid_parameter(request, "trace"),
            "deal_id": uuid_parameter(request, "deal"),
            "from_time": time_parameter(request, "from"),
            "to_time": time_parameter(request, "to"),
        }
        given = {name: value for name in LABELS if (value := text_parameter(request, name))}
        return cls(given, arguments)

    def value(self, name: str) -> str:
        """Return what the URL has, the empty text where it has nothing."""
        return self.given.get(name, "")

    def time_value(self, name: str) -> str:
        """Return a time as a field of type datetime-local takes it, in UTC."""
        at = self.arguments["from_time" if name == "from" else "to_time"]
        return f"{at:%Y-%m-%dT%H:%M:%S}" if at else ""

    def but(self, **changes: str | None) -> dict[str, Any]:
        """Return the parameters of a URL with some others; None takes one away.

        The parameter `from` is `from_` here.
        """
        return self.given | {name.rstrip("_"): value for name, value in changes.items()}

    def without(self, name: str) -> dict[str, Any]:
        """Return the parameters of a URL without one."""
        return {each: value for each, value in self.given.items() if each != name}
