"""How the asynchronous bus calls a handler; `_threads` is the same for threads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import Context
from inspect import isawaitable
from typing import Any, TypeVar

T = TypeVar("T")


def checked(handler: T) -> T:
    """Take any handler, plain or a coroutine function."""
    return handler


async def call(handler: Callable[[Any], object], event: object) -> None:
    """Call a handler, and wait for it if there is something to wait for."""
    result = handler(event)
    if isawaitable(result):
        await result


async def within(
    context: Context, function: Callable[[T], Coroutine[Any, Any, None]], event: T
) -> None:
    """Call a function in a context."""
    await asyncio.create_task(function(event), context=context)
