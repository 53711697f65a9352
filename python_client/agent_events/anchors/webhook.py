"""Checkpoints posted to an address; who listens there keeps them."""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.client import HTTPException, HTTPMessage
from typing import IO, NoReturn
from urllib.parse import urlsplit

from agent_events import __version__
from agent_events.anchors.store import AnchorError, AnchorStore, Entry
from agent_events.proofs.note import read_checkpoint

TIMEOUT = 10.0  # seconds, to connect and for each answer
MAX_ANSWER = 1_000_000  # bytes
_ADDRESS = re.compile(r"[!-~]+")


class WebhookStore(AnchorStore):
    """An address that notes are posted to as text/plain. It can not be read.

    Args:
        url: `https://…`, or `http://…`. Messages show the host only: the rest may be a secret.
        timeout: seconds.

    Raises:
        AnchorError: the address is none.
    """

    def __init__(self, url: str, timeout: float = TIMEOUT) -> None:
        self.host = host_of(url)
        self.url = url
        self.timeout = timeout

    def append(self, note: str) -> str:
        """Post the note; any answer but 2xx is an error. See `AnchorStore.append`."""
        read_checkpoint(note)
        post(self.url, note.encode(), "text/plain; charset=utf-8", self.timeout)
        return f"posted to {self.host}"

    def entries(self, origin: str | None = None) -> Iterator[Entry]:
        """Raise AnchorError: only whoever listens at the address has what was posted."""
        raise AnchorError(f"{self.host} is posted to and cannot be read: check where it is kept")


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirected POST would be repeated as a GET, without the note, and look like a success."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> None:
        return None


def post(url: str, body: bytes, content_type: str, timeout: float) -> bytes:
    """Post to `https://…` or `http://…`, following no redirect: the answer's body.

    Raises:
        AnchorError: no answer within so many seconds, or one that is not 2xx.
    """
    host = host_of(url)
    headers = {"Content-Type": content_type, "User-Agent": f"agent-events/{__version__}"}
    request = urllib.request.Request(url, body, headers, method="POST")  # noqa: S310
    opener = urllib.request.build_opener(_NoRedirect)
    try:
        with opener.open(request, timeout=timeout) as response:
            answer: bytes = response.read(MAX_ANSWER)
    except urllib.error.HTTPError as error:
        with error:
            raise AnchorError(f"{host} answered {error.code} {error.reason}") from None
    except urllib.error.URLError as error:
        _fail(host, error.reason)
    except (OSError, HTTPException) as error:
        _fail(host, error)
    return answer


def host_of(url: str) -> str:
    """Return scheme and host of an address, which may be shown.

    Raises:
        AnchorError: the address is none, or has a password in it.
    """
    try:
        parts = urlsplit(url)
        port = parts.port  # raises where it is no number
    except ValueError:
        port = 0
    if port == 0 or parts.scheme not in ("http", "https") or not _ADDRESS.fullmatch(url):
        raise AnchorError("the address is no https://… or http://…")
    if parts.username is not None or not parts.hostname:
        raise AnchorError("the address has a user name or password in it, or no host")
    return f"{parts.scheme}://{parts.netloc}"


def _fail(host: str, reason: object) -> NoReturn:
    raise AnchorError(f"{host} did not answer: {reason or type(reason).__name__}") from None
