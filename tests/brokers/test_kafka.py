"""What only Kafka does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from brokers.destinations import Destination, Received
from brokers.outgoing import Failure, Outcome, message, outgoing
from brokers.servers import Kafka
from brokers.test_delivery import by_aggregate

from agent_events.relay.failures import Refused, Unavailable
from agent_events.relay.transport import open_transport
from agent_events.relay.transports import kafka
from agent_events.relay.transports.kafka import KafkaTransport, _Batch

Place = Callable[[str], Destination]
MSG_SIZE_TOO_LARGE, NOT_LEADER, TOPIC_AUTHORIZATION_FAILED = 10, 6, 29


@pytest.fixture
def topic(place: Place) -> Destination:
    return place("kafka")


def deliver_all(
    topic: Destination, count: int, *errors: int, aggregates: int = 5
) -> tuple[list[Refused], int, list[Received]]:
    """Deliver messages, as the engine would, while requests fail so.

    Returns what was refused, how often the connection was given up, and what arrived.
    """
    messages = [message(n, str(n % aggregates)) for n in range(count)]

    async def run() -> tuple[list[Refused], int, list[Received]]:
        transport = topic.transport()
        refused: list[Refused] = []
        left, losses = messages, 0
        await transport.open()
        warm = outgoing(transport, topic.topic, [message(-1)])
        assert await Outcome().of(transport, warm) == [None]
        topic.server.tell("fail " + " ".join(map(str, errors)))
        while left:
            outcome = Outcome()
            batch = outgoing(transport, topic.topic, left)
            found = await outcome.of(transport, batch)
            refused += [failure for failure in found if isinstance(failure, Refused)]
            left = [m for m, f in zip(left, found, strict=True) if isinstance(f, Unavailable)]
            if left:
                losses += 1
                await transport.close()
                await transport.open()
        await transport.close()
        return refused, losses, await topic.received()

    return asyncio.run(run())


def test_errors_that_pass_are_retried_by_the_client(topic: Destination) -> None:
    refused, losses, received = deliver_all(topic, 500, NOT_LEADER, NOT_LEADER)
    assert (refused, losses) == ([], 0)
    lanes = by_aggregate([each for each in received if "ce_subject" in each.headers])
    assert lanes == {f"deal/{n}": list(range(n, 500, 5)) for n in range(5)}


def test_batch_that_is_too_large_is_taken_apart(topic: Destination) -> None:
    """A batch was refused, for one of its messages nobody knows: so they go one by one."""
    refused, losses, received = deliver_all(topic, 500, MSG_SIZE_TOO_LARGE)
    assert (refused, losses) == ([], 1)
    lanes = by_aggregate([each for each in received if "ce_subject" in each.headers])
    assert lanes == {f"deal/{n}": list(range(n, 500, 5)) for n in range(5)}


def test_message_that_the_broker_finds_too_large_is_refused_for_good(topic: Destination) -> None:
    errors = [MSG_SIZE_TOO_LARGE] * 2
    refused, losses, received = deliver_all(topic, 50, *errors, aggregates=1)
    assert [failure.is_permanent for failure in refused] == [True]
    assert losses == 2
    lanes = by_aggregate([each for each in received if "ce_subject" in each.headers])
    assert all(positions == sorted(positions) for positions in lanes.values())
    assert sum(map(len, lanes.values())) + len(refused) == 50


def test_after_a_time_alone_messages_go_in_batches_again(
    topic: Destination, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So the next batch that is refused is lost, and none of its messages refused."""
    messages = [message(n, str(n % 5)) for n in range(200)]

    async def run() -> tuple[list[Failure], list[Failure], list[str]]:
        transport, outcome = topic.transport(), Outcome()
        await transport.open()
        batch = outgoing(transport, topic.topic, messages)
        await Outcome().of(transport, outgoing(transport, topic.topic, [message(-1)]))
        topic.server.tell(f"fail {MSG_SIZE_TOO_LARGE}")
        await Outcome().of(transport, batch)
        await transport.open()
        outcome.expected = 100
        await transport.send(batch[:100], outcome.settled)
        assert isinstance(transport, KafkaTransport)
        assert transport._is_alone
        assert len(outcome.order) < 100
        monkeypatch.setattr(kafka, "ALONE_FOR", 0)
        found = await outcome.of(transport, batch[100:])
        topic.server.tell(f"fail {MSG_SIZE_TOO_LARGE}")
        lost = await Outcome().of(transport, batch[:100])
        await transport.close()
        return found, lost, outcome.order

    found, lost, order = asyncio.run(run())
    assert found == [None] * 100
    assert order == [each.id for each in messages]
    assert any(isinstance(failure, Unavailable) for failure in lost)
    assert not any(isinstance(failure, Refused) for failure in lost)


