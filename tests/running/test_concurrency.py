"""Many runs at once: no event goes to another's run, trace, correlation or cause."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

from agent_events import AsyncAuditEmitter, AsyncRun, AuditEmitter, Event, Run, context, tool

TASKS = 200


def name_of(event: Event) -> tuple[str, Any]:
    return event.event_type, event.payload.get("tool_name")


def assert_is_whole(mine: list[Event], outer: Any, inner: Any) -> None:
    """All events of one task, each with its run, and caused by what it was inside of."""
    by_run = {run.id: {name_of(e): e for e in mine if e.run_id == run.id} for run in (outer, inner)}
    o, i = by_run[outer.id], by_run[inner.id]
    assert {(e.trace_id, e.correlation_id) for e in mine} == {(outer.trace_id, outer.trace_id)}
    assert len(mine) == len(o) + len(i) == 11
    causes = {
        o["run.tool_called", "plan"].id: [
            o["run.tool_completed", "plan"],
            i["run.started", None],
        ],
        i["run.started", None].id: [
            i["run.tool_called", "left"],
            i["run.tool_called", "right"],
            i["run.completed", None],
        ],
        i["run.tool_called", "left"].id: [i["run.tool_completed", "left"], i["run.paused", None]],
        i["run.tool_called", "right"].id: [i["run.tool_completed", "right"]],
        o["run.started", None].id: [o["run.tool_called", "plan"], o["run.completed", None]],
    }
    for cause, effects in causes.items():
        assert {e.causation_id for e in effects} == {cause}


def test_tasks(dsn: str, events: Any) -> None:
    @tool
    async def left(emitter: AsyncAuditEmitter) -> None:
        await asyncio.sleep(0)
        await emitter.buffer("run.paused")

    @tool
    async def right() -> None:
        await asyncio.sleep(0)

    async def task(emitter: AsyncAuditEmitter, number: int) -> tuple[AsyncRun, AsyncRun]:
        async with emitter.run(f"planner {number}") as outer:
            async with outer.tool_call("plan"), emitter.run(f"worker {number}") as inner:
                await asyncio.gather(left(emitter), right())
            assert context.current().run_id == outer.id
        return outer, inner

    async def main() -> list[tuple[AsyncRun, AsyncRun]]:
        async with AsyncAuditEmitter(dsn) as emitter:
            return await asyncio.gather(*(task(emitter, n) for n in range(TASKS)))

    runs = asyncio.run(main())
    by_trace: dict[Any, list[Event]] = {}
    for event in events():
        by_trace.setdefault(event.trace_id, []).append(event)
    assert len(by_trace) == TASKS
    for outer, inner in runs:
        assert_is_whole(by_trace[outer.trace_id], outer, inner)


def test_threads(emitter: AuditEmitter, events: Any) -> None:
    def left() -> None:
        with Run.current().tool_call("left"):
            emitter.buffer("run.paused")

    def right(run: Run) -> None:
        with run.tool_call("right"):  # in a thread that has no context
            pass

    def work(number: int, helpers: ThreadPoolExecutor) -> tuple[Run, Run]:
        with emitter.run(f"planner {number}") as outer:
            with outer.tool_call("plan"), emitter.run(f"worker {number}") as inner:
                other = helpers.submit(right, inner)
                helpers.submit(copy_context().run, left).result()
                other.result()
            assert context.current().run_id == outer.id
        return outer, inner

    with ThreadPoolExecutor(4) as helpers, ThreadPoolExecutor(4) as pool:
        runs = list(pool.map(lambda number: work(number, helpers), range(12)))
    emitter.flush()
    by_trace: dict[Any, list[Event]] = {}
    for event in events():
        by_trace.setdefault(event.trace_id, []).append(event)
    for outer, inner in runs:
        assert_is_whole(by_trace[outer.trace_id], outer, inner)
