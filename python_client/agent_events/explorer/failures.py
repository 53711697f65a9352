"""Pages for what goes wrong: they say what happened and what to do about it."""

from __future__ import annotations

import psycopg
from psycopg_pool import PoolTimeout, TooManyRequests
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from agent_events.errors import InvalidArgument, LedgerError, TenantNotPermitted, translated
from agent_events.explorer.rendering import error_page

_TITLES = {400: "That cannot be looked up", 403: "Not allowed", 404: "Not found"}
_MISSING = {"3F000", "42P01", "42883"}


async def http_error(request: Request, error: Exception) -> Response:
    """Answer what a page, or the routing, refused."""
    assert isinstance(error, HTTPException)  # noqa: S101
    title = _TITLES.get(error.status_code, "That did not work")
    message = error.detail
    if error.status_code == 404 and message == "Not Found":
        message = f"There is no page {request.scope['path']}."
    return error_page(request, error.status_code, title, message, None)


async def ledger_error(request: Request, error: Exception) -> Response:
    """Answer what the ledger refused, in its words."""
    assert isinstance(error, LedgerError)  # noqa: S101
    status = {TenantNotPermitted: 403, InvalidArgument: 400}.get(type(error), 409)
    title = _TITLES.get(status, "The ledger refused")
    return error_page(request, status, title, error.message, error.hint)


async def database_error(request: Request, error: Exception) -> Response:
    """Answer what PostgreSQL, or the connection to it, refused."""
    assert isinstance(error, psycopg.Error)  # noqa: S101
    if refused := translated(error):
        return await ledger_error(request, refused)
    if isinstance(error, psycopg.errors.QueryCanceled):
        return error_page(
            request,
            503,
            "Too much to search",
            "The database took longer than it may, so the search was stopped.",
            "Narrow it down: a span of time, an aggregate, an event type, a run or a correlation "
            "makes it quick. Who starts the explorer can allow more with --timeout.",
        )
    state = error.sqlstate or error.diag.sqlstate
    message = error.diag.message_primary or str(error)
    if state == "42501":
        return error_page(
            request,
            403,
            "Not allowed",
            message,
            "The explorer sees what its login role may see: an administrator can allow more with "
            "ledger.grant_access().",
        )
    if state == "25006":
        return error_page(request, 403, "Not allowed", "The database is read only here.", None)
    if state in _MISSING:
        return error_page(
            request, 503, "No ledger here", message, "Install it, or upgrade: agent-events migrate"
        )
    if isinstance(error, PoolTimeout | TooManyRequests) or state is None or state[:2] in _LOST:
        return error_page(
            request,
            503,
            "The database does not answer",
            "The explorer could not reach it, lost the connection, or has all its connections busy "
            "with other pages.",
            "Load the page again in a moment. Where that does not help, look whether the database "
            "runs, and whether the role may connect.",
        )
    if isinstance(error, psycopg.DataError):
        return error_page(request, 400, _TITLES[400], message, error.diag.message_hint)
    return error_page(request, 500, "The database refused", message, error.diag.message_hint)


async def too_busy(request: Request, error: Exception) -> Response:  # noqa: ARG001
    """Answer that others wait for something slow, too."""
    page = error_page(
        request,
        503,
        "Too many slow pages at once",
        "As many pages that may take long as are made at a time are being made.",
        "Try again in a moment. Quick pages do not have to wait: events of a type, an aggregate, a "
        "run or a correlation.",
    )
    page.headers["Retry-After"] = "2"
    return page


async def own_error(request: Request, error: Exception) -> Response:  # noqa: ARG001
    """Answer a mistake of ours; what it was stands in the log only."""
    return error_page(
        request,
        500,
        "Something is wrong with this page",
        "That is a fault of the explorer, not of the ledger; its log on stderr says more.",
        None,
    )


_LOST = ("08", "53", "57", "28")
