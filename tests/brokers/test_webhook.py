"""Receivers that misbehave."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from brokers.destinations import Destination
from brokers.outgoing import Failure, message, outgoing, send
from brokers.webhook_server import SECRET
from standardwebhooks.webhooks import Webhook

from agent_events.relay.failures import Refused, Unavailable
from agent_events.relay.transport import Transport, open_transport

Place = Callable[[str], Destination]


@pytest.fixture
def receiver(place: Place) -> Any:
    return place("webhook").server


def deliver(receiver: Any, path: str, count: int = 1, **options: str) -> list[Failure]:
    async def run() -> list[Failure]:
        transport = open_transport(
            f"{receiver.url}/{path}", **({"secret_file": str(receiver.secret_file)} | options)
        )
        await transport.open()
        messages = [message(n, str(n)) for n in range(count)]
        found = await send(transport, outgoing(transport, "x", messages))
        await transport.close()
        return found

    return asyncio.run(run())


@pytest.mark.parametrize("status", [400, 404, 405, 410, 413, 422, 431, 451])
def test_statuses_for_which_a_message_is_dead(receiver: Any, status: int) -> None:
    (refused,) = deliver(receiver, f"say/{status}")
    assert isinstance(refused, Refused)
    assert refused.is_permanent
    assert refused.reason == f"HTTP {status} so: you said {status}"


@pytest.mark.parametrize("status", [408, 409, 425, 500, 501, 502, 504])
def test_statuses_for_which_a_message_is_tried_again(receiver: Any, status: int) -> None:
    (refused,) = deliver(receiver, f"say/{status}/7")
    assert isinstance(refused, Refused)
    assert not refused.is_permanent
    assert refused.retry_after == timedelta(seconds=7)


@pytest.mark.parametrize("status", [301, 302, 307, 308, 401, 407])
def test_statuses_for_which_nothing_is_delivered(receiver: Any, status: int) -> None:
    """A login or an address is wrong. Redirects are not followed, and get no signature."""
    before = len(receiver.requests("/elsewhere"))
    (unavailable,) = deliver(receiver, f"say/{status}")
    assert isinstance(unavailable, Unavailable)
    assert f"HTTP {status}" in unavailable.reason
    assert len(receiver.requests("/elsewhere")) == before


@pytest.mark.parametrize("status", [429, 503])
def test_receiver_that_wants_a_pause_gets_it(receiver: Any, status: int) -> None:
    async def run() -> tuple[list[Failure], list[Failure], Unavailable]:
        transport = open_transport(
            f"{receiver.url}/say/{status}/60",
            secret_file=str(receiver.secret_file),
            concurrency="1",
        )
        await transport.open()
        batch = outgoing(transport, "x", [message(n, str(n)) for n in range(20)])
        first = await send(transport, batch)
        second = await send(transport, batch)
        await transport.close()
        with pytest.raises(Unavailable) as caught:
            await transport.open()
        return first, second, caught.value

    before = len(receiver.requests(f"/say/{status}/60"))
    first, second, reopened = asyncio.run(run())
    assert len(receiver.requests(f"/say/{status}/60")) == before + 1
    for failure in [*first, *second, reopened]:
        assert isinstance(failure, Unavailable)
        assert failure.retry_after is not None
        assert timedelta(seconds=50) < failure.retry_after <= timedelta(seconds=60)


def test_pause_until_a_date(receiver: Any) -> None:
    until = format_datetime(datetime.now(UTC) + timedelta(minutes=5), usegmt=True)
    (failure,) = deliver(receiver, f"say/503/{until.replace(' ', '_')}")
    assert isinstance(failure, Unavailable)
    assert failure.retry_after is not None
    assert timedelta(minutes=4) < failure.retry_after <= timedelta(minutes=5)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("-5", None), ("soon", None), ("0", 0), ("99999999999999", 86_400)],
)
def test_pauses_that_make_no_sense(receiver: Any, value: str, seconds: float | None) -> None:
    (failure,) = deliver(receiver, f"say/500/{value}")
    assert isinstance(failure, Refused)
    assert failure.retry_after == (None if seconds is None else timedelta(seconds=seconds))


def test_receiver_that_hangs(receiver: Any) -> None:
    (failure,) = deliver(receiver, "hang", timeout="0.5")
    assert isinstance(failure, Refused)
    assert failure.reason == "no answer in 0.5 s"


def test_receiver_that_never_ends(receiver: Any) -> None:
    """It sends byte after byte: the time limit is for the whole request."""
    (failure,) = deliver(receiver, "drip", timeout="0.5")
    assert isinstance(failure, Refused)
    (failure,) = deliver(receiver, "bloat")
    assert isinstance(failure, Refused)
    assert len(failure.reason) < 300


@pytest.mark.parametrize("path", ["cut", "slam"])
def test_receiver_that_hangs_up(receiver: Any, path: str) -> None:
    before = len(receiver.requests(f"/{path}"))
    (failure,) = deliver(receiver, path)
    assert isinstance(failure, Refused)
    assert not failure.is_permanent
    assert len(receiver.requests(f"/{path}")) == before + 2


def test_receiver_that_hung_up_once(receiver: Any) -> None:
    """As happens with connections that were idle: not even counted as an attempt."""
    assert deliver(receiver, "once/slam") == [None]


def test_outage_does_not_use_up_attempts(receiver: Any) -> None:
    """A few failures are the messages'; when all fail, it is the receiver."""
    found = deliver(receiver, "say/500", 30, concurrency="1")
    assert [type(failure) for failure in found] == [Refused] * 9 + [Unavailable] * 21


