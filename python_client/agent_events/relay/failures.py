"""What a destination answers if not yes."""

from __future__ import annotations

from datetime import timedelta


class Refused(Exception):
    """This message was not taken; others may well be.

    It is parked, and tried again with growing pauses, while later ones of its aggregate wait.

    Args:
        reason: kept with the message, and shown to whoever looks after it.
        is_permanent: it will never be taken: no use in trying again.
        retry_after: the destination asks for this pause; a longer one may be made.
    """

    def __init__(
        self, reason: str, *, is_permanent: bool = False, retry_after: timedelta | None = None
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.is_permanent = is_permanent
        self.retry_after = retry_after


class Unavailable(Exception):
    """The destination is not there, and no message is at fault.

    Nothing is counted against a message: all is sent again, in order, when it is back.

    Args:
        reason: for the log.
        retry_after: the destination asks for this pause; a longer one may be made.
    """

    def __init__(self, reason: str, *, retry_after: timedelta | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after = retry_after
