"""What only NATS JetStream does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nats.aio.client
import pytest
from brokers.destinations import Destination
from brokers.outgoing import Failure, message, outgoing, send
from brokers.servers import Nats

from agent_events.relay.failures import Refused, Unavailable
from agent_events.relay.transport import open_transport

Place = Callable[[str], Destination]


@pytest.fixture
def stream(place: Place) -> Destination:
    return place("nats")


def failures(url: str, topic: str, count: int = 1, **options: str) -> list[Failure]:
    async def run() -> list[Failure]:
        transport = open_transport(url, **options)
        try:
            await transport.open()
            messages = [message(n) for n in range(count)]
            return await send(transport, outgoing(transport, topic, messages))
        finally:
            await transport.close()

    return asyncio.run(run())


def test_what_comes_twice_is_stored_once(stream: Destination) -> None:
    async def run() -> int:
        transport = stream.transport()
        await transport.open()
        batch = outgoing(transport, stream.topic, [message(n) for n in range(10)])
        for _ in range(2):
            assert await send(transport, batch) == [None] * 10
        await transport.close()
        return len(await stream.received())

    assert asyncio.run(run()) == 10


def test_stream_is_made_as_asked(stream: Destination) -> None:
    async def run() -> Any:
        transport = stream.transport(create="memory", duplicate_window="90")
        await transport.open()
        await transport.close()
        client = nats.aio.client.Client()
        await client.connect(stream.url)
        info = await client.jetstream().stream_info(stream.name)
        await client.close()
        return info.config

    config = asyncio.run(run())
    assert config.subjects == [f"{stream.name}.>"]
    assert (config.storage, config.duplicate_window) == ("memory", 90)


def test_stream_that_is_named_must_be_there(stream: Destination) -> None:
    with pytest.raises(Unavailable, match="no stream nowhere"):
        failures(stream.url, "x", stream="nowhere")


def test_subject_of_no_stream_is_refused(stream: Destination) -> None:
    refused, also = failures(stream.url, f"{stream.name}.{{event_type}}", 2)
    assert isinstance(refused, Refused)
    assert isinstance(also, Refused)
    assert refused.reason == f"no stream has the subject {stream.name}.deal.updated"
    assert not refused.is_permanent


def test_subject_of_another_stream_is_refused(stream: Destination) -> None:
    """`stream=` is the stream that must take it."""

    async def run() -> list[Failure]:
        first = stream.transport()
        await first.open()
        await first.close()
        other = stream.transport(stream=f"{stream.name}x", subjects=f"{stream.name}x.>")
        await other.open()
        found = await send(other, outgoing(other, stream.topic, [message(1)]))
        await other.close()
        return found

    (refused,) = asyncio.run(run())
    assert isinstance(refused, Refused)
    assert "expected stream does not match" in refused.reason


def test_stream_that_is_full_is_waited_for(stream: Destination) -> None:
    async def run() -> list[Failure]:
        client = nats.aio.client.Client()
        await client.connect(stream.url)
        await client.jetstream().add_stream(
            name=stream.name, subjects=[f"{stream.name}.>"], max_msgs=2, discard="new"
        )
        await client.close()
        transport = stream.transport()
        await transport.open()
        found = await send(
            transport, outgoing(transport, stream.topic, [message(n) for n in range(3)])
        )
        await transport.close()
        return found

    *taken, full = asyncio.run(run())
    assert taken == [None, None]
    assert isinstance(full, Unavailable)
    assert "maximum messages exceeded" in full.reason


class Guarded(Nats):
    """With a login that may publish to ledger.open.> only."""

    def command(self) -> list[str]:
        command = super().command()
        with Path(command[-1]).open("a") as config:
            config.write(
                'authorization { users: [ { user: relay, password: "hush-hush", permissions: {'
                ' publish: ["ledger.open.>", "$JS.API.>"], subscribe: ">" } } ] }\n'
            )
        return list(command)


def test_subject_that_is_forbidden_is_refused(tmp_path: Path) -> None:
    server = Guarded(tmp_path)
    server.start()
    try:
        login = server.url.replace("//", "//relay:hush-hush@")
        options = {"stream": "LEDGER", "create": "memory", "subjects": "ledger.>"}
        assert failures(login, "ledger.open.x", **options) == [None]
        (refused,) = failures(login, "ledger.shut.x", **options)
        assert isinstance(refused, Refused)
        assert refused.reason == "not allowed to publish to ledger.shut.x"
        with pytest.raises(Unavailable) as denied:
            failures(server.url.replace("//", "//relay:wrong@"), "ledger.open.x")
        assert "wrong" not in denied.value.reason
    finally:
        server.stop()


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"create": "file"}, "needs the stream's name"),
        ({"stream": "x", "create": "paper"}, "must be one of file, memory"),
        ({"timeout": "soon"}, "must be seconds"),
        ({"stream": "x", "create": "file", "replicas": "0"}, "must be a whole number"),
        ({"ca_file": "/nowhere"}, "there is no such file"),
        ({"colour": "red"}, "has no option colour"),
    ],
)
def test_options_that_make_no_sense(options: dict[str, str], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        open_transport("nats://localhost", **options)
