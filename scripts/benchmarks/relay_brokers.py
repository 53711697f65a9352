"""The measurements of `scripts/bench relay` with brokers: against each broker's own client.

Both publish the same messages, byte for byte, with the same acknowledgements and as many on their
way at once; what the relay does besides (claiming, reading, making events of rows, confirming) is
what the ratio shows. The brokers are those of the tests, on this machine.
"""

from __future__ import annotations

import asyncio
import gc
import shutil
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import aio_pika
import confluent_kafka
import httpx
import nats.aio.client
import nats.js.errors
import psycopg
import redis.asyncio
from emit import PAYLOAD
from server import TENANT, Bench
from stats import Rate, Ratio, interleave, ratio

from agent_events.relay.engine import Engine, Settings
from agent_events.relay.envelope import Outgoing
from agent_events.relay.outbox import Outbox
from agent_events.relay.transport import Transport, open_transport
from agent_events.relay.transports._headers import ascii_headers
from agent_events.relay.window import Progress
from agent_events.relay.work import Work

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
from brokers import servers, webhook_server

AGGREGATES = 5000
GOAL = 0.7
NAME = "bench"


@dataclass(frozen=True)
class BrokerPlan:
    messages: int
    rounds: int
    window: int
    brokers: tuple[str, ...]


class Place(ABC):
    """A broker, and how its own client publishes what it is given."""

    topic: str
    client: str

    def __init__(self, server: Any, window: int) -> None:
        self.server = server
        self.window = window
        self.options: dict[str, str] = {}

    def transport(self) -> Transport:
        return open_transport(self.server.url, **self.options)

    async def clear(self) -> None:  # noqa: B027 - most need nothing
        """Forget what was published: brokers that know a message by its id take it again."""

    def prepared(self, messages: list[Outgoing]) -> list[Any]:
        """What `publish` is given, made before the clock runs."""
        return messages

    @abstractmethod
    async def publish(self, messages: list[Any]) -> None:
        """Return when all are acknowledged."""


class Nats(Place):
    topic = f"{NAME}.{{tenant_id}}.{{event_type}}"
    client = "nats-py publish_async"

    async def clear(self) -> None:
        client = nats.aio.client.Client()
        await client.connect(self.server.url)
        jetstream = client.jetstream()
        with suppress(nats.js.errors.NotFoundError):
            await jetstream.delete_stream(NAME)
        await jetstream.add_stream(name=NAME, subjects=[f"{NAME}.>"])
        await client.close()

    def prepared(self, messages: list[Outgoing]) -> list[Any]:
        return [
            (
                each.topic,
                each.body,
                {"Nats-Msg-Id": each.message.id, "content-type": each.content_type}
                | ascii_headers(each.headers),
            )
            for each in messages
        ]

    async def publish(self, messages: list[Any]) -> None:
        client = nats.aio.client.Client()
        await client.connect(self.server.url)
        jetstream = client.jetstream(publish_async_max_pending=self.window)
        for topic, body, headers in messages:
            await jetstream.publish_async(topic, body, headers=headers)
        await jetstream.publish_async_completed()
        await client.close()


class Redis(Place):
    topic = f"{NAME}:{{tenant_id}}"
    client = "redis-py MULTI/EXEC"
    batch = 500

    async def clear(self) -> None:
        client = redis.asyncio.Redis.from_url(self.server.url)
        await client.flushall()
        await client.aclose()

    def prepared(self, messages: list[Outgoing]) -> list[Any]:
        return [
            (each.topic, {"data": each.body, "content-type": each.content_type} | each.headers)
            for each in messages
        ]

    async def publish(self, messages: list[Any]) -> None:
        client = redis.asyncio.Redis.from_url(self.server.url)
        for begin in range(0, len(messages), self.batch):
            async with client.pipeline(transaction=True) as pipeline:
                for topic, fields in messages[begin : begin + self.batch]:
                    pipeline.xadd(topic, fields)
                await pipeline.execute()
        await client.aclose()


