"""Which journal an emitter has."""

from __future__ import annotations

import logging
from inspect import iscoroutinefunction
from typing import Any, get_args

from agent_events import errors
from agent_events.emitting.journal import Journal
from agent_events.emitting.options import EmitterOptions, OnUnavailable

_OF_THE_DISK = ("spool_dir", "max_spool_bytes")


def journal_for(
    on_unavailable: OnUnavailable, options: EmitterOptions, source: Any, logger: logging.Logger
) -> Journal | None:
    """Return the one that was given, else one on disk, for the database that `source` leads to.

    None where unavailable databases are raised.
    """
    if on_unavailable not in get_args(OnUnavailable):
        raise errors.InvalidArgument(
            f"on_unavailable is {on_unavailable!r}", hint='Either "raise" or "spool".'
        )
    journal = options.get("journal")
    for name in _OF_THE_DISK:
        if options.get(name) is not None and (on_unavailable == "raise" or journal is not None):
            raise errors.InvalidArgument(
                f"{name} is given, but nothing waits on disk",
                hint='It needs on_unavailable="spool", without journal=….',
            )
    if on_unavailable == "raise":
        return None
    return _on_disk(options, source, logger) if journal is None else journal


def _on_disk(options: EmitterOptions, source: Any, logger: logging.Logger) -> Journal:
    from agent_events.spooling import MAX_BYTES, DiskJournal, folder_for

    folder = folder_for(_conninfo(source), options.get("spool_dir"))
    return DiskJournal(folder, max_bytes=options.get("max_spool_bytes", MAX_BYTES), logger=logger)


def _conninfo(source: Any) -> str:
    from agent_events.emitting.connections.pooled import arguments_of

    if hasattr(source, "kwargs"):
        if hasattr(source, "conninfo") and not iscoroutinefunction(source.conninfo):
            return arguments_of(source)[0]
    elif isinstance(conninfo := getattr(source, "conninfo", None), str):
        return conninfo
    raise errors.InvalidArgument(
        "nothing says which database this pool leads to, and so which events are its own",
        hint="Give journal=agent_events.spooling.DiskJournal(folder), with a folder for it.",
    )
