"""Runs, tool calls and model calls over asyncio. `_sync.py` is generated from this file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Self, TypeVar, Unpack, cast
from uuid import UUID, uuid4

from agent_events import context, errors
from agent_events._queries import check_options
from agent_events.context import Context
from agent_events.models import EventArguments, Id, Json, Receipt, RunOptions, Spooled
from agent_events.running.blocks._async import AsyncBlock
from agent_events.running.current import current, set_current
from agent_events.running.ending import Ending
from agent_events.running.recording._async import AsyncRecorder
from agent_events.running.values import arguments_of, recordable
from agent_events.running.wrapping import require_async, wrap

F = TypeVar("F", bound=Callable[..., Any])

_PRIVATE = ("prompt", "raw_output")


class AsyncRun(AsyncBlock):
    """A run of an agent: `async with emitter.run("scorer") as run:`.

    Begins with run.started and ends with run.completed or run.failed. Every emit inside belongs to
    it, and to its trace and correlation; it is caused by what the innermost block began with. The
    actor is the agent, unless another is given. A run inside a run is its child.
    """

    def __init__(
        self, recorder: AsyncRecorder, agent_name: str, **options: Unpack[RunOptions]
    ) -> None:
        super().__init__(recorder)
        check_options(options, frozenset(RunOptions.__annotations__))
        self.agent_name = agent_name
        self.id = _uuid("run_id", options.get("run_id")) or uuid4()
        self.parent_run_id: Id | None = None
        self.trace_id: Id | None = None
        self.correlation_id: Id | None = None
        self._tenant_id: str | None = None
        self._options = options

    @classmethod
    def current(cls) -> Self:
        """Return the run around; raises `errors.InvalidArgument` where there is none."""
        run = current()
        if not isinstance(run, cls):
            raise errors.InvalidArgument(
                f"there is no {cls.__name__} here", hint="Call it inside of `with emitter.run(…)`."
            )
        return run

    def tool_call(
        self,
        name: str | None = None,
        arguments: Json | None = None,
        *,
        call_id: str | None = None,
        step: int | None = None,
        record_arguments: bool = False,
        record_result: bool = False,
    ) -> AsyncToolCall:
        """Have a block, or every call of a function, as a call of a tool.

        `async with run.tool_call("search", {"q": "Acme"}) as call: call.result = …` records these
        arguments and that result. `@run.tool_call()` records neither, unless it is told to; the
        name is the function's where it is left out.
        """
        return AsyncToolCall(
            self,
            name,
            arguments,
            call_id=call_id,
            step=step,
            record_arguments=record_arguments,
            record_result=record_result,
        )

    def model_call(
        self,
        provider_name: str,
        model_name: str,
        *,
        method_name: str | None = None,
        prompt: Any = None,
        subject_id: str | None = None,
    ) -> AsyncModelCall:
        """Have a block as a call of a language model: one event agent.call_completed at its end.

        `call.report(raw_output=…, usage={"input_tokens": 812, "output_tokens": 31})` adds what came
        back. Prompt and raw output are private data, about `subject_id`.
        """
        fields = {
            "provider_name": provider_name,
            "model_name": model_name,
            "method_name": method_name,
            "prompt": prompt,
        }
        return AsyncModelCall(self, fields, subject_id)

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Have its context, for a part of it."""
        with super().inside(), set_current(self):
            yield

    def _name(self) -> str:
        return f"run {self.id} of {self.agent_name}"

    async def _open(self) -> Receipt | Spooled:
        given: Mapping[str, Any] = self._options
        around = context.current()
        known = context.fill(given, context.around_run(given))
        self._tenant_id = known.get("tenant_id")
        has_parent = given.get("parent_run_id") is not None
        self.trace_id = known.get("trace_id") or (None if has_parent else uuid4())
        self.correlation_id = known.get("correlation_id") or self.trace_id
        self.parent_run_id = known.get("parent_run_id")
        payload = {**(given.get("payload") or {}), "agent_name": self.agent_name}
        if self.parent_run_id is not None:
            payload["parent_run_id"] = str(self.parent_run_id)
        event = {
            "event_type": "run.started",
            "payload": recordable(payload),
            "metadata": recordable(given.get("metadata")),
            "expected_sequence": 0,
            **self._ids(),
        }
        cause = around.causation_id if self._tenant_id == around.tenant_id else None
        with context.use(run_id=None, trace_id=None, correlation_id=None, causation_id=cause):
            return await self._start(cast(EventArguments, event))

    async def _start(self, event: EventArguments) -> Receipt | Spooled:
        try:
            return await self._recorder.start(event)
        except errors.WrongExpectedSequence as refused:
            raise errors.InvalidArgument(
                f"run {self.id} exists already",
                hint="Leave run_id out; context.use(run_id=…) goes on with a run.",
            ) from refused

    def _context(self, around: Context) -> Context:
        same_tenant = self._tenant_id == around.tenant_id
        return Context(
            tenant_id=self._tenant_id,
            run_id=self.id,
            trace_id=self.trace_id,
            correlation_id=self.correlation_id,
            causation_id=around.causation_id if same_tenant else None,
            actor_type=self._options.get("actor_type") or "agent",
            actor_id=self._options.get("actor_id") or self.agent_name,
        )

    async def _close(self, ending: Ending, duration_ms: float) -> None:
        said = {"duration_ms": duration_ms, "error": ending.error, "error_code": ending.error_code}
        await self._record(
            "run.failed" if ending.outcome == "failure" else "run.completed",
            said | self._fields,
            outcome=ending.outcome,
            **self._ids(),
        )

    def _ids(self) -> dict[str, Any]:
        return {
            "tenant_id": self._tenant_id,
            "run_id": self.id,
            "trace_id": self.trace_id,
            "correlation_id": self.correlation_id,
            "aggregate_type": "run",
            "aggregate_id": str(self.id),
        }


