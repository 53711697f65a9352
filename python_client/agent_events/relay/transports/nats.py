"""NATS JetStream: https://docs.nats.io/nats-concepts/jetstream.

Each message is published with a reply subject of its own, and is delivered when the stream has
answered there. Its Nats-Msg-Id is the event's id: what is sent again within the stream's
duplicate window is answered, but not stored twice. There is no task and no future per message.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import nats.errors
import nats.js.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.api import Header, StorageType, StreamConfig

from agent_events.relay.envelope import Outgoing
from agent_events.relay.failures import Refused, Unavailable
from agent_events.relay.transport import Settled, Transport
from agent_events.relay.transports._flight import Flight
from agent_events.relay.transports._headers import ascii_headers
from agent_events.relay.transports._options import choice, seconds, tls_context, whole

# Not on stderr, where nobody set up logging: what matters is in the reasons given.
logging.getLogger("nats").addHandler(logging.NullHandler())

NO_RESPONDERS = "503"
MESSAGE_TOO_LARGE = 10054
# Codes of the server's that are not about the message: no space, no leader, too many pending.
STREAM_IS_FULL = re.compile(r"maximum (messages|bytes) exceeded")
FORBIDDEN = re.compile(r"permissions violation for publish to \"?([^\"]+)\"?", re.IGNORECASE)
LINE = len(b": \r\n")  # of a header, but for its name and value
FRAME = len(b"NATS/1.0\r\n\r\n")


class NatsTransport(Transport):
    """nats://[user:password@|token@]host[:port][,host…].

    Args:
        url: servers of one cluster, separated by commas. tls:// in the server's own list, or any
            TLS option, makes it TLS.
        stream: name of the stream that must take all messages.
        create: make that stream where there is none: 'file' or 'memory'.
        subjects: of the stream made, separated by commas.
        replicas: of the stream made.
        duplicate_window: of the stream made, in seconds.
        creds_file: NATS credentials (JWT and key).
        ca_file, cert_file, key_file: for TLS.
        timeout: seconds without an answer after which the connection counts as lost.
    """

    header_prefix = "ce-"
    default_topic = "ledger.{tenant_id}.{event_type}"

    def __init__(
        self,
        url: str,
        *,
        stream: str | None = None,
        create: str | None = None,
        subjects: str = "ledger.>",
        replicas: str = "1",
        duplicate_window: str = "120",
        creds_file: str | None = None,
        ca_file: str | None = None,
        cert_file: str | None = None,
        key_file: str | None = None,
        timeout: str = "30",
    ) -> None:
        super().__init__(url)
        hosts = urlsplit(url).netloc
        login, _, _ = hosts.rpartition("@")
        self._servers = [
            f"nats://{host}" if "@" in host or not login else f"nats://{login}@{host}"
            for host in hosts.split(",")
            if host
        ]
        if not self._servers:
            raise ValueError(f"{self.destination}: names no server")
        if create and not stream:
            raise ValueError("option create: needs the stream's name, too: stream=NAME")
        self._stream = stream
        self._config = create and StreamConfig(
            name=stream,
            subjects=subjects.split(","),
            storage=StorageType(choice("create", create, ["file", "memory"])),
            num_replicas=whole("replicas", replicas),
            duplicate_window=seconds("duplicate_window", duplicate_window),
        )
        self._connect: dict[str, Any] = {"servers": self._servers}
        if creds_file:
            self._connect["user_credentials"] = creds_file
        if ca_file or cert_file or key_file:
            self._connect["tls"] = tls_context(
                ca_file=ca_file, cert_file=cert_file, key_file=key_file
            )
        self._client: Client | None = None
        self._last_error = ""
        self._inbox = ""
        self._number = 0
        self._closing: set[asyncio.Task[None]] = set()
        self._flight: Flight[str] = Flight(seconds("timeout", timeout), self._give_up)

    async def open(self) -> None:
        """Connect, and find the stream, if one is named, or make it."""
        client, self._last_error = Client(), ""
        try:
            await client.connect(
                **self._connect,
                name="agent-events relay",
                allow_reconnect=False,  # whatever is under way is sent again, by the engine
                max_reconnect_attempts=1,  # else it would try for ever to connect at first
                reconnect_time_wait=0,
                connect_timeout=max(1, int(min(10, self._flight.timeout))),
                ping_interval=10,
                error_cb=self._on_error,
                closed_cb=self._on_closed,
            )
            await self._find_stream(client)
            inbox = client.new_inbox()
            await client.subscribe(f"{inbox}.*", cb=self._on_answer)
        except (OSError, TimeoutError, nats.errors.Error) as error:
            self._drop(client)
            reason = self._last_error or _reason(error)
            raise Unavailable(f"{self.destination}: {reason}") from None
        except BaseException:
            self._drop(client)
            raise
        self._client, self._inbox = client, inbox

    async def _find_stream(self, client: Client) -> None:
        if self._stream is None:
            return
        jetstream = client.jetstream()
        try:
            await jetstream.stream_info(self._stream)
        except nats.js.errors.NotFoundError:
            if not self._config:
                raise Unavailable(f"{self.destination}: no stream {self._stream}") from None
            await jetstream.add_stream(self._config)

    async def send(self, batch: Sequence[Outgoing], settled: Settled) -> None:
        """Publish; the answers come to _on_answer."""
        client = self._client
        if client is None or not client.is_connected:
            self._lose("not connected")
            settled(batch, Unavailable(f"{self.destination}: not connected"))
            return
        flight, publish, largest = self._flight, client.publish, client.max_payload
        expected = {str(Header.EXPECTED_STREAM.value): self._stream} if self._stream else {}
        for number, outgoing in enumerate(batch):
            _, topic, _, given, body, content_type = outgoing
            headers = {
                "Nats-Msg-Id": outgoing.message.id,
                "content-type": content_type,
                **expected,
                **ascii_headers(given),
            }
            size = len(body) + FRAME + LINE * len(headers)  # the headers are ASCII
            size += sum(map(len, headers)) + sum(map(len, headers.values()))
            if size > largest:  # the server would end the connection
                reason = f"has {size} bytes with its headers, and the server takes {largest}"
                settled([outgoing], Refused(reason, is_permanent=True))
                continue
            self._number += 1
            reply = f"{self._inbox}.{self._number}"
            flight.add(reply, outgoing, settled)
            try:
                await publish(topic, body, reply, headers)
            except (nats.errors.BadSubjectError, nats.errors.BadHeaderError) as error:
                flight.settle(reply, Refused(_reason(error), is_permanent=True))
            except (OSError, nats.errors.Error) as error:
                self._lose(_reason(error))
                left = batch[number + 1 :]
                settled(left, Unavailable(f"{self.destination}: {_reason(error)}"))
                return

    async def _on_answer(self, message: Msg) -> None:
        reply = message.subject
        if message.headers and message.headers.get(Header.STATUS) == NO_RESPONDERS:
            await self._find_out_why(reply)
            return
        error = b'"error"' in message.data and json.loads(message.data).get("error")
        if not error:
            self._flight.settle(reply)
            return
        code, number = error.get("code", 0), error.get("err_code", 0)
        reason = f"{error.get('description', 'refused')} ({number})"
        if code >= 500 and (number != 10077 or STREAM_IS_FULL.search(reason)):
            self._flight.settle(reply, Unavailable(f"{self.destination}: {reason}"))
        else:
            refused = Refused(reason, is_permanent=number == MESSAGE_TOO_LARGE)
            self._flight.settle(reply, refused)

    async def _find_out_why(self, reply: str) -> None:
        """Nobody answers for the subject: is there no stream for it, or is it down?"""
        topic = next((out.topic for key, out in self._flight if key == reply), None)
        client = self._client
        if topic is None or client is None:
            return
        failure: Refused | Unavailable = Unavailable(f"{self.destination}: no stream answers")
        with suppress(OSError, TimeoutError, nats.errors.Error):
            try:
                await client.jetstream(timeout=2).find_stream_name_by_subject(topic)
            except nats.js.errors.NotFoundError:
                failure = Refused(f"no stream has the subject {topic}")
        self._flight.settle(reply, failure)

    async def _on_error(self, error: Exception) -> None:
        """What the server says of its own accord; the connection's end is told by _on_closed."""
        self._last_error = _reason(error)
        if forbidden := FORBIDDEN.search(str(error)):
            for reply, outgoing in self._flight:
                if outgoing.topic == forbidden[1]:
                    self._flight.settle(reply, Refused(f"not allowed to publish to {forbidden[1]}"))

    async def _on_closed(self) -> None:
        self._lose("the connection was lost")

    def _give_up(self) -> None:
        self._lose(f"no answer in {self._flight.timeout:g} s")

    def _lose(self, reason: str) -> None:
        if client := self._client:
            self._client = None
            self._drop(client)
        self._flight.fail(Unavailable(f"{self.destination}: {reason}"))

    def _drop(self, client: Client) -> None:
        """Close in the background: it would flush, and wait for the other side."""
        task = asyncio.ensure_future(_close(client))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        """Disconnect; what is under way is settled with Unavailable."""
        self._lose("closed")
        if self._closing:
            _, still = await asyncio.wait(self._closing, timeout=1)
            for task in still:
                task.cancel()


async def _close(client: Client) -> None:
    with suppress(OSError, nats.errors.Error, AttributeError, asyncio.CancelledError):
        await client.close()


def _reason(error: BaseException) -> str:
    return str(error).removeprefix("nats: ") or type(error).__name__
