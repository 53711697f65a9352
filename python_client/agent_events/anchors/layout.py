"""Checkpoints as files in a folder: `<origin>/<tree size, 20 digits>.note`, never overwritten."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote

from agent_events.proofs.note import Checkpoint


def note_path(folder: Path, checkpoint: Checkpoint, note: str) -> Path:
    """Name the file of a note: a second one of the same size gets a part of its hash too.

    Returns:
        a file in `folder` that is not there, or that holds this note.
    """
    parent = folder.joinpath(*map(_segment, checkpoint.origin.split("/")))
    size = f"{checkpoint.tree_size:020}"
    path = parent / f"{size}.note"
    if path.exists() and path.read_bytes() != note.encode():
        return parent / f"{size}.{sha256(note.encode()).hexdigest()[:16]}.note"
    return path


def write_file(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, and bring it and the folders made for it to disk."""
    made = [folder for folder in path.parents if not folder.exists()]
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    with partial.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    partial.rename(path)
    for folder in (path.parent, *(folder.parent for folder in made)):
        sync_folder(folder)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """One process at a time; the lock dies with its holder."""
    with path.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def sync_folder(folder: Path) -> None:
    """Bring the entries of a folder to disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _segment(name: str) -> str:
    """Make a part of an origin a file name that is neither hidden, nor empty, nor `..`."""
    if not name:
        return "%"
    return quote(name, safe="") if name[0] != "." else "%2E" + quote(name[1:], safe="")
