"""Why evidence cannot be made."""

from __future__ import annotations


class EvidenceError(Exception):
    """The evidence cannot be made. `message` says why, `hint` what to do; it may be None."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\nHINT: {self.hint}" if self.hint else self.message
