"""What a relay wrote to a file."""

from __future__ import annotations

import json
from pathlib import Path
from time import monotonic, sleep
from typing import Any


def events(file: Path) -> list[dict[str, Any]]:
    """The events in the order in which they came, but for a line that is still being written."""
    if not file.exists():
        return []
    whole, _, _ = file.read_text().rpartition("\n")
    return [json.loads(line) for line in whole.splitlines()]


def numbers(file: Path) -> list[int]:
    return [event["data"]["n"] for event in events(file)]


def wait_for(file: Path, count: int, seconds: float = 60) -> None:
    """Wait until so many different events have come."""
    deadline = monotonic() + seconds
    while len(set(numbers(file))) < count:
        assert monotonic() < deadline, f"{len(set(numbers(file)))} of {count} came"
        sleep(0.05)


def assert_in_order(file: Path) -> None:
    """Of each aggregate, what came for the first time came in order."""
    last: dict[str, int] = {}
    seen: set[str] = set()
    for event in events(file):
        if event["id"] not in seen:
            seen.add(event["id"])
            lane, n = event["subject"], event["data"]["n"]
            assert last.get(lane, -1) < n, f"{lane}: {n} after {last[lane]}"
            last[lane] = n
