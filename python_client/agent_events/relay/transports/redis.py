"""Redis Streams: https://redis.io/docs/latest/develop/data-types/streams/.

Whatever is waiting goes out as one transaction (MULTI, XADD …, EXEC) in one write; the answers of
EXEC are the acknowledgements. What comes meanwhile is the next transaction. How safe an
acknowledged entry is, the server's appendfsync says.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from itertools import chain
from typing import Any
from urllib.parse import urlsplit

from hiredis import pack_command
from redis import exceptions
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from agent_events.relay.envelope import Outgoing
from agent_events.relay.failures import Refused, Unavailable
from agent_events.relay.transport import Settled, Transport
from agent_events.relay.transports._options import seconds, tls_context, whole

MULTI, EXEC = pack_command(("MULTI",)), pack_command(("EXEC",))
LARGEST_BATCH = 500
LARGEST_VALUE = 512 * 1024 * 1024  # proto-max-bulk-len, where it is not to be had
Waiting = tuple[Outgoing, Settled]


class RedisTransport(Transport):
    """redis://[user:password@]host[:port][/database]; rediss:// with TLS.

    Args:
        url: the server, a primary; parameters are those of redis.from_url().
        maxlen: keep about this many entries in each stream (XADD … MAXLEN ~); default: all.
        ca_file, cert_file, key_file: for TLS.
        timeout: seconds without an answer after which the connection counts as lost.
    """

    header_prefix = "ce-"
    default_topic = "ledger:{tenant_id}"
    keeps_order = True

    def __init__(
        self,
        url: str,
        *,
        maxlen: str | None = None,
        ca_file: str | None = None,
        cert_file: str | None = None,
        key_file: str | None = None,
        timeout: str = "30",
    ) -> None:
        super().__init__(url)
        self._timeout = seconds("timeout", timeout)
        self._trim = ("MAXLEN", "~", whole("maxlen", maxlen)) if maxlen else ()
        arguments: dict[str, Any] = {}
        if urlsplit(url).scheme == "rediss" and (ca_file or cert_file or key_file):
            tls_context(ca_file=ca_file, cert_file=cert_file, key_file=key_file)  # are they there?
            arguments |= {
                "ssl_ca_certs": ca_file,
                "ssl_certfile": cert_file,
                "ssl_keyfile": key_file,
            }
        elif ca_file or cert_file or key_file:
            raise ValueError("TLS is for rediss://")
        self._arguments = arguments
        try:
            self._make_client()
        except (ValueError, TypeError):
            raise ValueError(f"{self.destination}: is no address of a Redis server") from None
        self._client: Redis | None = None
        self._worker: asyncio.Task[None] | None = None
        self._largest = LARGEST_VALUE
        self._waiting: deque[Waiting] = deque()
        self._sent: deque[Waiting] = deque()
        self._alone = 0  # how many of those waiting are to go one by one
        self._has_work = asyncio.Event()
        self._has_room = asyncio.Event()

    def _make_client(self) -> Redis:
        return Redis.from_url(
            self.url,
            single_connection_client=True,
            socket_connect_timeout=min(10, self._timeout),
            socket_timeout=None,  # a timer for each answer costs more than its reading
            retry=Retry(NoBackoff(), 0),  # sent again by the engine
            client_name="agent-events-relay",
            **self._arguments,
        )

    async def open(self) -> None:
        """Connect, and log in."""
        client = self._make_client()
        try:
            async with asyncio.timeout(self._timeout):
                await client.initialize()
                await client.ping()
                self._largest = await _largest_value(client)
        except (exceptions.RedisError, OSError, TimeoutError) as error:
            await _drop(client)
            reason = str(error) or f"no answer in {self._timeout:g} s"
            raise Unavailable(f"{self.destination}: {reason}") from None
        except BaseException:
            await _drop(client)
            raise
        self._client = client
        self._worker = asyncio.create_task(self._work(client))

    async def send(self, batch: Sequence[Outgoing], settled: Settled) -> None:
        """Queue messages; the next transaction takes them."""
        if self._worker is None:
            settled(batch, Unavailable(f"{self.destination}: not connected"))
            return
        self._waiting.extend((outgoing, settled) for outgoing in batch)
        self._has_work.set()
        while len(self._waiting) >= LARGEST_BATCH and self._worker:
            self._has_room.clear()
            await self._has_room.wait()

    async def _work(self, client: Redis) -> None:
        try:
            while True:
                self._has_work.clear()
                if not self._waiting:
                    await self._has_work.wait()
                if group := self._next_group():
                    await self._send_group(client, group)
        except TimeoutError:
            self._lose(f"no answer in {self._timeout:g} s")
        except (exceptions.RedisError, OSError) as error:
            self._lose(str(error) or type(error).__name__)

    def _next_group(self) -> list[Outgoing]:
        """What the next transaction adds: what waits, but of an aggregate to one stream only.

        Of two entries for different streams Redis may refuse the first and take the second. So
        the second waits for the next transaction, and does not go if the first did not.
        """
        streams: dict[tuple[str, str], str] = {}
        most = 1 if self._alone else LARGEST_BATCH
        while self._waiting and len(self._sent) < most:
            outgoing, settled = self._waiting[0]
            lane = outgoing.message.lane
            if lane and streams.setdefault(lane, outgoing.topic) != outgoing.topic:
                break
            if (size := len(outgoing.body)) > self._largest:
                if not self._sent:
                    self._waiting.popleft()
                    reason = f"has {size} bytes, and the server takes {self._largest}"
                    self._refuse(outgoing, settled, Refused(reason, is_permanent=True))
                break
            self._sent.append(self._waiting.popleft())
        self._alone = max(0, self._alone - len(self._sent))
        self._has_room.set()
        return [outgoing for outgoing, _ in self._sent]

    async def _send_group(self, client: Redis, group: list[Outgoing]) -> None:
        try:
            answers = await self._transact(client, group)
        except exceptions.ResponseError as error:
            # It would not even queue one of them, and took none.
            if not _is_at_fault(error):
                raise
            answers = [error] * len(group)
            if len(group) > 1:
                self._waiting.extendleft(reversed(self._sent))
                self._sent.clear()
                self._alone = len(group)  # so that it becomes clear which
                return
        for answer in answers:
            outgoing, settled = self._sent.popleft()
            if isinstance(answer, Exception):
                self._refuse(outgoing, settled, Refused(str(answer)))
            else:
                settled([outgoing], None)

    async def _transact(self, client: Redis, group: list[Outgoing]) -> list[Any]:
        """MULTI, XADD …, EXEC. A pipeline of redis-py's takes twice the time to put it together."""
        connection = client.connection
        if connection is None:
            raise exceptions.ConnectionError("not connected")
        packed = [MULTI]
        for _, topic, _, headers, body, content_type in group:
            fields = chain.from_iterable(headers.items())
            entry = ("XADD", topic, *self._trim, "*", "data", body, "content-type", content_type)
            packed.append(pack_command((*entry, *fields)))
        packed.append(EXEC)
        refused: exceptions.ResponseError | None = None
        async with asyncio.timeout(self._timeout):
            await connection.send_packed_command(packed)
            for _ in range(len(group) + 1):
                try:
                    await connection.read_response()  # OK, and QUEUED for each
                except exceptions.ResponseError as error:
                    refused = refused or error
            try:
                answers: list[Any] = await connection.read_response()
            except exceptions.ExecAbortError as error:
                raise refused or error from None
        return answers

    def _refuse(self, outgoing: Outgoing, settled: Settled, failure: Refused) -> None:
        """Refuse a message, and what waits of its aggregate."""
        settled([outgoing], failure)
        if (lane := outgoing.message.lane) is None:
            return
        waiting = list(self._waiting)
        self._waiting.clear()
        for each in waiting:
            if each[0].message.lane == lane:
                each[1]([each[0]], failure)
            else:
                self._waiting.append(each)

    def _lose(self, reason: str) -> None:
        lost = [*self._sent, *self._waiting]
        self._sent.clear()
        self._waiting.clear()
        self._worker = None
        self._has_room.set()
        failure = Unavailable(f"{self.destination}: {reason}")
        for outgoing, settled in lost:
            settled([outgoing], failure)

    async def close(self) -> None:
        """Disconnect; what is under way is settled with Unavailable."""
        worker, client, self._client = self._worker, self._client, None
        self._lose("closed")
        if worker is not None:
            worker.cancel()
        if client is not None:
            await _drop(client)


def _is_at_fault(error: exceptions.ResponseError) -> bool:
    """Whether it is about one entry's stream; most errors are about the server's state."""
    text = str(error)
    return text.startswith("WRONGTYPE") or (
        isinstance(error, exceptions.NoPermissionError) and " run the " not in text
    )


async def _largest_value(client: Redis) -> int:
    """The longest value that the server reads: it ends the connection at a longer one."""
    with suppress(exceptions.ResponseError):  # a login may not ask
        found = await client.config_get("proto-max-bulk-len")
        return int(found.get("proto-max-bulk-len") or LARGEST_VALUE)
    return LARGEST_VALUE


async def _drop(client: Redis) -> None:
    with suppress(exceptions.RedisError, OSError):
        if client.connection is not None:
            await client.connection.disconnect(nowait=True)
        await client.aclose()
