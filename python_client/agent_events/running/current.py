"""The run around: a context variable beside that of `agent_events.context`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar

_run: ContextVar[object | None] = ContextVar("agent_events_run", default=None)


def current() -> object | None:
    """Return the innermost run around, a `Run` or an `AsyncRun`."""
    return _run.get()


@contextmanager
def set_current(run: object) -> Iterator[None]:
    """Have a run around the block."""
    token = _run.set(run)
    try:
        yield
    finally:
        with suppress(ValueError):  # a generator that ends elsewhere than it began
            _run.reset(token)
