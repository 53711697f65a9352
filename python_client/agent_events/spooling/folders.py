"""The folders of the spool: which, made so that they stay, and how much is in them."""

from __future__ import annotations

import os
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from stat import S_IMODE, S_IWGRP, S_IWOTH
from urllib.parse import quote, unquote

from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import Conninfo

from agent_events.errors import InvalidArgument
from agent_events.spooling.syncing import sync_folder

VARIABLE = "AGENT_EVENTS_SPOOL_DIR"
_PARTS = ("service", "user", "host", "hostaddr", "port", "dbname")
_MAX_NAME = 200


def default_dir() -> Path:
    """Return where the folders are: `AGENT_EVENTS_SPOOL_DIR`, else a user's own (XDG).

    That is `~/.local/state/agent-events/spool`, with `XDG_STATE_HOME` for `~/.local/state`.
    """
    if chosen := os.environ.get(VARIABLE):
        return Path(chosen)
    state_home = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(state_home) / "agent-events" / "spool"


def folder_for(conninfo: str, spool_dir: str | os.PathLike[str] | None = None) -> Path:
    """Return the folder of a database, as libpq would connect to it."""
    parent = default_dir() if spool_dir is None else Path(spool_dir)
    return _expanded(parent) / quote(destination(conninfo), safe="@:,")


def destination(conninfo: str) -> str:
    """Return user, server and database of a connection string: app@db.example.com:5432/deals."""
    known = {
        option.keyword.decode(): option.val.decode()
        for option in Conninfo.get_defaults()
        if option.val is not None
    }
    known |= {name: str(value) for name, value in conninfo_to_dict(conninfo).items()}
    service, user, host, address, port, dbname = (known.get(name, "") for name in _PARTS)
    name = f"{user}@{host or address or service or 'local'}:{port}/{dbname or user}"
    if len(quote(name)) <= _MAX_NAME:
        return name
    digest = sha256(name.encode()).hexdigest()
    return f"{user[:20]}@{digest}/{dbname[:20]}"


def destination_of(folder: Path) -> str:
    """Return whose folder it is, for people."""
    return unquote(folder.name)


def make_folder(folder: Path) -> None:
    """Make a folder, for this user only, that is there after a power cut as well.

    Raises `InvalidArgument` where that is not possible, or others may write there.
    """
    try:
        _make(_expanded(folder))
        mode = S_IMODE(folder.stat().st_mode)
        is_usable = os.access(folder, os.R_OK | os.W_OK | os.X_OK)
    except OSError as error:
        raise InvalidArgument(
            f"the spool cannot be in {folder}: {error.strerror}",
            hint=f"Give spool_dir=…, or set {VARIABLE}: a folder that this user may make.",
        ) from error
    if not is_usable or mode & (S_IWGRP | S_IWOTH):
        raise InvalidArgument(
            f"the spool cannot be in {folder}: its mode is {mode:o}",
            hint="This user must be able to write there, and nobody else: chmod 700.",
        )


def bytes_in(folder: Path) -> int:
    """Return how many bytes its files have, whoever wrote them."""
    total = 0
    with os.scandir(folder) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):
                total += entry.stat(follow_symlinks=False).st_size
    return total


def _expanded(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise InvalidArgument(
            "this user has no home folder, where the spool would be",
            hint=f"Give spool_dir=…, or set {VARIABLE}.",
        ) from error


def _make(folder: Path) -> None:
    if folder.is_dir():
        return
    _make(folder.parent)
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    sync_folder(folder.parent)