class Rabbitmq(Place):
    topic = f"{NAME}.{{tenant_id}}.{{event_type}}"
    client = "aio-pika publish"

    async def clear(self) -> None:
        async with await aio_pika.connect(self.server.url) as connection:
            channel = await connection.channel()
            queue = await channel.declare_queue(NAME, durable=True)
            await queue.bind("amq.topic", f"{NAME}.#")
            await queue.purge()

    async def publish(self, messages: list[Any]) -> None:
        async with await aio_pika.connect(self.server.url) as connection:
            channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
            exchange = await channel.get_exchange("amq.topic")
            room = asyncio.Semaphore(self.window)

            async def publish(each: Outgoing) -> None:
                message = aio_pika.Message(
                    each.body,
                    headers=each.headers,
                    content_type=each.content_type,
                    delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
                    correlation_id=each.message.correlation_id,
                    message_id=each.message.id,
                    type=each.message.event_type,
                )
                await exchange.publish(message, each.topic, mandatory=True)
                room.release()

            async with asyncio.TaskGroup() as tasks:
                for each in messages:
                    await room.acquire()
                    tasks.create_task(publish(each))


class Kafka(Place):
    topic = f"{NAME}.{{tenant_id}}"
    client = "confluent-kafka produce"

    def prepared(self, messages: list[Outgoing]) -> list[Any]:
        return [
            (
                each.topic,
                each.body,
                each.key,
                [("content-type", each.content_type), *each.headers.items()],
            )
            for each in messages
        ]

    async def publish(self, messages: list[Any]) -> None:
        producer = confluent_kafka.Producer(
            {
                "bootstrap.servers": self.server.bootstrap,
                "acks": "all",
                "enable.idempotence": True,
                "linger.ms": 5,
                "queue.buffering.max.messages": self.window,
                "partitioner": "murmur2_random",
            }
        )
        delivered = 0

        def report(error: Any, _: Any) -> None:
            nonlocal delivered
            delivered += error is None

        for topic, body, key, headers in messages:
            while True:
                try:
                    producer.produce(topic, body, key, headers=headers, on_delivery=report)
                    break
                except BufferError:
                    producer.poll(0.001)
            producer.poll(0)
        producer.flush()
        check(delivered == len(messages))


class Webhook(Place):
    topic = "{event_type}"
    client = "httpx post"
    concurrency = 16

    def __init__(self, server: Any, window: int) -> None:
        super().__init__(server, window)
        self.options = {"secret_file": str(server.secret_file)}

    async def publish(self, messages: list[Any]) -> None:
        room = asyncio.Semaphore(self.concurrency)
        transport: Any = self.transport()  # signs; that is no part of httpx
        limits = httpx.Limits(max_connections=16, max_keepalive_connections=16)
        async with httpx.AsyncClient(limits=limits, timeout=15) as client:

            async def post(each: Outgoing) -> None:
                answer = await client.send(transport._signed(client, each))
                check(answer.status_code == 204)
                room.release()

            async with asyncio.TaskGroup() as tasks:
                for each in messages:
                    await room.acquire()
                    tasks.create_task(post(each))


PLACES: dict[str, tuple[type[Any], type[Place], float]] = {
    # How many of the events it is given: those that are slow, fewer.
    "nats": (servers.Nats, Nats, 1),
    "redis": (servers.Redis, Redis, 1),
    "kafka": (servers.Kafka, Kafka, 1),
    "rabbitmq": (servers.Rabbitmq, Rabbitmq, 0.4),
    "webhook": (webhook_server.WebhookServer, Webhook, 0.1),
}


