"""What the tests ask of every destination: its address, options, and what arrived there."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import urllib.parse
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, NamedTuple

import aio_pika
import confluent_kafka
import nats.aio.client
import nats.errors
import redis
from brokers.servers import Kafka, Nats, Rabbitmq, Redis, Server, wait_until
from brokers.webhook_server import WebhookServer

from agent_events.relay.transport import Transport, open_transport


class Received(NamedTuple):
    """A message as a consumer sees it: `dedup` is what the broker or protocol knows it by."""

    topic: str
    dedup: str
    headers: dict[str, str]
    body: bytes
    content_type: str
    key: str | None = None

    def attribute(self, name: str) -> str:
        found = [v for k, v in self.headers.items() if k.lower().endswith(name)]
        assert len(found) == 1, (name, self.headers)
        return urllib.parse.unquote(found[0])


class Destination(ABC):
    """A broker, and a place on it of the test's own."""

    topic: str
    prefix: str
    largest: int  # a body of so many bytes is too large

    def __init__(self, server: Any) -> None:
        self.server = server
        self.name = f"t{secrets.token_hex(4)}"

    @property
    def url(self) -> str:
        return str(self.server.url)

    @property
    def options(self) -> dict[str, str]:
        return {}

    def transport(self, **options: str) -> Transport:
        return open_transport(self.url, **{**self.options, **options})

    async def prepare(self) -> None:  # noqa: B027 - most need nothing
        """Make what the broker needs to take messages."""

    @abstractmethod
    async def received(self) -> list[Received]:
        """Everything that arrived so far, in its order."""

    def pid(self) -> int:
        return int(self.server.pid())

    def pause(self) -> None:
        """Stop the process; what its other threads are at, they may finish first."""
        os.kill(self.pid(), signal.SIGSTOP)
        wait_until(lambda: is_stopped(self.pid()), f"{self.pid()} to stand still")

    def go_on(self) -> None:
        os.kill(self.pid(), signal.SIGCONT)


def is_stopped(pid: int) -> bool:
    tasks = Path(f"/proc/{pid}/task").glob("*/stat")
    return all(task.read_text().rpartition(")")[2].split()[0] == "T" for task in tasks)


class NatsPlace(Destination):
    prefix = "ce-"
    largest = 100_000

    @property
    def topic(self) -> str:  # type: ignore[override]
        return f"{self.name}.{{tenant_id}}.{{event_type}}"

    @property
    def options(self) -> dict[str, str]:
        return {"stream": self.name, "create": "file", "subjects": f"{self.name}.>"}

    async def received(self) -> list[Received]:
        client = nats.aio.client.Client()
        await client.connect(self.url, allow_reconnect=False)
        found: list[Received] = []
        try:
            reader = await client.jetstream().pull_subscribe(f"{self.name}.>", stream=self.name)
            while True:
                try:
                    messages = await reader.fetch(5000, timeout=0.5)
                except (TimeoutError, nats.errors.TimeoutError):
                    return found
                for message in messages:
                    headers = dict(message.headers or {})
                    dedup = headers.pop("Nats-Msg-Id")
                    headers.pop("Nats-Expected-Stream", None)
                    kind = headers.pop("content-type")
                    found.append(Received(message.subject, dedup, headers, message.data, kind))
                    await message.ack()
        finally:
            await client.close()


class RedisPlace(Destination):
    prefix = "ce-"
    largest = 1024 * 1024

    @property
    def topic(self) -> str:  # type: ignore[override]
        return f"{self.name}:{{tenant_id}}"

    async def received(self) -> list[Received]:
        with redis.Redis(port=self.server.port) as client:
            found: list[Received] = []
            for stream in client.scan_iter(f"{self.name}:*"):
                for _, fields in client.xrange(stream):
                    headers = {k.decode(): v for k, v in fields.items()}
                    body, kind = headers.pop("data"), headers.pop("content-type").decode()
                    text = {k: v.decode() for k, v in headers.items()}
                    dedup = text.get("ce-id", "")
                    found.append(Received(stream.decode(), dedup, text, body, kind))
            return found


