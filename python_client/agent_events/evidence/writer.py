"""Write the files of a bundle into a zip file that is there only once it is complete."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import IO

from agent_events.evidence.errors import EvidenceError


class Member:
    """A file in the zip file, while it is written."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._digest = sha256()
        self.size = 0

    def write(self, data: bytes) -> None:
        """Append bytes."""
        self._file.write(data)
        self._digest.update(data)
        self.size += len(data)

    @property
    def sha256(self) -> str:
        """Digest of what was written, in hex."""
        return self._digest.hexdigest()


class BundleWriter:
    """A zip file and the digests of what is in it.

    Args:
        path: the file, which is overwritten.
        made_at: the time that its files get.
    """

    def __init__(self, path: Path, made_at: datetime) -> None:
        self.files: dict[str, tuple[str, int]] = {}
        self._date = made_at.timetuple()[:6]
        self._zip = zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED)

    def __enter__(self) -> BundleWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    @contextmanager
    def member(self, name: str) -> Iterator[Member]:
        """Write a file piece by piece."""
        info = zipfile.ZipInfo(name, self._date)
        info.compress_type = zipfile.ZIP_DEFLATED
        info.external_attr = 0o100644 << 16
        with self._zip.open(info, "w", force_zip64=True) as file:
            member = Member(file)
            yield member
        self.files[name] = (member.sha256, member.size)

    def add(self, name: str, data: bytes) -> None:
        """Write a whole file."""
        with self.member(name) as member:
            member.write(data)


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """Give a file beside `path` to write to, readable by its owner only; it becomes `path` at last.

    On an error it is removed, so `path` is complete or not there.

    Raises:
        EvidenceError: `path` exists, or cannot be written.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        if path.exists():
            raise EvidenceError(f"{path} exists", "Evidence is never overwritten: choose another.")
        os.close(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except OSError as error:
        raise EvidenceError(f"{path} cannot be written: {error.strerror}") from error
    try:
        yield partial
        partial.replace(path)
    except OSError as error:
        raise EvidenceError(f"{path} cannot be written: {error}") from error
    finally:
        partial.unlink(missing_ok=True)
