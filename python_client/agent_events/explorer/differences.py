"""What differs between two states, field by field, as much of it as a page can show."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import Any

from agent_events.cli._common import json_text
from agent_events.cli.state import ABSENT, differences
from agent_events.explorer.database import loads

MOST = 200
"""Differences that are shown."""

LONGEST = 400
"""Characters of a value that are shown."""


@dataclass(frozen=True)
class Difference:
    """A field that differs: its JSON pointer, and both values as JSON; None where it is absent."""

    path: str
    old: str | None
    new: str | None

    @property
    def kind(self) -> str:
        """Whether it was added, removed or changed."""
        if self.old is None:
            return "added"
        return "removed" if self.new is None else "changed"


@dataclass(frozen=True)
class Comparison:
    """The first differences of two states, and whether there are more."""

    shown: list[Difference]
    has_more: bool


def compare(old: str, new: str) -> Comparison | None:
    """Compare two states given as JSON; None where they are nested too deeply for that."""
    before, after = loads(old), loads(new)
    if before is old or after is new:
        return None
    try:
        found = [
            Difference(path, _short(was), _short(now))
            for path, was, now in islice(differences(before, after), MOST + 1)
        ]
    except RecursionError:
        return None
    return Comparison(found[:MOST], len(found) > MOST)


def _short(value: Any) -> str | None:
    if value is ABSENT:
        return None
    text = json_text(value, ensure_ascii=False)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