def measure_brokers(bench: Bench, plan: BrokerPlan, say: Callable[[str], None]) -> list[Ratio]:
    say(f"emitting {plan.messages:,} events")
    fill(bench, plan.messages)
    results = []
    for name in plan.brokers:
        server_class, place_class, share = PLACES[name]
        folder = Path(tempfile.mkdtemp(prefix="agent-events-bench-", dir="/var/tmp"))
        server = server_class(folder)
        say(f"{name}: {plan.rounds} rounds")
        try:
            server.start()
            place = place_class(server, plan.window)
            results.append(measure_broker(bench, plan, name, place, int(plan.messages * share)))
        finally:
            server.stop()
            shutil.rmtree(folder)
    return results


# By CPU time is by that of the publishing process, whatever else the machine does meanwhile: the
# broker and PostgreSQL are not in it.
def measure_broker(bench: Bench, plan: BrokerPlan, name: str, place: Place, count: int) -> Ratio:
    messages = place.prepared(asyncio.run(read_messages(bench, place, count)))
    gc.collect()
    gc.freeze()  # or the collector would go through them again and again, in both
    number = 0

    def relay() -> Rate:
        nonlocal number
        number += 1
        asyncio.run(place.clear())
        return asyncio.run(deliver(bench, place, plan, f"{name}_{number}", count))

    def client() -> Rate:
        asyncio.run(place.clear())
        began, cpu = time.perf_counter(), time.process_time()
        asyncio.run(place.publish(messages))
        return Rate(
            len(messages) / (time.perf_counter() - began),
            len(messages) / (time.process_time() - cpu),
        )

    rates = interleave({f"relay to {name}": relay, place.client: client}, plan.rounds)
    gc.unfreeze()
    return ratio(rates, f"relay to {name}", place.client, clients=1, commit="on", goal=GOAL)


async def deliver(bench: Bench, place: Place, plan: BrokerPlan, relay: str, count: int) -> Rate:
    """From its start until the last message is acknowledged: the confirmations are included."""
    settings = Settings(relay=relay, topic=place.topic, window=plan.window, once=True)
    engine = Engine(bench.dsn, place.transport(), settings, quiet)
    began, cpu = time.perf_counter(), time.process_time()
    running = asyncio.create_task(engine.run())
    while engine.metrics.published < count and not running.done():
        await asyncio.sleep(0.005)
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    engine.stop()
    await running
    check(engine.metrics.published >= count)
    return Rate(count / seconds, count / cpu)


async def read_messages(bench: Bench, place: Place, count: int) -> list[Outgoing]:
    """What the relay is going to send."""
    transport = place.transport()
    settings = Settings(relay="bench_reader", topic=place.topic)
    work = Work(settings, transport, quiet)
    outbox = await Outbox.connect(bench.dsn, settings.relay)
    make = work.envelope(await outbox.ledger_name())
    found: list[Outgoing] = []
    claim = await outbox.claim(1000, timedelta(minutes=5), TENANT, None)
    token = claim.token if claim else 0
    while claim and len(found) < count:
        found += [make(message) for message in await outbox.read(claim)]
        claim = await outbox.claim(1000, timedelta(minutes=5), TENANT, claim.token)
    await outbox.confirm(TENANT, token, Progress(None, []), release=True)
    await outbox.close()
    return found[:count]


def check(is_so: bool) -> None:
    if not is_so:
        raise SystemExit("not everything was delivered")


def quiet(event: str, /, **fields: Any) -> None:
    """Say nothing."""


def fill(bench: Bench, count: int) -> None:
    with psycopg.connect(bench.dsn, autocommit=True) as connection:
        for begin in range(0, count, 5000):
            connection.execute(
                """
                select count(*) from ledger.emit_events((
                  select jsonb_agg(jsonb_build_object(
                    'event_type', 'bench.order_placed', 'payload', %s::jsonb, 'run_id', %s::text,
                    'aggregate_type', 'order', 'aggregate_id', (n %% %s)::text))
                  from generate_series(%s::int, %s::int) as n), tenant_id => %s)
                """,
                [PAYLOAD, bench.run_id, AGGREGATES, begin, begin + 4999, TENANT],
            )
        connection.execute("select ledger.seal(%s)", [TENANT])
        connection.execute("vacuum analyze")
