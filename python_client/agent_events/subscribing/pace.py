"""How often to look and to save."""

from __future__ import annotations

from dataclasses import dataclass, field
from time import monotonic

SHORTEST = 0.01
"""Seconds between the first two looks that found nothing; each pause is twice the one before."""

LONGEST = 0.5
"""Seconds between two looks, at most: an idle subscription makes two statements a second."""


@dataclass(slots=True)
class Pace:
    """When the cursor is due to be saved, and how long to pause while there is nothing new.

    save_every, save_interval  after so many events, or seconds, whichever comes first; None = never
    """

    save_every: int | None
    save_interval: float | None
    pause: float = SHORTEST
    unsaved: int = 0
    saved_at: float = field(default_factory=monotonic)

    @property
    def saves(self) -> bool:
        """Whether the cursor is saved by itself at all."""
        return self.save_every is not None or self.save_interval is not None

    def is_due(self) -> bool:
        """Whether so many events, or seconds, have passed since the cursor was saved."""
        if self.save_every is not None and self.unsaved >= self.save_every:
            return True
        return self.save_interval is not None and monotonic() - self.saved_at >= self.save_interval

    def saved(self) -> None:
        """Begin to count anew."""
        self.unsaved = 0
        self.saved_at = monotonic()

    def quicken(self) -> None:
        """Look again soon: there was something new."""
        self.pause = SHORTEST

    def slow_down(self) -> float:
        """Return how long to pause now; the next pause is longer."""
        pause, self.pause = self.pause, min(self.pause * 2, LONGEST)
        return pause
