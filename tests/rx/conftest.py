"""Emitters and buses of either kind, called alike."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextvars import copy_context
from inspect import iscoroutinefunction
from typing import Any

import pytest
from emitting.conftest import Blocking, in_context, loop, noted, outage

from agent_events import AuditEmitter
from agent_events.rx import AsyncReactiveEventBus, ReactiveEventBus

__all__ = ["loop", "noted", "outage"]

MakeBus = Callable[..., Any]


class BlockingBus(AsyncReactiveEventBus[Any]):
    """An asynchronous bus, called from outside its loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, emitter: Blocking, **options: Any) -> None:
        super().__init__(emitter._emitter, **options)
        self._loop = loop

    def __getattribute__(self, name: str) -> Any:
        attribute = super().__getattribute__(name)
        if name.startswith("_") or not iscoroutinefunction(attribute):
            return attribute

        def call(*args: Any, **kwargs: Any) -> Any:
            coroutine = in_context(copy_context(), attribute, args, kwargs)
            return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

        return call


@pytest.fixture(params=["sync", "async"])
def make_bus(
    request: pytest.FixtureRequest, dsn: str, loop: asyncio.AbstractEventLoop
) -> Iterator[MakeBus]:
    """`make_bus(**options)`: a bus over an emitter of its own, of either kind."""
    emitters: list[Any] = []

    def make(database: str = dsn, **options: Any) -> Any:
        if request.param == "sync":
            emitters.append(AuditEmitter(database))
            return ReactiveEventBus(emitters[-1], **options)
        emitters.append(Blocking(loop, database=database))
        return BlockingBus(loop, emitters[-1], **options)

    yield make
    for emitter in emitters:
        emitter.close()


@pytest.fixture
def bus(make_bus: MakeBus) -> Any:
    return make_bus()
