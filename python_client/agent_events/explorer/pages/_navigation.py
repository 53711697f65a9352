"""A page's place in the navigation."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Navigation:
    """What the navigation shows.

    title   one word
    path    where it leads; it is marked as current on every page below `prefixes`
    key     after `g`, goes there
    """

    title: str
    path: str
    key: str
    prefixes: tuple[str, ...] = ()

    def is_at(self, path: str) -> bool:
        """Tell whether a page belongs here."""
        prefixes = (self.path, *self.prefixes)
        return any(path == prefix or path.startswith(f"{prefix}/") for prefix in prefixes)
