"""What only RabbitMQ does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import aio_pika
import pytest
from brokers.destinations import Destination
from brokers.outgoing import Failure, message, outgoing, send

from agent_events.relay.failures import Refused, Unavailable
from agent_events.relay.message import Message
from agent_events.relay.transport import open_transport

Place = Callable[[str], Destination]


@pytest.fixture
def queue(place: Place) -> Destination:
    return place("rabbitmq")


async def deliver(
    queue: Destination, topic: str, messages: list[Message], **options: str
) -> list[Failure]:
    transport = queue.transport(**options)
    try:
        await transport.open()
        return await send(transport, outgoing(transport, topic, messages))
    finally:
        await transport.close()


def test_message_that_no_queue_takes_is_refused_and_no_other(queue: Destination) -> None:
    messages = [message(0, event_type="good"), message(1, event_type="bad"), message(2, "1")]

    async def run() -> list[Failure]:
        await queue.prepare()
        found = await deliver(queue, f"nobody.{queue.name}", messages[1:2])
        return found + await deliver(queue, queue.topic, [messages[0], messages[2]])

    refused, *taken = asyncio.run(run())
    assert isinstance(refused, Refused)
    assert refused.reason == f"no queue takes nobody.{queue.name} of exchange 'amq.topic'"
    assert not refused.is_permanent
    assert taken == [None, None]


def test_queue_that_is_full_refuses(queue: Destination) -> None:
    async def run() -> list[Failure]:
        async with await aio_pika.connect(queue.url) as connection:
            channel = await connection.channel()
            arguments: Any = {"x-max-length": 3, "x-overflow": "reject-publish"}
            full = await channel.declare_queue(queue.name, durable=True, arguments=arguments)
            await full.bind("amq.topic", f"{queue.name}.#")
        for n in range(20):  # it notices with a delay
            found = await deliver(queue, queue.topic, [message(n)])
            if found != [None]:
                return found
        return []

    (refused,) = asyncio.run(run())
    assert isinstance(refused, Refused)
    assert not refused.is_permanent


def test_exchange_is_made_when_asked(queue: Destination) -> None:
    exchange = f"ledger.{queue.name}"

    async def run() -> list[Failure]:
        with pytest.raises(Unavailable, match="no exchange"):
            await deliver(queue, "x", [message(1)], exchange=exchange)
        first = await deliver(queue, "x", [message(1)], exchange=exchange, declare="fanout")
        async with await aio_pika.connect(queue.url) as connection:
            channel = await connection.channel()
            made = await channel.declare_queue(queue.name, durable=True)
            await made.bind(exchange)
        return first + await deliver(queue, "x", [message(2)], exchange=exchange)

    unroutable, taken = asyncio.run(run())
    assert isinstance(unroutable, Refused)
    assert taken is None


def test_default_exchange_takes_names_of_queues(queue: Destination) -> None:
    async def run() -> list[Failure]:
        await queue.prepare()
        found = await deliver(queue, queue.name, [message(1)], exchange="")
        assert len(await queue.received()) == 1
        return found

    assert asyncio.run(run()) == [None]


def test_messages_survive_the_broker(queue: Destination) -> None:
    """They are persistent, and confirmed when they are safe."""

    async def run() -> int:
        await queue.prepare()
        assert await deliver(queue, queue.topic, [message(n) for n in range(50)]) == [None] * 50
        await asyncio.to_thread(queue.server.kill)
        await asyncio.to_thread(queue.server.start)
        return len(await queue.received())

    assert asyncio.run(run()) == 50


def test_headers_that_fit_in_no_frame_are_refused_for_good(queue: Destination) -> None:
    async def run() -> list[Failure]:
        await queue.prepare()
        messages = [message(1, headers={"x-note": "é" * 70_000}), message(2)]
        return await deliver(queue, queue.topic, messages)

    refused, taken = asyncio.run(run())
    assert isinstance(refused, Refused)
    assert refused.is_permanent
    assert taken is None


def test_wrong_password_is_not_told(queue: Destination) -> None:
    async def run() -> None:
        transport = open_transport(queue.url.replace("guest:guest", "guest:hush-hush"))
        try:
            await transport.open()
        finally:
            await transport.close()

    with pytest.raises(Unavailable) as denied:
        asyncio.run(run())
    assert "hush" not in denied.value.reason


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"declare": "paper"}, "must be one of topic"),
        ({"ca_file": "/nowhere"}, "TLS is for amqps://"),
    ],
)
def test_options_that_make_no_sense(options: dict[str, str], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        open_transport("amqp://localhost", **options)
