"""The pages: each module has its `ROUTES`, and its place in the `NAVIGATION` or None."""

from __future__ import annotations

from typing import Protocol

from starlette.routing import Route

from agent_events.explorer.pages import (
    aggregate,
    aggregates,
    events,
    export,
    integrity,
    proof,
    runs,
    search,
    statistics,
    traces,
)
from agent_events.explorer.pages._navigation import Navigation


class PageModule(Protocol):
    """What a module of pages has."""

    @property
    def ROUTES(self) -> list[Route]:  # noqa: D102, N802
        ...

    @property
    def NAVIGATION(self) -> Navigation | None:  # noqa: D102, N802
        ...


MODULES: tuple[PageModule, ...] = (
    events,
    proof,
    export,
    runs,
    traces,
    aggregates,
    aggregate,
    integrity,
    statistics,
    search,
)
"""In the order of the navigation."""
