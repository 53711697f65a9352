"""How a block ended, by the exception that left it."""

from __future__ import annotations

from dataclasses import dataclass

from agent_events._failure import message_of, type_of
from agent_events.models import Outcome


@dataclass(frozen=True, slots=True)
class Ending:
    """An outcome, and for a failure what went wrong: for a person, and the exception's type."""

    outcome: Outcome
    error: str | None = None
    error_code: str | None = None


def ending_of(error: BaseException | None) -> Ending:
    """Say how a block ended.

    A generator that nobody wants more of is partial, `sys.exit(0)` is a success, and what is
    cancelled has failed.
    """
    if error is None or (isinstance(error, SystemExit) and error.code in (None, 0)):
        return Ending("success")
    if isinstance(error, GeneratorExit):
        return Ending("partial")
    return Ending("failure", message_of(error), type_of(error))
