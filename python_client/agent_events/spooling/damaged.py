"""Lines that could not be read, kept as they are: `*.damaged`."""

from __future__ import annotations

import os
from pathlib import Path

from agent_events.spooling.syncing import sync_folder, write


def keep(path: Path, lines: bytes) -> int:
    """Keep lines; they are on disk when this returns. Return how many they are."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        write(file, lines, 0)
    finally:
        os.close(file)
    sync_folder(path.parent)
    return count_lines(lines)


def count_lines(data: bytes) -> int:
    """Return how many lines these are, the last with or without its end."""
    return data.count(b"\n") + bool(data and not data.endswith(b"\n"))
