"""Blocks over asyncio. `_sync.py` is generated from this file."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from time import perf_counter
from typing import Any, Self, cast

from agent_events import context, errors
from agent_events._failure import message_of, type_of
from agent_events.context import Context
from agent_events.models import EventArguments, Json, Receipt, Spooled
from agent_events.running.ending import Ended, Ending, ending_of
from agent_events.running.recording._async import AsyncRecorder, Settings
from agent_events.running.values import recordable


class AsyncBlock(ABC):
    """What is recorded when it begins, when it ends, or both; everything inside has it as context.

    `outcome` may be set where it is not what the end says: a tool that returns its error has
    failed. It `is_open` from its beginning until its end is recorded. `begin`, `inside` and `end`
    are the parts of `with`, for those who begin in one place and end in another.
    """

    def __init__(self, recorder: AsyncRecorder) -> None:
        self.outcome: Ended | None = None
        self.is_open = False
        self._recorder = recorder
        self._has_begun = False
        self._inside = context.NOTHING
        self._before: Settings = {}
        self._began = 0.0
        self._fields: dict[str, Any] = {}
        self._stack = ExitStack()

    def report(self, **fields: Any) -> None:
        """Add to what is recorded at the end, e.g. `result`; secrets in it are masked."""
        self._fields |= recordable(fields)

    async def begin(self) -> None:
        """Record that it begins; what cannot be recorded is raised, and does not begin."""
        if self._has_begun:
            raise errors.InvalidArgument(
                f"{self._name()} has begun already", hint="Each block is for one use: make another."
            )
        self._has_begun = True
        around = self._around()
        with context.enter(around):
            opened = await self._open()
        inside = self._context(around)
        if isinstance(opened, Receipt):  # a spooled event has no id yet
            inside = replace(inside, causation_id=opened.id)
        self._inside = inside
        self._before = await self._recorder.enter(inside)
        self._began = perf_counter()
        self.is_open = True

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Have its context, for a part of it."""
        with context.enter(self._inside):
            yield

    async def end(self, error: BaseException | None = None) -> None:
        """Record that it ended, by this exception or well.

        What cannot be recorded is logged. It is raised, unless there is an exception: then it is a
        note of that, and only a cancellation meanwhile is raised.
        """
        duration_ms = round((perf_counter() - self._began) * 1000, 3)
        try:
            self._require_open()
            await self._recorder.leave(self._before)
            with context.enter(self._inside):
                await self._close(ending_of(error, self.outcome), duration_ms)
            self.is_open = False
        except BaseException as failure:
            why = f"{type_of(failure)}: {message_of(failure)}"
            what = f"the end of {self._name()} is not recorded: {why}"
            self._recorder.logger.error(what)
            if error is not None:
                error.add_note(what)
            if error is None or not isinstance(failure, Exception):
                raise

    async def __aenter__(self) -> Self:
        await self.begin()
        self._stack.enter_context(self.inside())
        return self

    async def __aexit__(self, _: object, error: BaseException | None, __: object) -> None:
        self._stack.close()
        await self.end(error)

    def _require_open(self) -> None:
        if not self.is_open:
            raise errors.InvalidArgument(
                f"{self._name()} has not begun, or has ended already",
                hint="Each block begins once, and ends once.",
            )

    def _around(self) -> Context:
        return context.current()

    def _context(self, around: Context) -> Context:
        return around

    async def _record(self, event_type: str, payload: Json, **options: Any) -> Receipt | Spooled:
        given = {name: value for name, value in payload.items() if value is not None}
        event = {"event_type": event_type, "payload": recordable(given), **options}
        return await self._recorder.record(cast(EventArguments, event))

    @abstractmethod
    def _name(self) -> str:
        """What it is, for messages."""

    @abstractmethod
    async def _open(self) -> Receipt | Spooled | None:
        """Record that it begins, if that is an event."""

    @abstractmethod
    async def _close(self, ending: Ending, duration_ms: float) -> None:
        """Record that it ended."""
