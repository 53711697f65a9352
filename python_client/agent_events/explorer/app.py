"""The application: pages, static files, and what stands before them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from agent_events.errors import LedgerError
from agent_events.explorer import failures
from agent_events.explorer.database import Database, TooBusy
from agent_events.explorer.pages import MODULES
from agent_events.explorer.rendering import static_file, static_version
from agent_events.explorer.security import Guard
from agent_events.explorer.settings import Settings
from agent_events.explorer.verification import Verifications

_STATIC = {
    "app.css": "text/css; charset=utf-8",
    "app.js": "text/javascript; charset=utf-8",
    "htmx.min.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}


class _Explorer(Starlette):
    """Starlette with the guard before everything, the page for our own mistakes too."""

    def __init__(self, settings: Settings, **given: Any) -> None:
        super().__init__(**given)
        self._settings = settings

    def build_middleware_stack(self) -> ASGIApp:
        return Guard(
            super().build_middleware_stack(),
            self._settings.authentication,
            self._settings.is_local,
            self._settings.public_hosts,
        )


def create_app(settings: Settings) -> Starlette:
    """Return the explorer of one ledger; its lifespan opens and closes the connections."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        database = Database(settings)
        await database.open()
        app.state.database = database
        app.state.verifications = Verifications(settings)
        try:
            yield
        finally:
            await asyncio.to_thread(app.state.verifications.close)
            await database.close()

    app = _Explorer(
        settings,
        routes=[
            Route("/", _home),
            Route("/static/{name}", _static),
            *(route for module in MODULES for route in module.ROUTES),
        ],
        exception_handlers={
            HTTPException: failures.http_error,
            LedgerError: failures.ledger_error,
            psycopg.Error: failures.database_error,
            TooBusy: failures.too_busy,
            Exception: failures.own_error,
        },
        lifespan=lifespan,
    )
    app.state.settings = settings
    app.state.navigation = [entry for module in MODULES if (entry := module.NAVIGATION)]
    return app


async def _home(request: Request) -> Response:
    query = f"?{request.url.query}" if request.url.query else ""
    return RedirectResponse(f"/events{query}")


async def _static(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in _STATIC:
        raise HTTPException(404)
    is_current = request.query_params.get("v") == static_version(name)
    caching = "public, max-age=31536000, immutable" if is_current else "no-cache"
    headers = {"Content-Type": _STATIC[name], "Cache-Control": caching}
    return Response(static_file(name), headers=headers)
