"""Waiting: for an event, and between two attempts."""

from __future__ import annotations

import asyncio
import random
from asyncio import Event
from contextlib import suppress
from datetime import timedelta

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 30.0
"""Seconds between two attempts while something is wrong."""


async def wait(event: Event, seconds: float | None = None, *, clear: bool = True) -> None:
    """Wait for the event, at most so long, and clear it."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
    if clear:
        event.clear()


def pause_after(failures: int, at_least: timedelta | None = None) -> float:
    """Seconds until the next attempt: they double, and nobody comes at the same time as others."""
    pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(failures - 1, 10))
    pause *= random.uniform(0.8, 1.2)  # noqa: S311
    return max(pause, at_least.total_seconds()) if at_least else pause
