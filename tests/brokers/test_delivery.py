"""What every destination does alike."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from brokers.destinations import Destination, Received
from brokers.outgoing import Failure, Outcome, message, outgoing, send

from agent_events.relay.failures import Refused, Unavailable
from agent_events.relay.transport import open_transport


def by_aggregate(received: list[Received]) -> dict[str, list[int]]:
    """The positions of each aggregate's messages in the order in which they arrived, once each."""
    lanes: dict[str, list[int]] = {}
    seen: set[str] = set()
    for each in received:
        if each.dedup not in seen:
            seen.add(each.dedup)
            lanes.setdefault(each.attribute("subject"), []).append(int(each.attribute("position")))
    return lanes


def test_everything_arrives_with_its_attributes(destination: Destination) -> None:
    headers = {"tracestate": "a=1", "x-note": 'héllo "100 %"', "ce-id": "forged", "bad name": "x"}
    messages = [
        message(7, "42", headers=headers, payload='{"text": "grüße"}'),
        message(8),
        message(9, "ein/schräges ding"),
    ]

    async def run() -> list[Received]:
        await destination.prepare()
        transport = destination.transport()
        await transport.open()
        batch = outgoing(transport, destination.topic, messages)
        assert await send(transport, batch) == [None] * 3
        await transport.close()
        return await destination.received()

    received = {each.dedup: each for each in asyncio.run(run())}
    assert received.keys() == {each.id for each in messages}
    first, second, third = (received[each.id] for each in messages)
    assert first.body == '{"text": "grüße"}'.encode()
    assert first.content_type == "application/json"
    attributes = {
        "specversion": "1.0",
        "source": "/ledger/acme",
        "type": "deal.updated",
        "time": "2026-01-31T12:00:00.123456Z",
        "subject": "deal/42",
        "partitionkey": "deal/42",
        "correlationid": messages[0].correlation_id,
        "schemaversion": "1",
        "position": "7",
        "tracestate": "a=1",
    }
    assert {name: first.attribute(name) for name in attributes} == attributes
    assert first.headers[f"{destination.prefix}id"] == messages[0].id
    assert first.attribute("traceparent").split("-")[1] == messages[0].trace_id.replace("-", "")
    assert first.attribute("x-note") == headers["x-note"]
    assert not any("bad name" in name for name in first.headers)
    assert f"{destination.prefix}subject" not in second.headers
    assert third.attribute("subject") == "deal/ein/schräges ding"
    assert [each.key for each in (first, second)] in ([None] * 2, ["deal/42", messages[1].id])


def test_structured_events_are_the_body(destination: Destination) -> None:
    messages = [message(1, "42", headers={"x-note": "n"})]

    async def run() -> list[Received]:
        await destination.prepare()
        transport = destination.transport()
        await transport.open()
        await send(transport, outgoing(transport, destination.topic, messages, "structured"))
        await transport.close()
        return await destination.received()

    (received,) = asyncio.run(run())
    assert received.content_type == "application/cloudevents+json"
    event = json.loads(received.body)
    assert (event["id"], event["subject"], event["data"]) == (messages[0].id, "deal/42", {"n": 1})
    assert received.attribute("x-note") == "n"
    assert f"{destination.prefix}id" not in received.headers


def test_message_that_is_too_large_is_refused_for_good_and_alone(destination: Destination) -> None:
    large = json.dumps({"text": "x" * destination.largest})
    messages = [message(n, str(n), payload=large if n == 5 else '"ok"') for n in range(10)]

    async def run() -> tuple[list[Failure], list[Received]]:
        await destination.prepare()
        transport = destination.transport()
        outcome: dict[str, Failure] = {}
        left = messages
        while left:  # a broker may end the connection, then the others are sent again
            await transport.open()
            batch = outgoing(transport, destination.topic, left)
            for each, failure in zip(left, await send(transport, batch), strict=True):
                outcome[each.id] = failure
            left = [each for each in left if isinstance(outcome[each.id], Unavailable)]
            await transport.close()
        return [outcome[each.id] for each in messages], await destination.received()

    failures, received = asyncio.run(run())
    refused = failures.pop(5)
    assert isinstance(refused, Refused)
    assert refused.is_permanent
    assert failures == [None] * 9
    assert {each.dedup for each in received} == {m.id for m in messages if m.position != 5}


def test_order_within_an_aggregate(destination: Destination) -> None:
    """As many at once as the destination may be given: all of them, or one of each aggregate."""
    messages = [message(n, str(n % 7)) for n in range(700)]

    async def run() -> list[Received]:
        await destination.prepare()
        transport = destination.transport()
        await transport.open()
        batch = outgoing(transport, destination.topic, messages)
        size = 100 if transport.keeps_order else 7
        for begin in range(0, len(batch), size):
            part = batch[begin : begin + size]
            assert await send(transport, part) == [None] * len(part)
        await transport.close()
        return await destination.received()

    lanes = by_aggregate(asyncio.run(run()))
    assert lanes == {f"deal/{n}": list(range(n, 700, 7)) for n in range(7)}