def test_topic_that_is_forbidden_refuses(topic: Destination) -> None:
    refused, _, _ = deliver_all(topic, 1, TOPIC_AUTHORIZATION_FAILED)
    assert len(refused) == 1
    assert not refused[0].is_permanent


def test_messages_of_an_aggregate_for_several_topics_stay_in_order(topic: Destination) -> None:
    messages = [message(n, "1", event_type=f"type{n % 3}") for n in range(60)]
    order: list[str] = []

    async def run() -> list[Failure]:
        transport = topic.transport()
        await transport.open()
        outcome = Outcome()
        batch = outgoing(transport, f"{topic.name}.{{event_type}}", messages)
        found = await outcome.of(transport, batch)
        order.extend(outcome.order)
        await transport.close()
        return found

    assert asyncio.run(run()) == [None] * 60
    assert order == [each.id for each in messages]


def test_what_is_too_large_waits_for_its_turn_and_stops_its_aggregate(topic: Destination) -> None:
    """Also with several topics: nothing of it is taken by another one."""
    large = f'"{"x" * 600_000}"'
    messages = [
        message(n, "1", event_type=f"type{n % 3}", payload=large if n == 7 else "1")
        for n in range(12)
    ] + [message(99, "2")]
    order: list[str] = []

    async def run() -> list[Failure]:
        transport = topic.transport()
        await transport.open()
        outcome = Outcome()
        batch = outgoing(transport, f"{topic.name}.{{event_type}}", messages)
        found = await outcome.of(transport, batch)
        order.extend(outcome.order)
        await transport.close()
        return found

    *found, other = asyncio.run(run())
    assert other is None
    assert found[:7] == [None] * 7
    assert all(isinstance(failure, Refused) for failure in found[7:])
    ids = [each.id for each in messages[:12]]
    assert [each for each in order if each in ids] == ids


def test_after_a_failure_only_what_is_known_to_be_acknowledged_counts(topic: Destination) -> None:
    """Reports tell keys: where only some of a key came, all of the key are sent again."""
    batch = _Batch(0, topic.topic, [])
    keys = ["1", "1", "2", "2", "3", "1"]
    messages = [message(n, key) for n, key in enumerate(keys)]
    batch.sent += outgoing(topic.transport(), topic.topic, messages)
    batch.acknowledged += [b"deal/2", b"deal/1", b"deal/2", b"deal/1"]
    assert not batch.is_acknowledged
    known = [
        each.message.position for each, is_acknowledged, _ in batch.outcomes() if is_acknowledged
    ]
    assert known == [2, 3]
    batch.acknowledged += [b"deal/3", b"deal/1"]
    assert batch.is_acknowledged
    assert all(is_acknowledged for _, is_acknowledged, _ in batch.outcomes())


def test_producer_whose_queue_is_full(topic: Destination) -> None:
    async def run() -> list[Failure]:
        transport = open_transport(f"{topic.url}&queue.buffering.max.messages=10")
        await transport.open()
        messages = [message(n, str(n % 3)) for n in range(300)]
        outcome = Outcome()
        found = await outcome.of(transport, outgoing(transport, topic.topic, messages))
        await transport.close()
        assert 0 not in outcome.sizes
        return found

    assert asyncio.run(run()) == [None] * 300


def test_cluster_that_is_gone_for_good(tmp_path: Path) -> None:
    server = Kafka(tmp_path)
    server.start()

    async def run() -> list[Failure]:
        transport = open_transport(server.url, timeout="1")
        await transport.open()
        batch = outgoing(transport, "ledger", [message(n, str(n)) for n in range(20)])
        assert await Outcome().of(transport, batch[:10]) == [None] * 10
        server.stop()
        found = await Outcome().of(transport, batch[10:])
        await transport.close()
        return found

    try:
        found = asyncio.run(run())
    finally:
        server.stop()
    assert all(isinstance(failure, Unavailable) for failure in found)
    assert "no progress in 1 s" in str(found[0])


def test_settings_from_a_file(tmp_path: Path, topic: Destination) -> None:
    settings = tmp_path / "kafka.properties"
    settings.write_text("# secrets\n\ncompression.type = lz4\n")
    open_transport(topic.url, config=str(settings))


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("kafka://localhost/?acks=0", "acks is the relay's own setting"),
        ("kafka://localhost/?enable.idempotence=false", "the relay's own setting"),
        ("kafka://localhost/?colour=red", "colour"),
        ("kafka:///", "names no server"),
    ],
)
def test_settings_that_make_no_sense(url: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        open_transport(url)
