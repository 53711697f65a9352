"""The pages: each module has its `ROUTES`, and its place in the `NAVIGATION` or None."""

from __future__ import annotations

from typing import Protocol

from starlette.routing import Route

from agent_events.explorer.pages import aggregate, aggregates, events, runs, search, traces
from agent_events.explorer.pages._navigation import Navigation


class PageModule(Protocol):
    """What a module of pages has."""

    @property
    def ROUTES(self) -> list[Route]:  # noqa: D102, N802
        ...

    @property
    def NAVIGATION(self) -> Navigation | None:  # noqa: D102, N802
        ...


MODULES: tuple[PageModule, ...] = (events, runs, traces, aggregates, aggregate, search)
"""In the order of the navigation."""
