"""The commands of docs/relay-destinations.md, each with the brokers of the tests."""

from __future__ import annotations

import asyncio
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aio_pika
import psycopg
import pytest
from brokers.webhook_server import SECRET
from click.testing import CliRunner

from agent_events.cli import main

PAGE = Path(__file__).parents[2] / "docs" / "relay-destinations.md"
COMMANDS = re.findall(r"^\$ agent-events (relay run .*)$", PAGE.read_text(), re.MULTILINE)
PORTS = {"4222": "nats", "6379": "redis", "5672": "rabbitmq", "9092": "kafka"}


@pytest.mark.parametrize("command", COMMANDS)
def test_command_delivers(
    command: str,
    pg: psycopg.Connection[Any],
    dsn: str,
    servers: Callable[[str], Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pg.execute("select ledger.register_event_type('test.happened', '{}')")
    pg.execute("select ledger.emit_event('test.happened')")
    monkeypatch.setenv("AGENT_EVENTS_DSN", dsn)
    monkeypatch.setenv("WEBHOOK_SECRET", SECRET)
    text = re.sub(r"localhost:(\d+)", lambda found: address(servers(PORTS[found[1]])), command)
    if "example.com" in text:
        receiver = servers("webhook")
        text = text.replace("https://example.com", receiver.url)
        text = text.replace("/etc/agent-events/webhook", str(receiver.secret_file))
    if "amqp" in text:
        asyncio.run(bind(servers("rabbitmq").url))
    done = CliRunner().invoke(main, [*shlex.split(text), "--once"])
    assert done.exit_code == 0, done.output
    assert "published=1" in done.output


def address(server: Any) -> str:
    return str(getattr(server, "bootstrap", "") or f"127.0.0.1:{server.port}")


async def bind(url: str) -> None:
    """A queue for what the ledger's only tenant here says."""
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel()
        exchange = await channel.declare_exchange("ledger", "topic", durable=True)
        queue = await channel.declare_queue("everything", durable=True)
        for each in (exchange.name, "amq.topic"):
            await queue.bind(each, "default.#")