class RabbitmqPlace(Destination):
    prefix = "cloudEvents:"
    largest = 200_000

    @property
    def topic(self) -> str:  # type: ignore[override]
        return f"{self.name}.{{tenant_id}}.{{event_type}}"

    async def prepare(self) -> None:
        connection = await aio_pika.connect(self.url)
        async with connection:
            channel = await connection.channel()
            queue = await channel.declare_queue(self.name, durable=True)
            await queue.bind("amq.topic", f"{self.name}.#")

    async def received(self) -> list[Received]:
        """They stay in the queue: nothing is acknowledged."""
        found: list[Received] = []
        connection = await aio_pika.connect(self.url)
        async with connection:
            channel = await connection.channel()
            queue = await channel.declare_queue(self.name, passive=True)
            count = queue.declaration_result.message_count or 0
            done = asyncio.Event()

            async def take(message: Any) -> None:
                headers = {k: str(v) for k, v in message.headers.items()}
                found.append(
                    Received(
                        message.routing_key,
                        message.message_id,
                        headers,
                        message.body,
                        message.content_type,
                    )
                )
                if len(found) == count:
                    done.set()

            if count:
                tag = await queue.consume(take)
                await asyncio.wait_for(done.wait(), 60)
                await queue.cancel(tag)
        return found

    def pid(self) -> int:
        return int((self.server.folder / "pid").read_text())


class KafkaPlace(Destination):
    prefix = "ce_"
    largest = 500_000

    @property
    def url(self) -> str:
        return f"{self.server.url}/?message.max.bytes=500000"

    @property
    def topic(self) -> str:  # type: ignore[override]
        return f"{self.name}.{{tenant_id}}"

    async def received(self) -> list[Received]:
        topics = self._topics()
        return [each for topic in topics for each in await asyncio.to_thread(self._read, topic)]

    def _topics(self) -> list[str]:
        admin = confluent_kafka.Consumer(
            {"bootstrap.servers": self.server.bootstrap, "group.id": self.name, "log_level": 0}
        )
        try:
            return [name for name in admin.list_topics(timeout=10).topics if self.name in name]
        finally:
            admin.close()

    def _read(self, topic: str) -> list[Received]:
        consumer = confluent_kafka.Consumer(
            {
                "bootstrap.servers": self.server.bootstrap,
                "group.id": self.name,
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "log_level": 0,
            }
        )
        found: list[Received] = []
        try:
            partitions = consumer.list_topics(topic, 10).topics[topic].partitions
            consumer.assign([confluent_kafka.TopicPartition(topic, p, 0) for p in partitions])
            ended: set[int | None] = set()
            while len(ended) < len(partitions):
                for message in consumer.consume(1000, 1):
                    if message.error() is not None:
                        assert message.error().code() == confluent_kafka.KafkaError._PARTITION_EOF
                        ended.add(message.partition())
                        continue
                    headers = {str(k): v.decode() for k, v in message.headers() or []}
                    kind = headers.pop("content-type")
                    key = (message.key() or b"").decode()
                    dedup = headers.get("ce_id", "")
                    body = message.value() or b""
                    found.append(Received(topic, dedup, headers, body, kind, key))
        finally:
            consumer.close()
        return found


class WebhookPlace(Destination):
    topic = "{event_type}"
    prefix = "ce-"
    largest = 300_000

    @property
    def options(self) -> dict[str, str]:
        return {"secret_file": str(self.server.secret_file)}

    async def received(self) -> list[Received]:
        return [
            Received(
                request.path,
                request.headers["webhook-id"],
                {
                    k: v
                    for k, v in request.headers.items()
                    if k.startswith("ce-") or k in ("x-note", "attempt")
                },
                request.body,
                request.headers["content-type"],
            )
            for request in self.server.accepted(f"/{self.name}")
        ]

    @property
    def url(self) -> str:
        return f"{self.server.url}/{self.name}"


PLACES: dict[str, tuple[type[Any], type[Destination]]] = {
    "nats": (Nats, NatsPlace),
    "redis": (Redis, RedisPlace),
    "rabbitmq": (Rabbitmq, RabbitmqPlace),
    "kafka": (Kafka, KafkaPlace),
    "webhook": (WebhookServer, WebhookPlace),
}
__all__ = ["PLACES", "Destination", "Received", "Server"]
