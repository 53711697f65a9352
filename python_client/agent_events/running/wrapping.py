"""Functions whose every call is a block: plain ones, coroutines, and generators of either kind.

What consumes a generator is outside of the block while the generator waits for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping
from contextlib import AbstractContextManager
from functools import partial, wraps
from inspect import isasyncgenfunction, iscoroutinefunction, isgeneratorfunction
from typing import Any, Protocol, TypeVar, cast

from agent_events import errors

F = TypeVar("F", bound=Callable[..., Any])


class Begins(Protocol):
    """What begins: an asynchronous one by a coroutine function."""

    def begin(self) -> Any:
        """Begin it."""


class Block(Begins, Protocol):
    """A block of `agent_events.running`."""

    is_open: bool

    def inside(self) -> AbstractContextManager[None]:
        """Have its context."""

    def returned(self, value: Any) -> None:
        """Be told what the function returned."""

    def end(self, error: BaseException | None = None) -> Any:
        """End it."""


MakeBlock = Callable[[tuple[Any, ...], Mapping[str, Any]], Block]


def wrap(function: F, make: MakeBlock) -> F:
    """Return the function with a block around each call, made of its arguments."""
    if isasyncgenfunction(function):
        wrapped = _async_generator(function, make)
    elif iscoroutinefunction(function):
        wrapped = _coroutine(function, make)
    elif isgeneratorfunction(function):
        wrapped = _generator(function, make)
    else:
        wrapped = _plain(function, make)
    return cast(F, wraps(function)(wrapped))


def require_async(function: Callable[..., Any], block: Begins) -> None:
    """Refuse a plain function in an asynchronous block, which it could not await."""
    if not iscoroutinefunction(block.begin) or _is_async(function):
        return
    raise errors.InvalidArgument(
        f"{function.__qualname__} is a plain function, and what records it is asynchronous",
        hint="Make it `async def`, or use `async with run.tool_call(…)` around its call.",
    )


def _is_async(function: Callable[..., Any]) -> bool:
    return iscoroutinefunction(function) or isasyncgenfunction(function)


def _plain(function: Callable[..., Any], make: MakeBlock) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        block = make(args, kwargs)
        block.begin()
        try:
            with block.inside():
                value = function(*args, **kwargs)
        except BaseException as error:
            block.end(error)
            raise
        block.returned(value)
        block.end()
        return value

    return call


def _generator(function: Callable[..., Any], make: MakeBlock) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        block = make(args, kwargs)
        block.begin()
        try:
            value = yield from _steps(block, function(*args, **kwargs))
        except BaseException as error:
            block.end(error)
            raise
        block.returned(value)
        block.end()
        return value

    return call


def _steps(block: Block, generator: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
    """Delegate to the generator, as `yield from` does, with each of its steps inside."""
    step: Callable[[], Any] = partial(next, generator)
    while True:
        with block.inside():
            try:
                item = step()
            except StopIteration as end:
                return end.value
        try:
            sent = yield item
        except GeneratorExit:
            with block.inside():
                generator.close()
            raise
        except BaseException as error:  # noqa: BLE001 - it is thrown on
            step = partial(generator.throw, error)
        else:
            step = partial(generator.send, sent)


def _coroutine(function: Callable[..., Any], make: MakeBlock) -> Callable[..., Any]:
    async def call(*args: Any, **kwargs: Any) -> Any:
        block = make(args, kwargs)
        await _begin(block)
        try:
            with block.inside():
                value = await function(*args, **kwargs)
        except BaseException as error:
            await _off_loop(partial(block.end, error))
            raise
        block.returned(value)
        await _off_loop(block.end)
        return value

    return call


def _async_generator(function: Callable[..., Any], make: MakeBlock) -> Callable[..., Any]:
    async def call(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        block = make(args, kwargs)
        await _begin(block)
        generator: AsyncGenerator[Any, Any] = function(*args, **kwargs)
        step: Callable[[], Awaitable[Any]] = partial(anext, generator)
        try:
            while True:
                with block.inside():
                    try:
                        item = await step()
                    except StopAsyncIteration:
                        break
                try:
                    sent = yield item
                except GeneratorExit:
                    with block.inside():
                        await generator.aclose()
                    raise
                except BaseException as error:  # noqa: BLE001 - it is thrown on
                    step = partial(generator.athrow, error)
                else:
                    step = partial(generator.asend, sent)
        except BaseException as error:
            await _off_loop(partial(block.end, error))
            raise
        await _off_loop(block.end)

    return call


async def _begin(block: Block) -> None:
    """Begin a block; where it is cancelled and has begun all the same, it ends."""
    try:
        await _off_loop(block.begin)
    except BaseException as error:
        if block.is_open:
            await _off_loop(partial(block.end, error))
        raise


async def _off_loop(step: Callable[[], Any]) -> None:
    """Await a step of an asynchronous block; one that would hold up the loop goes to a thread.

    Nobody can cancel a thread: it has ended when this does.
    """
    function = step.func if isinstance(step, partial) else step
    if iscoroutinefunction(function):
        await step()
        return
    stepping = asyncio.ensure_future(asyncio.to_thread(step))
    try:
        await asyncio.shield(stepping)
    except asyncio.CancelledError:
        await asyncio.gather(stepping, return_exceptions=True)
        raise
