"""docs/examples/fastapi_app.py, asked without a network."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import httpx
import psycopg

from agent_events import Ledger

TRACE = UUID("4bf92f3577b34da6a3ce929d0e0e4736")
HEADERS = {
    "x-tenant": "acme",
    "x-user": "ann",
    "traceparent": f"00-{TRACE.hex}-00f067aa0ba902b7-01",
}


def ask(app: Any, use: Callable[[httpx.AsyncClient], Awaitable[Any]]) -> Any:
    async def main() -> Any:
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://app") as client,
        ):
            return await use(client)

    return asyncio.run(main())


def test_request_is_the_context(example: Any, dsn: str, pg: psycopg.Connection[Any]) -> None:
    app = example("fastapi_app").create_app(dsn)
    answer = ask(app, lambda client: client.post("/posts/456/publish", headers=HEADERS))
    event = Ledger(pg).get_event(answer.json()["event_id"], tenant_id="acme")
    assert event is not None
    assert (event.actor_type, event.actor_id, event.trace_id) == ("user", "ann", TRACE)
    assert (event.aggregate_type, event.aggregate_id) == ("post", "456")


def test_run_in_a_request(example: Any, dsn: str, pg: psycopg.Connection[Any]) -> None:
    app = example("fastapi_app").create_app(dsn)
    answer = ask(app, lambda client: client.post("/ask", headers=HEADERS))
    events = Ledger(pg).find_events(
        run_id=answer.json()["run_id"], tenant_id="acme", newest_first=False
    )
    assert {e.trace_id for e in events} == {TRACE}
    assert len({e.correlation_id for e in events}) == 1
    assert [e.actor_id for e in events] == ["ann", "assistant", "assistant", "assistant"]


def test_requests_at_once_do_not_mix(example: Any, dsn: str, pg: psycopg.Connection[Any]) -> None:
    app = example("fastapi_app").create_app(dsn)

    async def use(client: httpx.AsyncClient) -> None:
        headers = [{"x-user": f"user-{n}"} for n in range(20)]
        await asyncio.gather(
            *(client.post(f"/posts/{h['x-user']}/publish", headers=h) for h in headers)
        )

    ask(app, use)
    events = Ledger(pg).find_events(event_types=["content.publish"])
    assert len({e.correlation_id for e in events}) == len({e.trace_id for e in events}) == 20
    assert all(e.actor_id == e.aggregate_id for e in events)


def test_traceparent_that_is_none(example: Any, dsn: str) -> None:
    app = example("fastapi_app").create_app(dsn)
    for wrong in ("", "00-xyz", f"00-{'0' * 32}-00f067aa0ba902b7-01"):
        headers = HEADERS | {"traceparent": wrong}
        answer = ask(app, lambda client, headers=headers: client.post("/ask", headers=headers))
        assert answer.status_code == 200
