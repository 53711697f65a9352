"""What stands before every page: who asks, from where, and what browsers may do with it."""

from __future__ import annotations

import hmac
import re
import secrets
from math import ceil
from time import perf_counter
from typing import Any
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agent_events.explorer.authentication import Authentication
from agent_events.explorer.guesses import TooManyGuesses
from agent_events.explorer.rendering import error_page

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "font-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}

TOKEN = "agent_events_form"  # noqa: S105
"""Name of the cookie, and of the field of a form, that must be the same."""

_IS_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)

LONGEST_FORM = 65_536  # bytes

_LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})


class Guard:
    """Lets a request through or answers it; adds headers, and `Server-Timing`, to every answer.

    The Host of a request must be known where strangers are held off by the address only: else a web
    site whose name leads here (DNS rebinding) could read the pages. Whatever changes something must
    come from a page of ours.
    """

    def __init__(
        self,
        app: ASGIApp,
        authentication: Authentication,
        is_local: bool,
        public_hosts: tuple[str, ...],
    ) -> None:
        self._app = app
        self._authentication = authentication
        known = _LOCAL_HOSTS.union(name.lower() for name in public_hosts)
        self._hosts = known if is_local or public_hosts else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        started = perf_counter()
        request.state.database_seconds = 0.0
        request.state.user = None

        async def send_on(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-store")
                headers["Server-Timing"] = _timing(request, perf_counter() - started)
                if token := getattr(request.state, "form_token", None):
                    headers.append(
                        "Set-Cookie", f"{TOKEN}={token}; Path=/; HttpOnly; SameSite=Strict"
                    )
            await send(message)

        answer = await self._refusal(request) or self._app
        await answer(scope, receive, send_on)

    async def _refusal(self, request: Request) -> Response | None:
        if self._hosts is not None and _host(request) not in self._hosts:
            return error_page(
                request,
                421,
                "This is not my name",
                f"The request is for the host {_host(request)!r}.",
                "Open the explorer by its address, or name the host: --public-host.",
            )
        try:
            user = await self._authentication.user_of(request)
        except TooManyGuesses as error:
            page = error_page(
                request,
                429,
                "Too many wrong passwords",
                "From this address came one wrong password after the other.",
                "Wait a minute, then try again.",
            )
            page.headers["Retry-After"] = str(ceil(error.seconds))
            return page
        if user is None:
            challenge = self._authentication.challenge
            page = error_page(request, 401, "Who are you?", "Sign in to look at the ledger.", None)
            if challenge:
                page.headers["WWW-Authenticate"] = challenge
            return page
        request.state.user = user
        if request.method not in ("GET", "HEAD") and not _is_from_here(request):
            return error_page(
                request,
                403,
                "That did not come from here",
                "A form of another web site was sent to the explorer.",
                "If it was yours, open the page again and send it from there.",
            )
        return None


def form_token(request: Request) -> str:
    """Return the token for a form's hidden field `agent_events_form`; a cookie goes along."""
    token: str | None = getattr(request.state, "form_token", None)
    if token is None:
        known = request.cookies.get(TOKEN, "")
        token = known if _IS_TOKEN.fullmatch(known) else secrets.token_urlsafe(32)
        request.state.form_token = token
    return token


async def form(request: Request) -> dict[str, str]:
    """Read a form of a page of ours; of a field that comes twice, the last.

    Raises:
        HTTPException: it has not the token of this browser, or is no form.
    """
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LONGEST_FORM:
            raise HTTPException(413, "That form is too long.")
    try:
        fields = {name: values[-1] for name, values in parse_qs(body.decode()).items()}
    except ValueError as error:
        raise HTTPException(400, "That is no form.") from error
    cookie = request.cookies.get(TOKEN, "")
    if not cookie or not hmac.compare_digest(fields.pop(TOKEN, "").encode(), cookie.encode()):
        raise HTTPException(403, "The form is out of date: open the page again, and send it then.")
    return fields


def _host(request: Request) -> str | None:
    try:
        return urlsplit(f"//{request.headers.get('host', '')}").hostname
    except ValueError:
        return None


def _is_from_here(request: Request) -> bool:
    """Go by what browsers say: Sec-Fetch-Site, else Origin; neither is no browser of our page."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = request.headers.get("origin", "")
    return bool(origin) and urlsplit(origin).netloc == request.headers.get("host")


def _timing(request: Request, seconds: float) -> str:
    database: Any = request.state.database_seconds
    return f"db;dur={database * 1000:.1f}, total;dur={seconds * 1000:.1f}"
