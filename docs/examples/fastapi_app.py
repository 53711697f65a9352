"""FastAPI: every request has its context, so that no handler says who acts, and for whom.

uvicorn --app-dir docs/examples fastapi_app:app
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

from fastapi import FastAPI, HTTPException, Request
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from agent_events import AsyncAuditEmitter, context, errors

TRACEPARENT = re.compile(r"[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")


class LedgerContext:
    """Opens the context of a request: tenant, actor, trace and correlation.

    It is plain ASGI, so that context variables that are set here reach the handlers, also those
    that run in threads. Take tenant and user from your authentication, not from headers as here.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request inside of its context."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        trace = TRACEPARENT.fullmatch(headers.get("traceparent", ""))
        with context.use(
            tenant_id=headers.get("x-tenant", "default"),
            actor_type="user",
            actor_id=headers.get("x-user", "anonymous"),
            trace_id=UUID(trace[1]) if trace else uuid4(),
            correlation_id=uuid4(),
        ):
            await self.app(scope, receive, send)


def create_app(database: str | None = None) -> FastAPI:
    """Make the application, for a database or for the one that `agent_events.dsn` finds."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncAuditEmitter(database) as app.state.emitter:
            yield

    app = FastAPI(lifespan=lifespan)
    app.add_middleware(LedgerContext)

    @app.post("/posts/{post_id}/publish")
    async def publish(post_id: str, request: Request) -> dict[str, str]:
        words = request.app.state.emitter.audit().action("content.publish").target("post", post_id)
        words = words.payload(old_status="draft", new_status="published")
        try:
            receipt = await words.succeeded().emit()
        except errors.TenantNotPermitted as error:
            raise HTTPException(403, error.message) from error
        return {"event_id": str(receipt.id)}

    @app.post("/ask")
    async def ask(request: Request) -> dict[str, Any]:
        async with (
            request.app.state.emitter.run("assistant") as run,
            run.tool_call("search", {"query": "renewals"}) as call,
        ):
            call.result = {"matches": 1}
        return {"run_id": str(run.id)}

    return app


app = create_app()
