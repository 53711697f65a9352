"""Where signed checkpoints are kept outside the database, and out of its administrators' reach.

Whoever can rewrite the database can rewrite its log too, but not what was anchored before.
"""

from agent_events.anchors.conflicts import Conflict, conflicts, conflicts_between
from agent_events.anchors.store import (
    AnchorError,
    AnchorStore,
    DamagedAnchor,
    Entry,
    MissingExtra,
    open_store,
)

__all__ = [
    "AnchorError",
    "AnchorStore",
    "Conflict",
    "DamagedAnchor",
    "Entry",
    "MissingExtra",
    "conflicts",
    "conflicts_between",
    "open_store",
]
