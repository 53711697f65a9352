"""How an emitter is set up, and whom it tells."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal, TypedDict

from agent_events.emitting.journal import Journal
from agent_events.models import EventArguments, Receipt

OnUnavailable = Literal["raise", "spool"]

Observer = Callable[[EventArguments, Receipt], None]
"""Is called with each event and its receipt once it is committed."""


class EmitterOptions(TypedDict, total=False):
    """What an emitter can be told, each with a default.

    max_connections  to the database at once, 4; more calls than that wait. A pool has its own
    pgbouncer        True through PgBouncer in transaction mode: no prepared statements
    spool_dir        folder of the journal, for on_unavailable="spool"
    journal          a journal of your own instead
    """

    max_connections: int
    pgbouncer: bool
    spool_dir: str | Path | None
    journal: Journal | None
