"""Templates: everything is escaped, and what every page has is put in here."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any
from uuid import UUID

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from agent_events.cli._common import json_text
from agent_events.explorer import json_html
from agent_events.explorer.links import Links
from agent_events.explorer.parameters import as_uuid

_UNITS = (("year", 31_536_000), ("month", 2_592_000), ("day", 86_400), ("h", 3600), ("min", 60))
_NIL = UUID(int=0)

_LARGEST_FIGURE = 10**15

LONGEST_NAME = 32
"""Characters of an id or a name, where there is little room."""


def render(request: Request, template: str, status: int = 200, /, **context: Any) -> Response:
    """Answer with a template; see base.html for what all of them have."""
    return HTMLResponse(html(request, template, **context), status)


def html(request: Request, template: str, /, **context: Any) -> str:
    """Return a template's HTML."""
    user: str | None = request.state.user
    shared = {
        "links": Links(request.query_params.get("tenant")),
        "navigation": () if user is None else request.app.state.navigation,
        "path": request.scope["path"],
        "request": request,
        "tenants": getattr(request.state, "tenants", []),
        "user": user,
    }
    return _environment().get_template(template).render({**shared, **context})


def error_page(
    request: Request, status: int, title: str, message: str, hint: str | None
) -> Response:
    """Answer with what went wrong and what to do; a part of a page gets a part."""
    is_part = "hx-request" in request.headers
    template = "_error.html" if is_part else "error.html"
    return render(request, template, status, status=status, title=title, message=message, hint=hint)


def static_version(name: str) -> str:
    """Return what changes with the content of a static file."""
    return hashlib.sha256(static_file(name)).hexdigest()[:12]


@cache
def static_file(name: str) -> bytes:
    """Return the content of a static file."""
    return (files("agent_events.explorer") / "static" / name).read_bytes()


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("agent_events.explorer"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "ago": ago,
        "bytes": size,
        "duration": duration,
        "figure": figure,
        "hex": bytes.hex,
        "json": json_of,
        "json_text": json_html.json_html,
        "number": number,
        "percent": percent,
        "short": short,
        "time": time,
        "visible": visible,
    }
    environment.globals |= {"static": cache(_static_url), "without": without, "NIL": _NIL}
    return environment


def _static_url(name: str) -> str:
    return f"/static/{name}?v={static_version(name)}"


def time(at: datetime | None) -> Markup:
    """A moment, to the second; the whole of it on pointing."""
    return _time(at, f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}" if at else "")


def ago(at: datetime | None) -> Markup:
    """How long ago a moment is, or how far ahead; the whole of it on pointing."""
    if at is None:
        return _time(None, "")
    seconds = (datetime.now(UTC) - at).total_seconds()
    passed = _roughly(abs(seconds))
    return _time(at, f"in {passed}" if seconds < -1 else f"{passed} ago")


def _time(at: datetime | None, text: str) -> Markup:
    if at is None:
        return Markup('<span class="none">never</span>')
    whole = at.astimezone(UTC)
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        whole.isoformat(), f"{whole:%Y-%m-%d %H:%M:%S.%f} UTC", text
    )


def _roughly(seconds: float) -> str:
    for name, length in _UNITS:
        if seconds >= length:
            count = int(seconds // length)
            plural = "s" if count > 1 and name in ("year", "month", "day") else ""
            return f"{count} {name}{plural}"
    return f"{int(seconds)} s"


def duration(seconds: float | timedelta | None) -> str:
    """How long something took: 820 ms, 12.3 s, 4 min 5 s, 3 h 20 min, 2 d 4 h."""
    if seconds is None:
        return "–"
    if isinstance(seconds, timedelta):
        seconds = seconds.total_seconds()
    seconds = float(seconds)
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    for length, big, small in ((3600, "min", "s"), (86_400, "h", "min"), (float("inf"), "d", "h")):
        if seconds < length:
            part = {"min": 60, "h": 3600, "d": 86_400}[big]
            rest = int(seconds % part // {"s": 1, "min": 60, "h": 3600}[small])
            return f"{int(seconds // part)} {big} {rest} {small}"
    raise AssertionError(seconds)


def number(value: float | Decimal | None) -> str:
    """A number with thin spaces between thousands; a dash for None."""
    if value is None:
        return "–"
    text = f"{value:,}" if isinstance(value, int) else f"{value:,.2f}"
    return text.replace(",", "\u202f")


def figure(value: Any) -> str:
    """A number as a payload has it; a dash for what is none."""
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return number(value) if -_LARGEST_FIGURE < value < _LARGEST_FIGURE else "–"
    return "–"


def without(parameters: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the parameters of a URL without one."""
    return {each: value for each, value in parameters.items() if each != name}


def percent(share: float | Decimal | None) -> str:
    """A share, 0 to 1, in percent."""
    if share is None:
        return "–"
    return "< 0.1\u202f%" if 0 < share < 0.0005 else f"{float(share) * 100:.1f}\u202f%"


def size(count: int | None) -> str:
    """A number of bytes: 812 B, 4.2 kB, 1.3 MB."""
    if count is None:
        return "–"
    amount = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


def short(name: UUID | str) -> Markup:
    """An id, or a long name, by its two ends, which tell ids apart; all of it on pointing."""
    text = str(name)
    if len(text) <= LONGEST_NAME:
        return visible(text)
    is_id = as_uuid(text) is not None
    shown = f"{text[:8]}…{text[-4:]}" if is_id else f"{text[: LONGEST_NAME - 8]}…{text[-7:]}"
    return Markup('<bdi title="{}">{}</bdi>').format(text, json_html.visible(shown))


def visible(value: object) -> Markup:
    """Text of others: kept apart from ours by direction, and nothing in it unseen."""
    return Markup("<bdi>{}</bdi>").format(json_html.visible(str(value)))


def json_of(value: Any) -> Markup:
    """A value as JSON (`json_text` takes JSON that is text already)."""
    return json_html.json_html(json_text(value, ensure_ascii=False))
