"""Handlers that process each event exactly once, however often a broker delivers it.

    @consumer("billing", pool)
    def bill(connection, event):
        connection.execute("insert into invoices values (%s, %s)", [event.id, event.data["amount"]])

    result = bill.process(message.headers, message.body)
    message.ack() if result.acknowledge else message.nack(delay=result.delay)

What the handler writes over `connection`, and that the event is processed, are one transaction.
docs/consuming.md says what is guaranteed, and to whom.
"""

from agent_events.consuming._async import AsyncConsumer
from agent_events.consuming._sync import Consumer
from agent_events.consuming.decorator import consumer
from agent_events.consuming.message import InboxEvent, MalformedMessage
from agent_events.consuming.result import Policy, Reject, Result, Retry

__all__ = [
    "AsyncConsumer",
    "Consumer",
    "InboxEvent",
    "MalformedMessage",
    "Policy",
    "Reject",
    "Result",
    "Retry",
    "consumer",
]
