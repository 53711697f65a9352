"""How a block ended, by the exception that left it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from agent_events._failure import message_of, type_of

Ended = Literal["success", "partial", "failure"]


@dataclass(frozen=True, slots=True)
class Ending:
    """An outcome, and for a failure what went wrong: for a person, and the exception's type."""

    outcome: Ended
    error: str | None = None
    error_code: str | None = None


def ending_of(error: BaseException | None, said: Ended | None = None) -> Ending:
    """Say how a block ended, which has `said` so itself unless it was by an exception.

    A generator that nobody wants more of is partial, `sys.exit(0)` is a success, and what is
    cancelled has failed.
    """
    if error is None or (isinstance(error, SystemExit) and error.code in (None, 0)):
        return Ending(said or "success")
    if isinstance(error, GeneratorExit):
        return Ending("partial")
    return Ending("failure", message_of(error), type_of(error))
