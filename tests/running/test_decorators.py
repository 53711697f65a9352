"""Functions whose calls are recorded: as tools of a run, or as audit events."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterator
from contextvars import copy_context
from typing import Any

import pytest

from agent_events import (
    AsyncAuditEmitter,
    AuditEmitter,
    Ledger,
    audited,
    configure,
    context,
    errors,
    tool,
)


def test_tool_records_what_it_is_asked_to(emitter: AuditEmitter, events: Any) -> None:
    @tool
    def search(q: str) -> str:
        "Search."
        return q.upper()

    @tool("find", step=2, record_arguments=True, record_result=True)
    def search_again(q: str, limit: int = 10) -> str:  # noqa: ARG001
        return q.upper()

    with emitter.run("scorer"):
        assert (search("acme"), search_again("acme", limit=3)) == ("ACME", "ACME")
    first, second = events("run.tool_called")
    assert (first.payload["tool_name"], "arguments" in first.payload) == ("search", False)
    assert (second.payload["tool_name"], second.payload["step"]) == ("find", 2)
    assert second.payload["arguments"] == {"q": "acme", "limit": 3}
    first, second = events("run.tool_completed")
    assert ("result" in first.payload, second.payload["result"]) == (False, "ACME")
    assert (search.__name__, search.__doc__) == ("search", "Search.")
    assert str(inspect.signature(search)) == "(q: 'str') -> 'str'"


def test_tool_of_a_run_and_methods(emitter: AuditEmitter, events: Any) -> None:
    class Tools:
        @tool(record_arguments=True)
        def search(self, q: str) -> str:
            return q

    with emitter.run("scorer") as run:

        @run.tool_call("double", {"by": 2}, record_result=True)
        def double(n: int) -> int:
            return 2 * n

        assert (double(2), double(3), Tools().search("x")) == (4, 6, "x")
    results = [e.payload.get("result") for e in events("run.tool_completed")]
    assert results == [4, 6, None]
    arguments = [e.payload["arguments"] for e in events("run.tool_called")]
    assert arguments == [{"by": 2}, {"by": 2}, {"q": "x"}]


def test_tool_that_fails(emitter: AuditEmitter, events: Any) -> None:
    @tool(record_arguments=True)
    def search(q: str) -> None:  # noqa: ARG001
        raise LookupError("nothing for token=hunter2")

    with emitter.run("scorer"):
        with pytest.raises(LookupError):
            search("x")
        with pytest.raises(TypeError, match="missing a required argument"):
            search()  # type: ignore[call-arg]
    [completed] = events("run.tool_completed")
    assert completed.payload["error"] == "nothing for token=***"


def test_tool_outside_of_a_run_is_refused() -> None:
    @tool
    def search() -> None:
        raise AssertionError("was called")

    with pytest.raises(errors.InvalidArgument, match="tool search was called outside of a run"):
        search()


def test_generator_is_inside_while_it_works(emitter: AuditEmitter, events: Any) -> None:
    seen: list[Any] = []

    @tool
    def stream(n: int) -> Iterator[int]:
        for i in range(n):
            seen.append(context.current().causation_id)
            sent = yield i
            seen.append(sent)
        return "end"

    with emitter.run("scorer"):
        outside = context.current()
        generator = stream(2)
        assert next(generator) == 0
        assert context.current() == outside
        assert generator.send("a") == 1  # type: ignore[attr-defined]
        with pytest.raises(StopIteration, match="end"):
            next(generator)
        abandoned = stream(2)
        next(abandoned)
        abandoned.close()  # type: ignore[attr-defined]
        broken = stream(2)
        next(broken)
        with pytest.raises(LookupError):
            broken.throw(LookupError("x"))  # type: ignore[attr-defined]
    called = events("run.tool_called")
    assert seen == [called[0].id, "a", called[0].id, None, called[1].id, called[2].id]
    assert [e.outcome for e in events("run.tool_completed")] == ["success", "partial", "failure"]


def test_block_in_a_generator_that_ends_in_another_context(
    emitter: AuditEmitter, events: Any
) -> None:
    def stream() -> Iterator[int]:
        with emitter.run("scorer"):
            yield 1

    generator = stream()
    copy_context().run(next, generator)
    generator.close()  # type: ignore[attr-defined]
    assert [e.outcome for e in events()] == [None, "partial"]


PUBLISHED = {"old_status": "draft", "new_status": "published"}


def publisher(**options: Any) -> Callable[..., Any]:
    @audited(
        "content.publish", target=("post", "id"), payload=["old_status", "new_status"], **options
    )
    def publish(
        id: int,
        new_status: str,
        old_status: str = "draft",  # noqa: ARG001
        password: str = "",
    ) -> int:
        if new_status == "lost":
            raise LookupError(f"no post {id}, password={password}")
        return id

    return publish


def test_audited_function_is_one_event(emitter: AuditEmitter, events: Any) -> None:
    publish = publisher(emitter=emitter, actor=("agent", "publisher"))
    assert publish(456, "published", password="hunter2") == 456
    with pytest.raises(LookupError):
        publish(456, "lost", password="hunter2")
    done, failed = events()
    assert (done.event_type, done.outcome, done.payload) == (
        "content.publish",
        "success",
        PUBLISHED,
    )
    assert (done.aggregate_type, done.aggregate_id) == ("post", "456")
    assert (done.actor_type, done.actor_id) == ("agent", "publisher")
    assert done.metadata["duration_ms"] >= 0
    assert failed.outcome == "failure"
    assert failed.metadata["error_code"] == "LookupError"
    assert failed.metadata["error_message"] == "no post 456, password=***"


def test_audited_function_belongs_to_the_run_around(emitter: AuditEmitter, events: Any) -> None:
    publish = publisher()
    with emitter.run("scorer") as run, run.tool_call("publish"):
        publish(1, "published")
    [called] = events("run.tool_called")
    [done] = events("content.publish")
    assert (done.run_id, done.causation_id, done.actor_id) == (run.id, called.id, "scorer")


def test_audited_function_without_an_emitter_uses_the_process_emitter(
    dsn: str, events: Any
) -> None:
    with configure(dsn), context.use(actor_type="user", actor_id="ann"):
        publisher()(1, "published")
    assert events()[0].actor_id == "ann"


def test_audited_function_in_a_transaction(connect: Any, events: Any) -> None:
    with connect(autocommit=False) as connection:
        publisher(emitter=Ledger(connection), actor=("user", "ann"))(1, "published")
        assert events() == []
    assert len(events()) == 1


def test_audited_coroutine(dsn: str, events: Any) -> None:
    async def main() -> None:
        async with AsyncAuditEmitter(dsn) as emitter:

            @audited(
                "content.publish",
                payload=lambda given: PUBLISHED | {"reason": given["reason"]},
                actor=("user", "ann"),
                emitter=emitter,
            )
            async def publish(reason: str = "asked") -> None:  # noqa: ARG001
                await asyncio.sleep(0)

            await publish()

            with pytest.raises(errors.InvalidArgument, match="is a plain function"):
                publisher(emitter=emitter)(1, "published")

    asyncio.run(main())
    assert events()[0].payload == PUBLISHED | {"reason": "asked"}


def test_audited_function_that_lacks_something(emitter: AuditEmitter, events: Any) -> None:
    with pytest.raises(errors.InvalidArgument, match="has no parameter colour"):
        audited("content.publish", payload=["colour"])(lambda: None)
    with pytest.raises(errors.InvalidArgument, match="lacks actor"):
        publisher(emitter=emitter)(1, "published")
    assert events() == []


def test_coroutine_that_is_cancelled_while_its_block_begins(
    emitter: AuditEmitter, events: Any, connect: Callable[..., Any], pg: Any
) -> None:
    """It does not run; what the thread has recorded meanwhile comes to an end all the same."""

    @tool
    async def search() -> None:
        pytest.fail("it ran")

    async def cancel(holder: Any) -> None:
        searching = asyncio.create_task(search())
        while not pg.execute("select 1 from pg_locks where not granted").fetchone():
            await asyncio.sleep(0.01)
        searching.cancel()
        await asyncio.sleep(0)
        holder.rollback()
        with pytest.raises(asyncio.CancelledError):
            await searching

    with emitter.run("scorer"), connect(autocommit=False) as holder:
        holder.execute("lock table ledger.agent_events in exclusive mode")
        asyncio.run(asyncio.wait_for(cancel(holder), 60))
    called, completed = events("run.tool_called", "run.tool_completed")
    assert (called.outcome, completed.outcome) == (None, "failure")
    assert completed.payload["error_code"].endswith("CancelledError")
