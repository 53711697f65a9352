"""`agent-events explore`: the ledger as a page in the browser."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import webbrowser
from collections.abc import Callable, Sequence
from datetime import timedelta
from importlib import import_module
from typing import TYPE_CHECKING

import click

from agent_events import dsn as dsn_module
from agent_events.anchors import open_store
from agent_events.anchors.store import FORMS
from agent_events.cli._common import dsn_option
from agent_events.cli._log import LineLog
from agent_events.cli._units import duration
from agent_events.cli.anchors import anchor_errors, vkey_option
from agent_events.proofs.note import VerifierKey

if TYPE_CHECKING:
    from agent_events.explorer.authentication import Authentication
    from agent_events.explorer.settings import Settings

PASSWORD = "AGENT_EVENTS_EXPLORER_PASSWORD"  # noqa: S105
PROXY_SECRET = "AGENT_EVENTS_EXPLORER_PROXY_SECRET"  # noqa: S105


@click.command("explore", epilog="Exit codes: 0 told to stop, 2 usage, or a missing extra.")
@dsn_option
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen.")
@click.option(
    "--port", default=8750, type=click.IntRange(0, 65535), show_default=True, help="0 = a free one."
)
@click.option("--role", help="Look as this role (SET ROLE). Default: the login role.")
@click.option(
    "--auth",
    type=click.Choice(["none", "basic", "proxy"]),
    default="none",
    show_default=True,
    help="Who may look: whoever reaches it, who has the password, whom a reverse proxy names.",
)
@click.option(
    "--user",
    default="explorer",
    show_default=True,
    help=f"For basic; {PASSWORD} has the password.",
)
@click.option(
    "--user-header",
    default="X-Forwarded-User",
    show_default=True,
    help="For proxy: who it is.",
)
@click.option(
    "--secret-header",
    default="X-Explorer-Secret",
    show_default=True,
    help=f"For proxy: what {PROXY_SECRET} has, from which it is known to be the proxy.",
)
@click.option(
    "--public-host",
    "public_hosts",
    multiple=True,
    metavar="NAME",
    help="Name by which browsers reach it, through a proxy; again for another.",
)
@click.option(
    "--timeout",
    type=duration,
    default="3s",
    show_default=True,
    metavar="TIME",
    help="How long a question to the database may take.",
)
@click.option(
    "--anchor",
    "anchors",
    multiple=True,
    metavar="URL",
    help=f"Where signed checkpoints are kept: {FORMS}. May be repeated.",
)
@vkey_option(required=False)
@click.option("--open", "open_browser", is_flag=True, help="Open the browser.")
@click.option("--hash-password", is_flag=True, help=f"Ask for a password, print it for {PASSWORD}.")
@click.option("--json", "as_json", is_flag=True, help="The log on stderr as JSON.")
@anchor_errors
def command(
    dsn: str | None,
    host: str,
    port: int,
    role: str | None,
    auth: str,
    user: str,
    user_header: str,
    secret_header: str,
    public_hosts: tuple[str, ...],
    timeout: timedelta,
    anchors: tuple[str, ...],
    keys: Sequence[VerifierKey],
    open_browser: bool,
    hash_password: bool,
    as_json: bool,
) -> None:
    """Show the ledger in a browser, read only, until SIGTERM or Ctrl-C.

    It shows what its database role may read. Other machines reach it with --auth only.
    """
    if bool(anchors) != bool(keys):
        raise click.UsageError("--anchor and --vkey go together: what is signed, and by whom")
    for url in anchors:
        open_store(url)
    require_extra()
    from agent_events.explorer import authentication
    from agent_events.explorer.settings import Settings, UnsafeSettings

    if hash_password:
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True)
        click.echo(authentication.hashed(password))
        return
    try:
        settings = Settings(
            dsn_module.resolve(dsn),
            host,
            port,
            role,
            _authentication(auth, user, user_header, secret_header),
            public_hosts,
            timeout,
            anchors,
            tuple(keys),
        )
    except UnsafeSettings as error:
        raise click.UsageError(str(error)) from error
    serve(settings, LineLog(as_json), open_browser)


def require_extra() -> None:
    """Refuse to go on without the extra `explorer`."""
    for name in ("jinja2", "starlette", "uvicorn"):
        try:
            import_module(name)
        except ModuleNotFoundError as error:
            raise click.UsageError(
                f"{name} is not installed: pip install 'agent-events[explorer]'"
            ) from error


def _authentication(auth: str, user: str, user_header: str, secret_header: str) -> Authentication:
    from agent_events.explorer.authentication import (
        BasicAuthentication,
        NoAuthentication,
        ProxyAuthentication,
    )

    if auth == "basic":
        try:
            return BasicAuthentication(user, os.environ.get(PASSWORD, ""))
        except ValueError as error:
            raise click.UsageError(f"--auth basic, {PASSWORD}: {error}") from error
    if auth == "proxy":
        return ProxyAuthentication(user_header, secret_header, os.environ.get(PROXY_SECRET))
    return NoAuthentication()


def serve(settings: Settings, log: Callable[..., None], open_browser: bool) -> None:
    """Serve until SIGTERM or Ctrl-C; `log("listening", url=…)` says where."""
    import uvicorn

    from agent_events.explorer.app import create_app

    listening = _listen(settings.host, settings.port)
    host, port = listening.getsockname()[:2]
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}/"
    config = uvicorn.Config(
        create_app(settings),
        access_log=False,
        lifespan="on",
        log_level="error",
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=5,
        ws="none",
    )

    async def run() -> None:
        log("listening", url=url, auth=settings.authentication.name)
        if open_browser:
            await asyncio.to_thread(webbrowser.open, url)
        await uvicorn.Server(config).serve(sockets=[listening])

    # The server sends itself the signal that ended it once more.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    with listening:
        asyncio.run(run())
    log("stopped")


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family, backlog=128)
    except OSError as error:
        raise click.UsageError(f"--host {host} --port {port}: {error.strerror}") from error
