"""Messages to send, and what becomes of them."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from typing import Any

from agent_events.relay.envelope import Mode, Outgoing, envelope
from agent_events.relay.failures import Refused, Unavailable
from agent_events.relay.message import Message
from agent_events.relay.templates import compile_topic
from agent_events.relay.transport import Transport

Failure = Refused | Unavailable | None


def message(position: int, aggregate: str | None = None, **fields: Any) -> Message:
    made: dict[str, Any] = {
        "tenant_id": "acme",
        "position": position,
        "id": str(uuid.uuid4()),
        "aggregate_type": aggregate and "deal",
        "aggregate_id": aggregate,
        "event_type": "deal.updated",
        "schema_version": 1,
        "payload": f'{{"n": {position}}}',
        "trace_id": str(uuid.uuid4()),
        "correlation_id": str(uuid.uuid4()),
        "created_at": "2026-01-31 12:00:00.123456+00",
        "headers": None,
        "attempts": 0,
        "is_retry": False,
    }
    return Message(**(made | fields))


def outgoing(
    transport: Transport, topic: str, messages: Sequence[Message], mode: Mode = "binary"
) -> list[Outgoing]:
    make = envelope(
        mode,
        source="/ledger/{tenant_id}",
        topic=compile_topic(topic, relay="test", safe=transport.safe),
        header_prefix=transport.header_prefix,
    )
    return [make(each) for each in messages]


class Outcome:
    """Sends, and remembers what each message was settled with; settling twice fails the test."""

    def __init__(self) -> None:
        self.failures: dict[str, Failure] = {}
        self.order: list[str] = []
        self.sizes: list[int] = []
        self.expected = 0
        self.twice: list[str] = []
        self._all = asyncio.Event()

    def settled(self, batch: Sequence[Outgoing], failure: Failure) -> None:
        self.sizes.append(len(batch))
        for one in batch:
            if one.message.id in self.failures:
                self.twice.append(one.message.id)
            self.failures[one.message.id] = failure
            self.order.append(one.message.id)
        if len(self.failures) >= self.expected:
            self._all.set()

    async def of(
        self, transport: Transport, batch: Sequence[Outgoing], seconds: float = 30
    ) -> list[Failure]:
        """Send a batch, and wait until each is settled."""
        self.expected += len(batch)
        self._all.clear()
        await transport.send(batch, self.settled)
        if len(self.failures) < self.expected:
            await asyncio.wait_for(self._all.wait(), seconds)
        assert self.twice == []
        return [self.failures[each.message.id] for each in batch]


async def send(transport: Transport, batch: Sequence[Outgoing]) -> list[Failure]:
    return await Outcome().of(transport, batch)