def test_signatures_and_attempts(receiver: Any) -> None:
    """Each attempt has a time and a signature of its own, and the same id."""

    async def run(transport: Transport) -> list[Failure]:
        await transport.open()
        batch = outgoing(transport, "x", [message(1, headers={"x-note": "ü"})])
        found = await send(transport, batch) + await send(transport, batch)
        await transport.close()
        return found

    url = f"{receiver.url}/once/say/500"
    transport = open_transport(url, secret_file=str(receiver.secret_file))
    refused, taken = asyncio.run(run(transport))
    assert isinstance(refused, Refused)
    assert taken is None
    first, second = receiver.requests("/once/say/500")[-2:]
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    for request in (first, second):
        Webhook(SECRET).verify(request.body, request.headers)
    assert first.headers["user-agent"].startswith("agent-events/")


def test_several_secrets(
    receiver: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """While a secret is being changed: signed with both, and either verifies."""
    other = "whsec_" + base64.b64encode(b"y" * 24).decode()
    monkeypatch.setenv("HOOK_SECRETS", f"{other} {SECRET}")
    caplog.set_level("DEBUG")

    async def run() -> list[Failure]:
        transport = open_transport(f"{receiver.url}/two", secret_env="HOOK_SECRETS")
        await transport.open()
        found = await send(transport, outgoing(transport, "x", [message(1)]))
        await transport.close()
        return found

    assert asyncio.run(run()) == [None]
    request = receiver.accepted("/two")[-1]
    for secret in (other, SECRET):
        Webhook(secret).verify(request.body, request.headers)
        assert secret not in caplog.text


def test_wrong_secret(receiver: Any, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("whsec_" + base64.b64encode(b"z" * 32).decode())
    (refused,) = deliver(receiver, "x", secret_file=str(secret))
    assert isinstance(refused, Refused)
    assert "No matching signature" in refused.reason


def test_topic_in_the_path(receiver: Any) -> None:
    async def run() -> list[Failure]:
        url = f"{receiver.url}/of/{{topic}}"
        transport = open_transport(url, secret_file=str(receiver.secret_file))
        await transport.open()
        template = "{tenant_id}.{aggregate_id}"
        found = await send(transport, outgoing(transport, template, [message(1, "../a?b#c")]))
        await transport.close()
        return found

    assert asyncio.run(run()) == [None]
    assert receiver.accepted("/of/")[-1].path == "/of/acme.___a_b_c"


def test_password_is_sent_but_never_told(receiver: Any) -> None:
    """Not even when the receiver says it again."""

    async def run() -> list[Failure]:
        url = f"{receiver.url}/echo".replace("//", "//user:hush-hush@")
        transport = open_transport(url, secret_file=str(receiver.secret_file))
        await transport.open()
        found = await send(transport, outgoing(transport, "x", [message(1)]))
        await transport.close()
        return found

    (refused,) = asyncio.run(run())
    sent = receiver.requests("/echo")[-1].headers["authorization"]
    assert base64.b64decode(sent.removeprefix("Basic ")) == b"user:hush-hush"
    assert isinstance(refused, Refused)
    assert sent.removeprefix("Basic ") not in refused.reason


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({}, "needs secret_env or secret_file, or unsigned=yes"),
        ({"secret_env": "NO_SUCH_VARIABLE"}, "is empty"),
        ({"secret_file": "/nowhere"}, "cannot be read"),
        ({"secret_env": "BAD_SECRET"}, "must be whsec_ and base64 of 24 to 64 bytes"),
        ({"secret_env": "X", "secret_file": "y"}, "one of them"),
        ({"unsigned": "yes", "concurrency": "0"}, "must be a whole number"),
    ],
)
def test_options_that_make_no_sense(
    options: dict[str, str], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BAD_SECRET", "whsec_aHVzaA==")
    with pytest.raises(ValueError, match=reason) as caught:
        open_transport("https://example.com/hook", **options)
    assert "aHVzaA" not in str(caught.value)
