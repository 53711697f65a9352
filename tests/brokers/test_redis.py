"""What only Redis Streams do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
import redis
from brokers.destinations import Destination
from brokers.outgoing import Failure, message, outgoing, send

from agent_events.relay.failures import Refused, Unavailable
from agent_events.relay.message import Message
from agent_events.relay.transport import open_transport

Place = Callable[[str], Destination]


@pytest.fixture
def stream(place: Place) -> Destination:
    return place("redis")


@pytest.fixture
def admin(stream: Destination) -> redis.Redis:
    return redis.Redis(port=stream.server.port, decode_responses=True)


def deliver(
    stream: Destination, topic: str, messages: list[Message], **options: str
) -> list[Failure]:
    async def run() -> list[Failure]:
        transport = stream.transport(**options)
        try:
            await transport.open()
            return await send(transport, outgoing(transport, topic, messages))
        finally:
            await transport.close()

    return asyncio.run(run())


def test_key_that_is_no_stream_refuses_only_its_messages(
    stream: Destination, admin: redis.Redis
) -> None:
    """And nothing of an aggregate is taken after what was refused of it, by no other stream."""
    topic = f"{stream.name}:{{event_type}}"
    admin.set(f"{stream.name}:deal_bad", "no stream")
    messages = [
        message(0, "1", event_type="good"),
        message(1, "1", event_type="deal_bad"),
        message(2, "2", event_type="good"),
        message(3, "1", event_type="good"),
        message(4, "1", event_type="deal_bad"),
        message(5, None, event_type="good"),
    ]
    found = deliver(stream, topic, messages)
    assert [found[n] for n in (0, 2, 5)] == [None] * 3
    for n in (1, 3, 4):
        refused = found[n]
        assert isinstance(refused, Refused)
        assert refused.reason.startswith("WRONGTYPE")
        assert not refused.is_permanent
    positions = [fields["ce-position"] for _, fields in admin.xrange(f"{stream.name}:good")]
    assert sorted(positions) == ["0", "2", "5"]


def test_key_that_is_forbidden_refuses_only_its_messages(
    stream: Destination, admin: redis.Redis
) -> None:
    """The server takes none of the transaction; the others go one by one."""
    user = f"user{stream.name}"
    admin.acl_setuser(
        user,
        enabled=True,
        passwords="+hush-hush",
        keys=[f"{stream.name}:good"],
        categories=["+@all"],
    )
    messages = [message(n, str(n), event_type="shut" if n == 3 else "good") for n in range(10)]

    async def run() -> list[Failure]:
        url = stream.url.replace("//", f"//{user}:hush-hush@")
        transport = open_transport(url)
        await transport.open()
        topic = f"{stream.name}:{{event_type}}"
        found = await send(transport, outgoing(transport, topic, messages))
        await transport.close()
        return found

    found = asyncio.run(run())
    refused = found.pop(3)
    assert isinstance(refused, Refused)
    assert "hush" not in refused.reason
    assert found == [None] * 9
    assert admin.xlen(f"{stream.name}:good") == 9


def test_server_out_of_memory_is_waited_for(stream: Destination, admin: redis.Redis) -> None:
    admin.config_set("maxmemory", "1")
    try:
        found = deliver(stream, stream.topic, [message(1), message(2)])
    finally:
        admin.config_set("maxmemory", "0")
    assert all(isinstance(failure, Unavailable) for failure in found)
    assert "maxmemory" in str(found[0])


def test_streams_are_trimmed(stream: Destination, admin: redis.Redis) -> None:
    messages = [message(n) for n in range(2000)]
    assert deliver(stream, stream.topic, messages, maxlen="300") == [None] * 2000
    assert 300 <= admin.xlen(f"{stream.name}:acme") < 500


def test_wrong_password_is_not_told(stream: Destination) -> None:
    async def run() -> None:
        transport = open_transport(stream.url.replace("//", "//who:hush-hush@"))
        await transport.open()

    with pytest.raises(Unavailable) as denied:
        asyncio.run(run())
    assert "hush" not in denied.value.reason
    assert "invalid username-password" in denied.value.reason


@pytest.mark.parametrize(
    ("url", "options", "reason"),
    [
        ("redis://localhost:port", {}, "is no address"),
        ("redis://localhost", {"maxlen": "many"}, "must be a whole number"),
        ("redis://localhost", {"ca_file": "/nowhere"}, "TLS is for rediss://"),
    ],
)
def test_options_that_make_no_sense(url: str, options: dict[str, str], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        open_transport(url, **options)
