"""What an export is written to: bytes go on to their file, and into its digest, meanwhile."""

from __future__ import annotations

import os
from concurrent.futures import Future, ThreadPoolExecutor
from hashlib import sha256
from types import TracebackType
from typing import BinaryIO


class Output:
    """Writes in a thread of its own, one piece at a time, so that reading goes on.

    It is no more than one piece behind. To pyarrow it is a file.

    Args:
        file: to write to.
        to_disk: `finish` waits until the disk has it.
    """

    closed = False

    def __init__(self, file: BinaryIO, *, to_disk: bool) -> None:
        self._file = file
        self._to_disk = to_disk
        self._digest = sha256()
        self._thread = ThreadPoolExecutor(max_workers=1)
        self._last: Future[None] | None = None
        self.size = 0

    def __enter__(self) -> Output:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._thread.shutdown()

    def write(self, data: bytes) -> int:
        """Append bytes.

        Raises:
            OSError: a write before failed.
        """
        self._wait()
        self.size += len(data)
        self._last = self._thread.submit(self._write, bytes(data))
        return len(data)

    def tell(self) -> int:
        """Return where the next byte goes."""
        return self.size

    def flush(self) -> None:
        """Do nothing: `finish` does."""

    def close(self) -> None:
        """Do nothing: who opened the file closes it."""

    def finish(self) -> None:
        """Bring everything to its place, a file to disk.

        Raises:
            OSError: it, or a write before it, failed.
        """
        self._wait()
        self._file.flush()
        if self._to_disk:
            os.fsync(self._file.fileno())

    def digest(self) -> bytes:
        """SHA-256 of what was written, 32 bytes."""
        return self._digest.digest()

    def _write(self, data: bytes) -> None:
        self._digest.update(data)
        self._file.write(data)

    def _wait(self) -> None:
        if self._last is not None:
            self._last.result()