def test_killed_in_the_middle(destination: Destination) -> None:
    """kill -9, and up again with the same data: what was under way is sent again, in order."""
    count = 900 if destination.url.startswith("http") else 3000
    messages = [message(n, str(n % 50)) for n in range(count)]

    async def run() -> tuple[int, list[Received]]:
        await destination.prepare()
        transport = destination.transport(timeout="3")
        await transport.open()
        batch = outgoing(transport, destination.topic, messages)
        size, sent, losses, kills = 50, 0, 0, 0
        while sent < len(batch):
            part = batch[sent : sent + size]
            outcome = Outcome()
            if sent >= 300 and not kills:
                kills = 1
                outcome.expected = len(part)
                await transport.send(part, outcome.settled)
                await asyncio.to_thread(destination.server.kill)
                await outcome.of(transport, [])
                await asyncio.to_thread(destination.server.start)
                failures = [outcome.failures[each.message.id] for each in part]
            else:
                failures = await outcome.of(transport, part)
            if any(failures):
                assert all(f is None or isinstance(f, Unavailable) for f in failures)
                losses += 1
                await transport.close()
                await reopen(transport)
                continue  # the engine would leave out what was settled; the tests look at ids
            sent += size
        await transport.close()
        return losses, await destination.received()

    losses, received = asyncio.run(run())
    assert losses >= 1
    assert {each.dedup for each in received} == {each.id for each in messages}
    lanes = by_aggregate(received)
    assert lanes == {f"deal/{n}": list(range(n, count, 50)) for n in range(50)}


async def reopen(transport: Any) -> None:
    for _ in range(100):
        try:
            await transport.open()
        except Unavailable:
            await asyncio.sleep(0.1)
        else:
            return
    raise TimeoutError


def test_destination_that_falls_silent(destination: Destination) -> None:
    """It is there, and takes bytes, but answers nothing any more."""

    async def run() -> tuple[list[Failure], list[Failure]]:
        await destination.prepare()
        transport = destination.transport(timeout="1")
        await transport.open()
        batch = outgoing(transport, destination.topic, [message(n, str(n)) for n in range(40)])
        assert await send(transport, batch[:10]) == [None] * 10
        destination.pause()
        try:
            first = await send(transport, batch[10:25])
            second = await send(transport, batch[25:])
        finally:
            destination.go_on()
        await transport.close()
        transport = destination.transport()
        await reopen(transport)
        assert await send(transport, batch) == [None] * 40
        await transport.close()
        return first, second

    first, second = asyncio.run(run())
    assert all(first + second)
    assert isinstance(first[-1], Unavailable)
    assert all(isinstance(failure, Unavailable) for failure in second)


@pytest.mark.parametrize(
    "url",
    [
        "nats://user:hush-hush@127.0.0.1:1",
        "redis://user:hush-hush@127.0.0.1:1/0",
        "amqp://user:hush-hush@127.0.0.1:1/",
        "kafka://user:hush-hush@127.0.0.1:1",
        "http://user:hush-hush@127.0.0.1:1/",
    ],
)
def test_nobody_there(url: str, caplog: pytest.LogCaptureFixture) -> None:
    """Not a word of the password, neither in the error nor in a log."""
    options = {"unsigned": "yes"} if url.startswith("http") else {"timeout": "2"}

    async def run() -> Failure:
        transport = open_transport(url, **options)
        try:
            await transport.open()
            (failure,) = await send(transport, outgoing(transport, "x", [message(1)]))
        except Unavailable as unavailable:
            return unavailable
        finally:
            await transport.close()
        return failure

    caplog.set_level("DEBUG")
    failure = asyncio.run(run())
    assert isinstance(failure, Unavailable)
    assert "127.0.0.1:1" in failure.reason
    assert "hush" not in failure.reason + caplog.text


def test_closing_settles_what_is_under_way(destination: Destination) -> None:
    async def run() -> list[Failure]:
        await destination.prepare()
        transport = destination.transport()
        await transport.open()
        first, *batch = outgoing(
            transport, destination.topic, [message(n, str(n)) for n in range(11)]
        )
        assert await send(transport, [first]) == [None]
        destination.pause()
        try:
            outcome = Outcome()
            outcome.expected = len(batch)
            await transport.send(batch, outcome.settled)
            await transport.close()
            await transport.close()
        finally:
            destination.go_on()
        await outcome.of(transport, [])
        failures = [outcome.failures[each.message.id] for each in batch]
        return failures + await send(transport, outgoing(transport, "x", [message(1)]))

    assert all(isinstance(failure, Unavailable) for failure in asyncio.run(run()))
