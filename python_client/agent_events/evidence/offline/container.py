"""Read a bundle's files, zipped or unpacked, without unpacking anything."""

from __future__ import annotations

import re
import stat
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Protocol

READ_ERRORS = (OSError, EOFError, zipfile.BadZipFile, zlib.error, RuntimeError)
MAX_SMALL_FILE = 1_000_000  # bytes, of every file but those with a line for each event
MAX_FILES = 10_000

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)*")


class NotABundle(Exception):
    """This is no bundle, or one that is refused; the message says why."""


class Container(Protocol):
    """The files of a bundle."""

    def names(self) -> list[str]:
        """Return the names of all files that it is known to hold, with `/` between folders."""
        ...

    def open(self, name: str) -> IO[bytes]:
        """Open a file; one of READ_ERRORS, or KeyError, is raised where that fails."""
        ...


class ZipContainer(Container):
    """A zipped bundle. Its names were checked: none leads out of the folder to unpack into."""

    def __init__(self, path: Path) -> None:
        try:
            self._zip = zipfile.ZipFile(path)
        except READ_ERRORS as error:
            raise NotABundle(f"{path} is no readable zip file: {error}") from None
        infos = [info for info in self._zip.infolist() if not _is_empty_folder(info)]
        for info in infos:
            if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG):
                raise NotABundle(f"{info.filename!r} in the zip file is no plain file")
            if info.flag_bits & 1 or info.compress_type not in (
                zipfile.ZIP_STORED,
                zipfile.ZIP_DEFLATED,
            ):
                raise NotABundle(f"{info.filename!r} in the zip file is encrypted or packed oddly")
        # orig_filename: what the file says, before zipfile cuts it at a NUL or turns slashes round
        check_names(info.orig_filename for info in infos)
        self._names = [info.filename for info in infos]

    def names(self) -> list[str]:
        """Return the names of all files."""
        return self._names

    def open(self, name: str) -> IO[bytes]:
        """Open a file for one reading."""
        return self._zip.open(name)


class FolderContainer(Container):
    """An unpacked bundle. Links are refused, so nothing outside the folder is read."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def names(self) -> list[str]:
        """Return no names: whatever else is in the folder does not belong to the bundle."""
        return []

    def open(self, name: str) -> IO[bytes]:
        """Open a file for one reading.

        Raises:
            NotABundle: the file, or a folder that it is in, is a link.
        """
        check_names((name,))
        path = self._path
        for part in name.split("/"):
            path /= part
            if path.is_symlink():
                raise NotABundle(f"{path} is a link: refused")
        if not path.is_file():
            raise KeyError(name)
        return path.open("rb")


def open_container(path: Path) -> Container:
    """Open a bundle, zipped or unpacked.

    Raises:
        NotABundle: it is none, or has a name or a kind of file that is refused.
    """
    return FolderContainer(path) if path.is_dir() else ZipContainer(path)


def read_small(container: Container, name: str) -> bytes:
    """Read a file of at most a megabyte.

    Raises:
        NotABundle: it is not there, not readable, or larger.
    """
    try:
        with container.open(name) as file:
            data = file.read(MAX_SMALL_FILE + 1)
    except KeyError:
        raise NotABundle(f"{name} is missing") from None
    except READ_ERRORS as error:
        raise NotABundle(f"{name} is not readable: {error}") from None
    if len(data) > MAX_SMALL_FILE:
        raise NotABundle(f"{name} has more than {MAX_SMALL_FILE} bytes")
    return data


def check_names(names: Iterable[str]) -> None:
    """Refuse names that lead elsewhere, or that become one file where case does not count.

    Raises:
        NotABundle: one is refused.
    """
    seen: set[str] = set()
    for name in names:
        if not _NAME.fullmatch(name):
            raise NotABundle(f"{name!r} is no name for a file of a bundle: refused")
        if name.lower() in seen:
            raise NotABundle(f"{name!r} is there twice: refused")
        seen.add(name.lower())
        if len(seen) > MAX_FILES:
            raise NotABundle("there are too many files: refused")


def _is_empty_folder(info: zipfile.ZipInfo) -> bool:
    name = info.orig_filename
    return name.endswith("/") and not info.file_size and _NAME.fullmatch(name[:-1]) is not None
