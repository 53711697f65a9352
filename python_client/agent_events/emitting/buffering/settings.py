"""When a buffer sends what it holds, and how much that may be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from agent_events import errors

WhenFull = Literal["block", "raise", "spool"]


@dataclass(frozen=True)
class BufferSettings:
    """As `EmitterOptions` describes them; seconds."""

    buffer_size: int = 100
    flush_interval: float = 5.0
    max_buffered: int = 10_000
    when_full: WhenFull = "block"
    min_backoff: float = 0.1
    max_backoff: float = 30.0
    look_interval: float = 60.0  # at what ended processes left in the journal

    def __post_init__(self) -> None:
        if not 1 <= self.buffer_size <= self.max_buffered:
            raise errors.InvalidArgument(
                f"buffer_size is {self.buffer_size} and max_buffered {self.max_buffered}",
                hint="At least one event, and no more than fit into the buffer.",
            )
        if self.when_full not in get_args(WhenFull):
            raise errors.InvalidArgument(
                f"when_full is {self.when_full!r}", hint='One of "block", "raise" and "spool".'
            )
