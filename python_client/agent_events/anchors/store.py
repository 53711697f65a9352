"""What an anchor is: a place outside the database where signed checkpoints are kept.

AnchorError            the anchor cannot be used; the message says why
 +-- DamagedAnchor     what was kept there is not readable any more, or contradicts itself
 +-- MissingExtra      a package is not installed; the message says which extra has it
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

FORMS = "file:PATH, git:PATH, git:PATH?push=REMOTE, https://…, tsa+https://…#FOLDER"


class AnchorError(Exception):
    """The anchor cannot be used. `hint` says what to do; it may be None."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\nHINT: {self.hint}" if self.hint else self.message


class DamagedAnchor(AnchorError):
    """Something that was kept is not readable any more, or contradicts itself."""


class MissingExtra(AnchorError):
    """A package is not installed; the message says which extra has it."""


@dataclass(frozen=True)
class Entry:
    """One thing that an anchor kept.

    Attributes:
        where: how to find it: a line, a commit, a file.
        note: the signed checkpoint, or None where it is not readable.
        recorded_at: when it was kept, as the anchor says; None where it does not.
        problem: what is wrong with it, or None. Signatures are not verified here.
    """

    where: str
    note: str | None
    recorded_at: datetime | None = None
    problem: str | None = None


class AnchorStore(Protocol):
    """A place outside the database where signed checkpoints are kept."""

    def append(self, note: str) -> str:
        """Keep a signed checkpoint, durably.

        Returns:
            where it is now, for people.

        Raises:
            MalformedNote: it is no signed checkpoint.
            AnchorError: it could not be kept.
        """
        ...

    def entries(self, origin: str | None = None) -> Iterator[Entry]:
        """Read what was kept, in the order of keeping, damaged entries included.

        Args:
            origin: only this ledger's and tenant's; what is damaged comes all the same.

        Raises:
            AnchorError: the anchor cannot be read, or only be written to.
        """
        ...

    def notes(self, origin: str | None = None) -> Iterator[str]:
        """Read the signed checkpoints in the order of keeping; nothing is verified.

        Raises:
            DamagedAnchor: an entry is damaged; `entries` reads on.
            AnchorError: the anchor cannot be read, or only be written to.
        """
        for entry in self.entries(origin):
            if entry.problem or entry.note is None:
                raise DamagedAnchor(f"{entry.where}: {entry.problem}")
            yield entry.note


def open_store(url: str) -> AnchorStore:
    """Return the anchor that a URL names; nothing is read or written yet.

    Args:
        url: `file:PATH` a file of JSON lines, made when it is first written to;
            `git:PATH` a git repository, or a folder in one, `git:PATH?push=REMOTE` pushed on;
            `https://…` or `http://…` an address that notes are posted to;
            `tsa+https://…#FOLDER` a timestamp authority, and the folder for what it signed.
            Paths stand as they are: nothing is percent-encoded.

    Raises:
        AnchorError: it names none.
    """
    scheme, _, rest = url.partition(":")
    if scheme == "file":
        from agent_events.anchors.file import FileStore

        return FileStore(_path(url, rest))
    if scheme == "git":
        from agent_events.anchors.git import GitStore

        path, _, query = rest.partition("?")
        if query and not (query.startswith("push=") and query != "push="):
            raise AnchorError(f"{url} is no anchor: only ?push=REMOTE may follow the path")
        return GitStore(_path(url, path), query.removeprefix("push=") or None)
    if scheme in ("http", "https"):
        from agent_events.anchors.webhook import WebhookStore

        return WebhookStore(url)
    if scheme in ("tsa+http", "tsa+https"):
        from agent_events.anchors.timestamp import TimestampStore

        address, _, folder = url.removeprefix("tsa+").partition("#")
        if not folder:
            raise AnchorError(
                f"{address} is a timestamp authority, which keeps nothing",
                "Name the folder for the timestamps: tsa+https://…#FOLDER",
            )
        return TimestampStore(address, Path(folder).expanduser())
    raise AnchorError(f"{url} is no anchor", f"Anchors are {FORMS}.")


def _path(url: str, path: str) -> Path:
    if path.startswith("//"):  # file:///absolute
        path = path.removeprefix("//")
        if not path.startswith("/"):
            raise AnchorError(f"{url} is no anchor: it names another machine")
    if not path:
        raise AnchorError(f"{url} is no anchor: a path is missing")
    return Path(path).expanduser()
