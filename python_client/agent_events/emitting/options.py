"""How an emitter is set up, and whom it tells."""

from __future__ import annotations

from collections.abc import Callable
from os import PathLike
from typing import Literal, TypedDict

from agent_events.emitting.buffering.settings import WhenFull
from agent_events.emitting.journal import Journal
from agent_events.errors import FailedEvent
from agent_events.models import EventArguments, Receipt

OnUnavailable = Literal["raise", "spool"]

Observer = Callable[[EventArguments, Receipt], None]
"""Is called with each event and its receipt once it is committed, in the thread that stored it.

It may emit, but not flush or close the emitter. What it raises is logged.
"""


class EmitterOptions(TypedDict, total=False):
    """What an emitter can be told, each with a default.

    max_connections  to the database at once, 4; more calls than that wait. A pool has its own
    pgbouncer        True through PgBouncer in transaction mode: no prepared statements
    spool_dir        for on_unavailable="spool": where events wait, a folder on a disk that lasts.
                     Default AGENT_EVENTS_SPOOL_DIR, else ~/.local/state/agent-events/spool
    max_spool_bytes  that may wait there, 256 MiB; an event more raises `errors.SpoolFull`
    journal          where events wait instead: an object of your own
    buffer_size      events that `buffer` collects before they are sent, 100; at most so many are
                     sent together
    flush_interval   seconds after which they are sent although they are fewer, 5
    max_buffered     events that it holds at most, those counted that failed and were not raised
                     yet, 10,000
    when_full        what `buffer` does then: "block" waits until there is room, "raise" raises
                     `errors.BufferFull`, "spool" moves everything to the journal
    on_error         is called with each event of the buffer, or the journal, that is refused
    """

    max_connections: int
    pgbouncer: bool
    spool_dir: str | PathLike[str] | None
    max_spool_bytes: int
    journal: Journal | None
    buffer_size: int
    flush_interval: float
    max_buffered: int
    when_full: WhenFull
    on_error: Callable[[FailedEvent], None] | None
