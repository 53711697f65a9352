"""The URLs of the explorer, each made in one place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode
from uuid import UUID


class Links:
    """Makes URLs that stay with the tenant that is looked at.

    Templates have it as `links`: `links.event(event.id)`, `links.events(type="deal.won")`.
    """

    def __init__(self, tenant: str | None) -> None:
        """`tenant` is what the URL of the page names, None where it leaves that to the default."""
        self._tenant = tenant

    def to(self, path: str, **parameters: Any) -> str:
        """Return a URL; a parameter that is None or empty is left out, a list repeated."""
        given: Mapping[str, Any] = {"tenant": self._tenant, **parameters}
        query = urlencode([pair for name in given for pair in _pairs(name, given[name])])
        return f"{path}?{query}" if query else path

    def events(self, **filters: Any) -> str:
        """Events that match; the filters are those of `pages.events`."""
        return self.to("/events", **filters)

    def event(self, id: UUID | str) -> str:
        """Everything about one event."""
        return self.to(f"/events/{id}")

    def trace(self, correlation_id: UUID | str) -> str:
        """What led to what within a correlation."""
        return self.to(f"/traces/{correlation_id}")

    def run(self, run_id: UUID | str) -> str:
        """A run of an agent."""
        return self.to(f"/runs/{run_id}")

    def aggregate(self, aggregate_type: str, aggregate_id: str, **moment: Any) -> str:
        """An aggregate; its names may have any character, hence in the query."""
        return self.to("/aggregate", type=aggregate_type, id=aggregate_id, **moment)

    def proof(self, id: UUID | str) -> str:
        """The inclusion proof of an event."""
        return self.to(f"/events/{id}/proof")


def _pairs(name: str, value: Any) -> list[tuple[str, str]]:
    values = value if isinstance(value, list | tuple) else [value]
    return [(name, str(each)) for each in values if each is not None and each != ""]
