"""The events that match a page's filters, as a file."""

from __future__ import annotations

from datetime import UTC, datetime

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from agent_events.explorer.database import reading, standalone_dsn
from agent_events.explorer.exports import Download, TooManyExports
from agent_events.explorer.filters import LABELS, Filters
from agent_events.explorer.rendering import render
from agent_events.explorer.security import form, form_token
from agent_events.exporting import ExportRefused

FORMATS = {
    "csv": ("CSV", "for spreadsheets", "text/csv; charset=utf-8"),
    "jsonl": ("JSON Lines", "an object a line", "application/jsonl"),
    "json": ("JSON", "one array", "application/json"),
    "parquet": ("Parquet", "typed, for data tools", "application/vnd.apache.parquet"),
}
"""By the name that an export has: how it is called, what for, and the media type."""


async def offer(request: Request) -> Response:
    """Say what would be exported, and offer the formats."""
    filters = Filters.of(request)
    async with reading(request) as reader:
        tenant_id = reader.tenant_id
    return render(
        request,
        "export.html",
        filters=filters,
        formats=FORMATS,
        labels=LABELS,
        tenant_id=tenant_id,
        token=form_token(request),
    )


async def export(request: Request) -> Response:
    """Give out the file as it is made. That it was asked for is an event, hence the form."""
    filters = Filters.of(request)
    chosen = (await form(request)).get("format", "")
    if chosen not in FORMATS:
        raise HTTPException(400, f"format: {chosen!r} is none of {', '.join(FORMATS)}.")
    async with reading(request) as reader:
        tenant_id = reader.tenant_id
    download = Download()
    try:
        dsn = standalone_dsn(request.app.state.settings, read_only=False)
        await download.begin(dsn, chosen, tenant_id, filters.arguments)
    except TooManyExports as error:
        raise HTTPException(
            503, "Other exports are under way. Try again once they are through."
        ) from error
    except ExportRefused as error:
        raise HTTPException(
            403, f"Every export is an event, and {error.message}. {error.hint or ''}"
        ) from error
    except ModuleNotFoundError as error:
        raise HTTPException(
            501,
            f"Parquet needs {error.name}, which is not installed where the explorer runs: "
            "pip install 'agent-events[cold]'",
        ) from error
    name = f"events-{datetime.now(UTC):%Y%m%d-%H%M%S}.{chosen}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(download, headers=headers, media_type=FORMATS[chosen][2])


ROUTES = [
    Route("/export", offer, methods=["GET"]),
    Route("/export", export, methods=["POST"]),
]
NAVIGATION = None
