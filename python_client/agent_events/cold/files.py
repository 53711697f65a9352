"""Write files that are there only once they are complete, and on disk."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from agent_events.anchors.layout import sync_folder
from agent_events.cold.errors import ColdError

_CHUNK = 1 << 20


class Written:
    """What pyarrow writes to: a file, and the digest of what went into it.

    A write that failed, as on a full disk, is remembered: pyarrow goes on writing its footer.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb", buffering=0)
        self._digest = sha256()
        self.error: OSError | None = None
        self.size = 0

    @property
    def sha256(self) -> str:
        """Digest of what was written, hex."""
        return self._digest.hexdigest()

    @property
    def closed(self) -> bool:
        """Whether the file is closed."""
        return self._file.closed

    def write(self, data: bytes) -> int:
        """Append bytes, all of them."""
        if self.error is not None:
            return len(data)
        view = memoryview(data)
        try:
            while len(view):
                written = self._file.write(view)
                self._digest.update(view[:written])
                self.size += written
                view = view[written:]
        except OSError as error:
            self.error = error
        return len(data)

    def tell(self) -> int:
        """Return where the next byte goes."""
        return self.size

    def flush(self) -> None:
        """Do nothing: nothing is kept back."""

    def sync(self) -> None:
        """Bring it to disk.

        Raises:
            OSError: it, or a write before it, failed.
        """
        if self.error is not None:
            raise self.error
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Do nothing: `shut` closes, when pyarrow is through with it."""

    def shut(self) -> None:
        """Close the file."""
        self._file.close()


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """Give the file `<path>.partial` to write to, for one process at a time; it becomes `path`.

    What a crash left there is written over. On an error it is removed.

    Raises:
        ColdError: the folder cannot be written to, the disk is full, or another process is at it.
    """
    partial = path.with_name(f"{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(partial, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise ColdError(f"{partial} cannot be written: {error.strerror}") from error
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ColdError(f"another process is writing {partial}") from None
        if not _is_same(lock, partial):
            raise ColdError(f"another process has just written {path}")
        try:
            yield partial
            partial.rename(path)
            sync_folder(path.parent)
        except OSError as error:
            raise ColdError(f"{path} cannot be written: {error.strerror or error}") from error
        finally:
            partial.unlink(missing_ok=True)
    finally:
        os.close(lock)


def write_bytes(path: Path, data: bytes) -> None:
    """Write a small file and bring it to disk.

    Raises:
        OSError: it cannot be written.
    """
    target = Written(path)
    try:
        target.write(data)
        target.sync()
    finally:
        target.shut()


def digest_of(path: Path) -> tuple[str, int]:
    """Read a file, from the disk where the system allows it: its SHA-256 (hex) and size.

    Raises:
        OSError: it cannot be read.
    """
    digest = sha256()
    with path.open("rb", buffering=0) as file:
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
        return digest.hexdigest(), file.tell()


def _is_same(descriptor: int, path: Path) -> bool:
    """Tell whether the file that is open is still the one of that name."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return False
    return os.fstat(descriptor).st_ino == status.st_ino
