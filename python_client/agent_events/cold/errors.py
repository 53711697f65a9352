"""Why something about cold files cannot be done.

ColdError              it cannot be done; the message says why
 +-- MalformedManifest a manifest is none
 +-- UnreadableFile    a file is no cold file, or rows of it cannot be read
"""

from __future__ import annotations


class ColdError(Exception):
    """It cannot be done, and nothing was. `hint` says what to do; it may be None."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\nHINT: {self.hint}" if self.hint else self.message


class MalformedManifest(ColdError):
    """The manifest cannot be read, or says something that none can say."""


class UnreadableFile(ColdError):
    """The file is no cold file, or rows of it cannot be read."""
