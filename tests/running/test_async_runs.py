"""Runs over asyncio: the same, and cancellation."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from agent_events import AsyncAuditEmitter, AsyncRun, AuditEmitter, context, errors, tool


def test_run_with_calls(dsn: str, events: Any) -> None:
    async def main() -> AsyncRun:
        async with AsyncAuditEmitter(dsn) as emitter:
            async with emitter.run("scorer") as run:
                assert AsyncRun.current() is run
                async with run.tool_call("search", {"q": "Acme"}) as call:
                    call.result = 1
                async with run.model_call("example", "example-2") as model:
                    model.report(raw_output="yes")
            return run

    run = asyncio.run(main())
    stored = events()
    assert [e.event_type for e in stored] == [
        "run.started",
        "run.tool_called",
        "run.tool_completed",
        "agent.call_completed",
        "run.completed",
    ]
    assert {e.run_id for e in stored} == {run.id}
    assert stored[2].payload["result"] == 1


def test_cancelled_run_has_failed(dsn: str, events: Any) -> None:
    async def main() -> None:
        async with (
            AsyncAuditEmitter(dsn) as emitter,
            emitter.run("scorer") as run,
            run.tool_call("sleep"),
        ):
            cast("asyncio.Task[None]", asyncio.current_task()).cancel()
            await asyncio.sleep(600)

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(main())
    _, _, tool_completed, failed = events()
    assert (tool_completed.event_type, failed.event_type) == ("run.tool_completed", "run.failed")
    for event in (tool_completed, failed):
        assert event.outcome == "failure"
        assert event.payload["error_code"] == "asyncio.exceptions.CancelledError"


def test_end_that_is_cancelled_is_said(
    dsn: str, pg: Any, events: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with AsyncAuditEmitter(dsn) as emitter:
            run = emitter.run("scorer")
            await run.begin()
            with pg.transaction():
                pg.execute("lock table ledger.agent_events in access exclusive mode")
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.2):
                        await run.end(error)

    error = ValueError("of the user")
    asyncio.run(main())
    assert "is not recorded: asyncio.exceptions.CancelledError" in error.__notes__[0]
    assert error.__notes__[0] in caplog.text
    assert [e.event_type for e in events()] == ["run.started"]


def test_decorated_coroutines_and_generators(dsn: str, events: Any) -> None:
    seen = []

    @tool(record_arguments=True, record_result=True)
    async def search(q: str) -> str:
        await asyncio.sleep(0)
        return q.upper()

    @tool
    async def stream(n: int) -> AsyncIterator[int]:
        for i in range(n):
            seen.append(context.current().causation_id)
            yield i

    async def main() -> None:
        async with AsyncAuditEmitter(dsn) as emitter, emitter.run("scorer"):
            outside = context.current()
            assert await search("acme") == "ACME"
            async for _ in stream(2):
                assert context.current() == outside
            several = stream(9)
            assert await anext(several) == 0
            await several.aclose()  # type: ignore[attr-defined]

    asyncio.run(main())
    called = events("run.tool_called")
    completed = events("run.tool_completed")
    assert called[0].payload["arguments"] == {"q": "acme"}
    assert [e.outcome for e in completed] == ["success", "success", "partial"]
    assert completed[0].payload["result"] == "ACME"
    assert seen == [called[1].id, called[1].id, called[2].id]
    assert [e.causation_id for e in completed] == [e.id for e in called]


def test_plain_function_in_an_asynchronous_run_is_refused(dsn: str, events: Any) -> None:
    @tool
    def search() -> None:
        raise AssertionError("was called")

    async def main() -> None:
        async with AsyncAuditEmitter(dsn) as emitter, emitter.run("scorer") as run:
            for use in (search, lambda: run.tool_call()(search)):
                with pytest.raises(errors.InvalidArgument, match="search is a plain function"):
                    use()

    asyncio.run(main())
    assert [e.event_type for e in events()] == ["run.started", "run.completed"]


def test_coroutine_in_a_run_that_is_not_asynchronous(emitter: AuditEmitter, events: Any) -> None:
    """What records it does not hold up the loop, and the causes are right."""

    @tool
    async def search() -> None:
        await asyncio.sleep(0)
        await asyncio.to_thread(emitter.emit, "run.paused")

    with emitter.run("scorer"):
        asyncio.run(search())
    _, called, paused, completed, _ = events()
    assert (paused.causation_id, completed.causation_id) == (called.id, called.id)
