"""How the synchronous bus calls a handler; `_tasks` is the same for asyncio."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import Context
from inspect import iscoroutinefunction
from typing import Any, TypeVar

from agent_events import errors

T = TypeVar("T")


def checked(handler: T) -> T:
    """Refuse a coroutine function, which nobody would await."""
    if iscoroutinefunction(handler):
        raise errors.InvalidArgument(
            f"{handler.__name__} is a coroutine function", hint="Use AsyncReactiveEventBus."
        )
    return handler


def call(handler: Callable[[Any], object], event: object) -> None:
    """Call a handler."""
    handler(event)


def within(context: Context, function: Callable[[T], None], event: T) -> None:
    """Call a function in a context."""
    context.run(function, event)
