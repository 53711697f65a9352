"""Bars of a chart: where each one stands, and how high it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

HEIGHT = 100
STEP = 10  # from bar to bar
_WIDTH = 8
_LEAST = 1.5  # height of what is more than nothing


@dataclass(frozen=True)
class Bar:
    """A bar of `events`, of which `failures` are drawn in their own colour at its foot."""

    at: datetime
    events: int
    failures: int
    x: int
    width: int
    height: float
    failed_height: float


@dataclass(frozen=True)
class Chart:
    """Bars from left to right, the highest one of `most` events, and all of them together."""

    bars: tuple[Bar, ...]
    most: int
    events: int
    failures: int
    width: int
    height: int = HEIGHT


def chart(rows: Sequence[Mapping[str, Any]], first: datetime, step: timedelta, count: int) -> Chart:
    """Draw `count` bars from `first` on; what no row is about had no events.

    Args:
        rows: with `at`, the beginning of a span, `events` and `failures`.
        first: beginning of the first span.
        step: length of a span.
        count: how many.
    """
    found = {row["at"]: (row["events"], row["failures"]) for row in rows}
    times = [first + number * step for number in range(count)]
    figures = [found.get(at, (0, 0)) for at in times]
    most = max((events for events, _ in figures), default=0)
    bars = tuple(
        Bar(
            at,
            events,
            failures,
            number * STEP + 1,
            _WIDTH,
            _high(events, most),
            _high(failures, most),
        )
        for number, (at, (events, failures)) in enumerate(zip(times, figures, strict=True))
    )
    total, failed = (sum(each) for each in zip(*figures, strict=True))
    return Chart(bars, most, total, failed, count * STEP)


def _high(events: int, most: int) -> float:
    return max(_LEAST, round(events / most * HEIGHT, 2)) if events else 0
