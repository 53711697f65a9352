"""Runs of agents, tools, audited functions, the log."""

import logging
from collections.abc import AsyncIterator, Iterator
from typing import assert_type

from psycopg import Connection

from agent_events import (
    AsyncAuditEmitter,
    AsyncLedger,
    AsyncRun,
    AuditEmitter,
    Ledger,
    Run,
    audited,
    tool,
)
from agent_events.bridges.logging import LedgerHandler
from agent_events.running import AsyncToolCall, ModelCall, ToolCall


@tool
def search(query: str, *, limit: int = 10) -> list[str]:
    return [query] * limit


@tool("fetch", record_arguments=True, record_result=True, step=1)
async def fetch(url: str) -> bytes:
    return url.encode()


@tool
def stream(count: int) -> Iterator[int]:
    yield from range(count)


@tool()
async def stream_asynchronously(count: int) -> AsyncIterator[int]:
    for number in range(count):
        yield number


@audited("content.publish", target=("post", "post_id"), payload=["new_status"])
def publish(post_id: str, new_status: str) -> bool:
    return bool(post_id and new_status)


@audited("auth.login", payload=lambda given: {"method": given["method"]}, actor=("user", "ann"))
async def log_in(method: str) -> int:
    return len(method)


def work(emitter: AuditEmitter, connection: Connection[tuple[object, ...]]) -> None:
    with emitter.run("scorer", payload={"goal": "score"}, trace_id="0" * 32) as run:
        assert_type(run, Run)
        assert_type(Run.current(), Run)
        with run.tool_call("search", {"query": "Acme"}, call_id="c-1") as call:
            assert_type(call, ToolCall)
            call.result = search("Acme", limit=3)
        with run.model_call("example", "example-2", prompt=["?"], subject_id="u-7") as model:
            assert_type(model, ModelCall)
            model.report(raw_output="!", usage={"input_tokens": 1, "output_tokens": 1})

        @run.tool_call(record_result=True)
        def double(number: int) -> int:
            return 2 * number

        assert_type(double(2), int)
        run.report(result="done")
        run.outcome = "partial"
    with Ledger(connection).run("scorer", actor_type="agent", actor_id="s") as run:
        assert_type(search("Acme"), list[str])
        for number in stream(2):
            assert_type(number, int)
    assert_type(publish("456", "published"), bool)


async def work_asynchronously(emitter: AsyncAuditEmitter, ledger: AsyncLedger) -> None:
    async with emitter.run("scorer") as run, run.tool_call("fetch") as call:
        assert_type(run, AsyncRun)
        assert_type(call, AsyncToolCall)
        assert_type(await fetch("https://a.example"), bytes)
        async for number in stream_asynchronously(2):
            assert_type(number, int)
    async with ledger.run("scorer"):
        assert_type(await log_in("password"), int)


def log(emitter: AuditEmitter) -> int:
    handler = LedgerHandler(emitter, logging.ERROR, tenant_id="acme")
    logging.getLogger("shop").addHandler(handler)
    return handler.lost


def misuse(emitter: AuditEmitter) -> None:
    emitter.run("scorer", colour="red")  # type: ignore[call-arg]
    search(1)  # type: ignore[arg-type]
    emitter.run("scorer").outcome = "pending"  # type: ignore[assignment]
    publish("456")  # type: ignore[call-arg]
