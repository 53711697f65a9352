"""Lengths of time and sizes, as people write and read them."""

from __future__ import annotations

import re
from datetime import timedelta

import click

_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|[smhdw]))+")
_PART = re.compile(r"([\d.]+)(ms|[smhdw])")


def duration(text: str) -> timedelta:
    """Parse the value of an option that is a length of time: a number with a unit, or several."""
    if not _DURATION.fullmatch(text):
        raise click.BadParameter(
            f"{text!r} is no length of time: a number and ms, s, m(inutes), h, d or w, as 90s, "
            "1h30m or 30d"
        )
    return timedelta(seconds=sum(float(n) * _SECONDS[unit] for n, unit in _PART.findall(text)))


def duration_or_never(text: str) -> timedelta | None:
    """Parse a length of time, or the word never."""
    return None if text == "never" else duration(text)


def length(value: timedelta) -> str:
    """Say a length of time in its largest unit: 12 days, 1 hour, 0.2 s."""
    seconds = value.total_seconds()
    for unit, count in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= count:
            number = int(seconds // count)
            return f"{number:,} {unit}{'s' if number != 1 else ''}"
    return f"{seconds:.0f} s" if seconds >= 10 or seconds == int(seconds) else f"{seconds:.1f} s"


def exact(value: timedelta) -> str:
    """Say a length of time as it was given: 1h30m, 30d."""
    if value < timedelta(seconds=1):
        return f"{value / timedelta(milliseconds=1):g}ms"
    rest, parts = value.total_seconds(), ""
    for unit, count in (("d", 86400), ("h", 3600), ("m", 60)):
        number, rest = divmod(rest, count)
        parts += f"{number:.0f}{unit}" if number else ""
    return parts + (f"{rest:g}s" if rest else "")


def size(value: int | None) -> str:
    """Say a size: 88 kB, 1.2 GB (of 1024, as pg_size_pretty)."""
    if value is None:
        return ""
    number = float(value)
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if number < 1024 or unit == "TB":
            break
        number /= 1024
    return f"{number:.1f} {unit}" if number < 10 and unit != "B" else f"{number:,.0f} {unit}"
