"""Sets of positions as rising ranges, both ends included."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

Ranges = Iterable[tuple[int, int]]


def without(ranges: Ranges, other: Ranges) -> Iterator[tuple[int, int]]:
    """Return what of the one is not in the other."""
    rest = iter(other)
    taken = next(rest, None)
    for first, last in ranges:
        while taken is not None and taken[1] < first:
            taken = next(rest, None)
        start = first
        while taken is not None and taken[0] <= last:
            if start < taken[0]:
                yield start, taken[0] - 1
            start = max(start, taken[1] + 1)
            if taken[1] > last:
                break
            taken = next(rest, None)
        if start <= last:
            yield start, last


def described(ranges: Ranges) -> str:
    """Say how many positions there are, and which come first."""
    all_ = list(ranges)
    count = sum(last - first + 1 for first, last in all_)
    shown = [
        f"{first:,}" if first == last else f"{first:,} to {last:,}" for first, last in all_[:3]
    ]
    more = f" and {len(all_) - 3:,} more ranges" if len(all_) > 3 else ""
    return f"{count:,} at position{'s' * (count != 1)} {', '.join(shown)}{more}"