class AsyncPart(AsyncBlock):
    """A part of a run: it belongs to that run wherever it begins, e.g. in another thread."""

    def __init__(self, run: AsyncRun) -> None:
        super().__init__(run._recorder)
        self._run = run

    def _around(self) -> Context:
        if self._run._inside.run_id is None:
            raise errors.InvalidArgument(
                f"{self._run._name()} has not begun", hint="`async with emitter.run(…) as run:`"
            )
        around = context.current()
        return around if around.run_id == self._run.id else self._run._inside

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Have its context, for a part of it."""
        with super().inside(), set_current(self._run):
            yield


class AsyncToolCall(AsyncPart):
    """A call of a tool: run.tool_called, then run.tool_completed with duration and outcome."""

    def __init__(
        self,
        run: AsyncRun,
        name: str | None,
        arguments: Json | None,
        *,
        call_id: str | None,
        step: int | None,
        record_arguments: bool,
        record_result: bool,
    ) -> None:
        super().__init__(run)
        self.tool_name = name
        self.call_id = call_id or uuid4().hex
        self._arguments = arguments
        self._step = step
        self._record_arguments = record_arguments
        self._record_result = record_result

    @property
    def result(self) -> Any:
        """What the tool returned, or the part worth keeping: it is recorded, secrets masked."""
        return self._fields.get("result")

    @result.setter
    def result(self, value: Any) -> None:
        self.report(result=value)

    def __call__(self, function: F) -> F:
        """Have every call of the function as a call of the tool."""
        require_async(function, self)
        return wrap(function, lambda args, kwargs: self._again(function, args, kwargs))

    def _again(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> AsyncToolCall:
        given = arguments_of(function, args, kwargs) if self._record_arguments else {}
        return self._run.tool_call(
            self.tool_name or function.__name__,
            {**(self._arguments or {}), **given} or None,
            step=self._step,
            record_result=self._record_result,
        )

    def returned(self, value: Any) -> None:
        """Keep what the function returned, if that is asked for."""
        if self._record_result:
            self.result = value

    def _name(self) -> str:
        return f"tool call {self.tool_name} of {self._run._name()}"

    async def _open(self) -> Receipt | Spooled:
        if self.tool_name is None:
            raise errors.InvalidArgument("the tool call has no name", hint='tool_call("search")')
        return await self._record(
            "run.tool_called", {**self._about(), "arguments": self._arguments}
        )

    async def _close(self, ending: Ending, duration_ms: float) -> None:
        said = {"duration_ms": duration_ms, "error": ending.error, "error_code": ending.error_code}
        await self._record(
            "run.tool_completed", self._about() | said | self._fields, outcome=ending.outcome
        )

    def _about(self) -> dict[str, Any]:
        return {"tool_name": self.tool_name, "call_id": self.call_id, "step": self._step}


class AsyncModelCall(AsyncPart):
    """A call of a language model: agent.call_completed, when it has ended."""

    def __init__(self, run: AsyncRun, fields: Json, subject_id: str | None) -> None:
        super().__init__(run)
        self._subject_id = subject_id
        self._given: dict[str, Any] = recordable(fields)
        self._start = datetime.now(UTC)

    def _name(self) -> str:
        return f"call of {self._given['model_name']} of {self._run._name()}"

    async def _open(self) -> None:
        self._start = datetime.now(UTC)

    async def _close(self, ending: Ending, duration_ms: float) -> None:
        about = {
            "timestamp_start": self._start,
            "timestamp_end": datetime.now(UTC),
            "latency_ms": duration_ms,
            "agent_name": self._run.agent_name,
        }
        said = self._given | self._fields
        is_private = any(said.get(name) is not None for name in _PRIVATE)
        metadata = {"error_code": ending.error_code, "error_message": ending.error}
        await self._record(
            "agent.call_completed",
            about | said,
            outcome=ending.outcome,
            metadata=metadata if ending.error else None,
            subject_id=self._subject_id if is_private else None,
        )


def _uuid(name: str, given: Id | None) -> UUID | None:
    try:
        return None if given is None else UUID(str(given))
    except ValueError as error:
        raise errors.InvalidArgument(f"{name} is no UUID: {given!r}") from error
