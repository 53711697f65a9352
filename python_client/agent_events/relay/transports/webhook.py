"""HTTP requests, signed as Standard Webhooks has it: https://www.standardwebhooks.com.

 2xx                  delivered
 429, 503             the destination is to be left alone, until Retry-After if it says so
 401, 407, 3xx        nothing is delivered until somebody sees to it: a login or an address is
                      wrong, and no message is at fault
 408, 409, 425, 5xx   this message is tried again, and Retry-After is heeded
 other 4xx            this message is dead: it will never be taken
 no answer, or half   tried again
 no connection        the destination is not there

When ten messages in a row failed that would be tried again, the destination counts as not there:
an outage that speaks in 500s or time-outs would else use up the attempts of every message.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import os
import ssl
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import partial
from pathlib import Path
from urllib.parse import unquote, urlsplit

import httpx

from agent_events import __version__
from agent_events.relay.envelope import Outgoing
from agent_events.relay.failures import Refused, Unavailable
from agent_events.relay.transport import Settled, Transport
from agent_events.relay.transports._headers import ascii_headers
from agent_events.relay.transports._options import choice, seconds, tls_context, whole

PREFIX = "whsec_"
SECRET_BYTES = range(24, 65)
SLOW_DOWN = {429, 503}
NOT_OURS = {401, 407}
TRIED_AGAIN = {408, 409, 425}
SICK = 10  # failures in a row, of so many messages
LONGEST_PAUSE = timedelta(days=1)
READ = 16_384  # bytes of an answer, for its connection to be used again
SHOWN = 200  # characters of an answer

Answered = asyncio.Task[Refused | Unavailable | None]


class WebhookTransport(Transport):
    """http(s)://[user:password@]host[:port]/path; {topic} in the path stands for the topic.

    Args:
        url: where to; user and password are sent as basic authentication.
        secret_env: environment variable with the signing secret, whsec_…; several, for a change
            of secrets, separated by spaces.
        secret_file: a file with the same.
        unsigned: 'yes' where there is no secret, on purpose.
        concurrency: how many requests at once.
        ca_file, cert_file, key_file: for TLS.
        timeout: seconds for a request, all in all.
    """

    header_prefix = "ce-"

    def __init__(
        self,
        url: str,
        *,
        secret_env: str | None = None,
        secret_file: str | None = None,
        unsigned: str = "no",
        concurrency: str = "16",
        ca_file: str | None = None,
        cert_file: str | None = None,
        key_file: str | None = None,
        timeout: str = "15",
    ) -> None:
        super().__init__(url)
        parts = urlsplit(url)
        if not parts.hostname:
            raise ValueError(f"{self.destination}: names no host")
        self._secrets = _read_secrets(secret_env, secret_file)
        if not self._secrets and choice("unsigned", unsigned, ["yes", "no"]) == "no":
            raise ValueError("a webhook needs secret_env or secret_file, or unsigned=yes")
        self._hidden = _as_sent(parts.username, parts.password)
        self._verify: ssl.SSLContext | bool = True
        if ca_file or cert_file or key_file:
            self._verify = tls_context(ca_file=ca_file, cert_file=cert_file, key_file=key_file)
        self._timeout = seconds("timeout", timeout)
        self._concurrency = whole("concurrency", concurrency)
        self._slots = asyncio.Semaphore(self._concurrency)
        self._client: httpx.AsyncClient | None = None
        self._tasks: set[Answered] = set()
        self._not_before = 0.0  # by the monotonic clock
        self._failed: set[str] = set()  # ids of the messages that failed in a row

    async def open(self) -> None:
        """Make a client; it connects with the first request. Not while a pause is asked for."""
        if pause := self._pause():
            raise Unavailable(f"{self.destination}: asked for a pause", retry_after=pause)
        if self._client is None:
            self._client = httpx.AsyncClient(
                verify=self._verify,
                follow_redirects=False,
                timeout=httpx.Timeout(self._timeout, connect=min(10, self._timeout), pool=None),
                limits=httpx.Limits(
                    max_connections=self._concurrency,
                    max_keepalive_connections=self._concurrency,
                    keepalive_expiry=30,
                ),
                headers={"user-agent": f"agent-events/{__version__}", "accept": "*/*"},
            )

    async def send(self, batch: Sequence[Outgoing], settled: Settled) -> None:
        """Begin as many requests as there may be at once."""
        for outgoing in batch:
            await self._slots.acquire()
            client, pause = self._client, self._pause()
            if client is None or pause is not None:
                self._slots.release()
                reason = "asked for a pause" if client else "not connected"
                settled([outgoing], Unavailable(f"{self.destination}: {reason}", retry_after=pause))
                continue
            task = asyncio.create_task(self._request(client, outgoing))
            self._tasks.add(task)
            task.add_done_callback(partial(self._settle, outgoing, settled))

    def _settle(self, outgoing: Outgoing, settled: Settled, task: Answered) -> None:
        self._tasks.discard(task)
        self._slots.release()
        if task.cancelled():
            settled([outgoing], Unavailable(f"{self.destination}: closed"))
        elif error := task.exception():  # e.g. a header that HTTP cannot say
            settled([outgoing], Refused(_reason(error), is_permanent=True))
        else:
            settled([outgoing], task.result())

    async def _request(
        self, client: httpx.AsyncClient, outgoing: Outgoing
    ) -> Refused | Unavailable | None:
        request = self._signed(client, outgoing)
        try:
            async with asyncio.timeout(self._timeout):
                try:
                    answer = await client.send(request, stream=True)
                except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
                    # A connection that was idle may just have been closed; and if the server is
                    # gone, the second try finds that out.
                    answer = await client.send(request, stream=True)
                try:
                    text = await _begin_of(answer)
                finally:
                    await answer.aclose()
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as error:
            return Unavailable(f"{self.destination}: {_reason(error)}")
        except (TimeoutError, httpx.TimeoutException):
            return self._again(outgoing, f"no answer in {self._timeout:g} s", None)
        except httpx.HTTPError as error:
            return self._again(outgoing, _reason(error), None)
        if answer.is_success:
            self._failed.clear()
            return None
        return self._judge(outgoing, answer, text)

    def _signed(self, client: httpx.AsyncClient, outgoing: Outgoing) -> httpx.Request:
        message, topic, _, headers, body, content_type = outgoing
        at = int(time.time())
        signed = {
            **ascii_headers(headers),
            "content-type": content_type,
            "webhook-id": message.id,
            "webhook-timestamp": str(at),
        }
        if self._secrets:
            content = f"{message.id}.{at}.".encode() + body
            signed["webhook-signature"] = " ".join(
                f"v1,{base64.b64encode(hmac.digest(secret, content, hashlib.sha256)).decode()}"
                for secret in self._secrets
            )
        return client.build_request(
            "POST", self.url.replace("{topic}", topic), content=body, headers=signed
        )

    def _judge(
        self, outgoing: Outgoing, answer: httpx.Response, text: str
    ) -> Refused | Unavailable:
        status = answer.status_code
        for hidden in self._hidden:
            text = text.replace(hidden, "…")
        reason = f"HTTP {status} {answer.reason_phrase}".rstrip() + (f": {text}" if text else "")
        after = _retry_after(answer.headers.get("retry-after"))
        if status in SLOW_DOWN:
            if after is not None:
                until = time.monotonic() + after.total_seconds()
                self._not_before = max(self._not_before, until)
            return Unavailable(f"{self.destination}: {reason}", retry_after=after)
        if answer.is_redirect or status < 400:
            return Unavailable(f"{self.destination}: {reason}: redirects are not followed")
        if status in NOT_OURS:
            return Unavailable(f"{self.destination}: {reason}")
        if status in TRIED_AGAIN or status >= 500:
            return self._again(outgoing, reason, after)
        return Refused(reason, is_permanent=True)

    def _again(
        self, outgoing: Outgoing, reason: str, after: timedelta | None
    ) -> Refused | Unavailable:
        self._failed.add(outgoing.message.id)
        if len(self._failed) < SICK:
            return Refused(reason, retry_after=after)
        in_a_row = f"{len(self._failed)} messages failed in a row"
        return Unavailable(f"{self.destination}: {in_a_row}: {reason}", retry_after=after)

    def _pause(self) -> timedelta | None:
        left = self._not_before - time.monotonic()
        return timedelta(seconds=left) if left > 0 else None

    async def close(self) -> None:
        """Break off the requests, which are settled with Unavailable."""
        client, self._client = self._client, None
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        if client is not None:
            await client.aclose()


async def _begin_of(answer: httpx.Response) -> str:
    """Return some of the answer, if it is not delivered; never read without end."""
    read = b""
    with suppress(httpx.HTTPError):  # its status has been said
        async for piece in answer.aiter_raw():
            read += piece
            if len(read) > READ:
                break
    if answer.is_success:
        return ""
    text = read[: 4 * SHOWN].decode(errors="replace")
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:SHOWN]


def _retry_after(value: str | None) -> timedelta | None:
    """Return the pause that is asked for, in seconds or as an HTTP date (RFC 9110, 10.2.3)."""
    if value is None:
        return None
    value = value.strip()
    if value.isascii() and value.isdecimal():
        pause = timedelta(seconds=min(int(value[:9]), 10**8))
    else:
        try:
            until = parsedate_to_datetime(value)
        except ValueError:
            return None
        pause = until.replace(tzinfo=until.tzinfo or UTC) - datetime.now(UTC)
    return min(max(pause, timedelta()), LONGEST_PAUSE)


def _as_sent(user: str | None, password: str | None) -> list[str]:
    """Return what an answer might repeat of a login."""
    if not password:
        return []
    login = f"{unquote(user or '')}:{unquote(password)}"
    return [base64.b64encode(login.encode()).decode(), unquote(password)]


def _read_secrets(variable: str | None, file: str | None) -> list[bytes]:
    """Return the keys; no error shows any of it."""
    if variable and file:
        raise ValueError("secret_env and secret_file: one of them")
    if variable:
        where, text = f"secret_env={variable}", os.environ.get(variable, "")
    elif file:
        try:
            where, text = f"secret_file={file}", Path(file).read_text()
        except (OSError, UnicodeDecodeError):
            raise ValueError(f"option secret_file={file}: cannot be read") from None
    else:
        return []
    keys = []
    for word in text.split():
        try:
            key = base64.b64decode(word.removeprefix(PREFIX), validate=True)
        except (binascii.Error, ValueError):
            key = b""
        if not word.startswith(PREFIX) or len(key) not in SECRET_BYTES:
            raise ValueError(f"option {where}: must be whsec_ and base64 of 24 to 64 bytes")
        keys.append(key)
    if not keys:
        raise ValueError(f"option {where}: is empty")
    return keys


def _reason(error: BaseException) -> str:
    return str(error) or type(error).__name__
