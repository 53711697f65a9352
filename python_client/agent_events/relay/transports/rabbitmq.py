"""RabbitMQ, by AMQP 0-9-1: https://www.rabbitmq.com/docs/confirms.

Every message is persistent and mandatory, and is delivered when the broker has confirmed it. One
that no queue takes comes back, and is refused. Messages go straight to the channel of aiormq, on
which aio-pika is built: that spares its Message for each of them.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, cast
from urllib.parse import urlsplit

import aio_pika
from aio_pika.abc import AbstractConnection
from aiormq.channel import Channel
from aiormq.exceptions import AMQPError, DeliveryError, PublishError
from pamqp.commands import Basic

from agent_events.relay.envelope import Outgoing
from agent_events.relay.failures import Refused, Unavailable
from agent_events.relay.transport import Settled, Transport
from agent_events.relay.transports._flight import Flight
from agent_events.relay.transports._options import choice, seconds, tls_context

# Not on stderr, where nobody set up logging: what matters is in the reasons given.
for name in ("aio_pika", "aiormq"):
    logging.getLogger(name).addHandler(logging.NullHandler())

PERSISTENT = 2
LARGEST_HEADERS = 100_000  # bytes; they have to fit into a frame, of 128 KiB by default
BYTES_PER_CHARACTER = 4  # of UTF-8, at most
# Why the broker closed the channel, when it was for one message.
TOO_LARGE = re.compile(r"message size (\d+) is larger than")
FORBIDDEN = re.compile(r"access to topic '(.*?)' in exchange")


class RabbitmqTransport(Transport):
    """amqp://user:password@host[:port]/[vhost]; amqps:// with TLS.

    Args:
        url: the broker; parameters are those of aio-pika, e.g. heartbeat.
        exchange: where to; '' is the default one, whose routing keys are names of queues.
        declare: make the exchange, durable, where there is none: its type, e.g. 'topic'.
        ca_file, cert_file, key_file: for TLS.
        timeout: seconds without a confirmation after which the connection counts as lost.
    """

    header_prefix = "cloudEvents:"
    default_topic = "{tenant_id}.{event_type}"

    def __init__(
        self,
        url: str,
        *,
        exchange: str = "amq.topic",
        declare: str | None = None,
        ca_file: str | None = None,
        cert_file: str | None = None,
        key_file: str | None = None,
        timeout: str = "30",
    ) -> None:
        super().__init__(url)
        self._exchange = exchange
        self._declare = declare and aio_pika.ExchangeType(
            choice("declare", declare, ["topic", "direct", "fanout", "headers"])
        )
        self._arguments: dict[str, Any] = {}
        if ca_file or cert_file or key_file:
            if urlsplit(url).scheme != "amqps":
                raise ValueError("TLS is for amqps://")
            self._arguments["ssl_context"] = tls_context(
                ca_file=ca_file, cert_file=cert_file, key_file=key_file
            )
        self._connection: AbstractConnection | None = None
        self._channel: Channel | None = None
        self._number = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._flight: Flight[int] = Flight(seconds("timeout", timeout), self._give_up)

    async def open(self) -> None:
        """Connect, and find the exchange, or make it."""
        connection: AbstractConnection | None = None
        try:
            connection = await aio_pika.connect(
                self.url,
                timeout=min(10, self._flight.timeout),
                client_properties={"connection_name": "agent-events relay"},
                **self._arguments,
            )
            channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
            if self._exchange and self._declare:
                await channel.declare_exchange(self._exchange, self._declare, durable=True)
            elif self._exchange:
                await channel.get_exchange(self._exchange, ensure=True)
            self._channel = cast(Channel, await channel.get_underlay_channel())
        except (AMQPError, OSError, TimeoutError, asyncio.CancelledError) as error:
            if connection is not None:
                self._drop(connection)
            if isinstance(error, asyncio.CancelledError) and _is_cancelled():
                raise
            raise Unavailable(f"{self.destination}: {_reason(error)}") from None
        self._connection = connection

    async def send(self, batch: Sequence[Outgoing], settled: Settled) -> None:
        """Publish; each message waits for its confirmation by itself."""
        channel = self._channel
        if channel is None or channel.is_closed:
            self._lose("not connected")
            settled(batch, Unavailable(f"{self.destination}: not connected"))
            return
        for outgoing in batch:
            if _are_too_large(outgoing.headers):
                reason = f"its headers have more than {LARGEST_HEADERS} bytes"
                settled([outgoing], Refused(reason, is_permanent=True))
                continue
            self._number += 1
            self._flight.add(self._number, outgoing, settled)
            task = asyncio.create_task(self._publish(channel, self._number, outgoing))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _publish(self, channel: Channel, number: int, outgoing: Outgoing) -> None:
        message, topic, _, headers, body, content_type = outgoing
        failure: Refused | None = None
        try:
            await channel.basic_publish(
                body,
                exchange=self._exchange,
                routing_key=topic,
                properties=Basic.Properties(
                    content_type=content_type,
                    headers=headers,  # type: ignore[arg-type] # dict is invariant
                    delivery_mode=PERSISTENT,
                    correlation_id=message.correlation_id,
                    message_id=message.id,
                    message_type=message.event_type,
                ),
                mandatory=True,
                wait=False,
            )
        except PublishError:
            failure = Refused(f"no queue takes {topic} of exchange {self._exchange!r}")
        except DeliveryError:
            failure = Refused("the broker could not take it (nack): a queue may be full")
        except (ValueError, TypeError) as error:  # a name or topic that AMQP cannot say
            failure = Refused(_reason(error), is_permanent=True)
        except (AMQPError, OSError, asyncio.CancelledError) as error:
            # aiormq cancels what waits on a channel that it closes.
            if number in self._flight:
                self._lose_by(_reason(error))
            return
        self._flight.settle(number, failure)

    def _lose_by(self, reason: str) -> None:
        """The channel was closed: find out whether for one message."""
        if too_large := TOO_LARGE.search(reason):
            size = int(too_large[1])
            for number, outgoing in self._flight:
                if len(outgoing.body) == size:
                    self._flight.settle(number, Refused(reason, is_permanent=True))
        elif forbidden := FORBIDDEN.search(reason):
            for number, outgoing in self._flight:
                if outgoing.topic == forbidden[1]:
                    self._flight.settle(number, Refused(reason))
        self._lose(reason)

    def _give_up(self) -> None:
        self._lose(f"no confirmation in {self._flight.timeout:g} s")

    def _lose(self, reason: str) -> None:
        connection, self._connection, self._channel = self._connection, None, None
        self._flight.fail(Unavailable(f"{self.destination}: {reason}"))
        if connection is not None:
            self._drop(connection)

    def _drop(self, connection: AbstractConnection) -> None:
        """Close in the background: it waits for the broker to say goodbye."""
        task = asyncio.create_task(_close(connection))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Disconnect; what is under way is settled with Unavailable."""
        self._lose("closed")
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=2)


async def _close(connection: AbstractConnection) -> None:
    with suppress(AMQPError, OSError, TimeoutError, RuntimeError):
        async with asyncio.timeout(1):
            await connection.close()


def _are_too_large(headers: dict[str, str]) -> bool:
    if sum(map(len, headers.values())) * BYTES_PER_CHARACTER < LARGEST_HEADERS // 2:
        return len(headers) > 64 and sum(map(len, headers)) > LARGEST_HEADERS // 2
    return sum(len(n) + len(v.encode()) + 6 for n, v in headers.items()) > LARGEST_HEADERS


def _is_cancelled() -> bool:
    """Whether it was us who were cancelled, and not aiormq's own task."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _reason(error: BaseException) -> str:
    return str(error) or type(error).__name__
