"""What a destination has to be able to do, and which there are."""

from __future__ import annotations

import inspect
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import ClassVar
from urllib.parse import urlsplit

from agent_events.relay.envelope import Mode, Outgoing
from agent_events.relay.failures import Refused, Unavailable

Settled = Callable[[Sequence[Outgoing], Refused | Unavailable | None], None]
"""Is told what became of messages: None = the destination has acknowledged each of them."""

_SCHEMES = {
    "nats": ("nats", "NatsTransport"),
    "kafka": ("kafka", "KafkaTransport"),
    "amqp": ("rabbitmq", "RabbitmqTransport"),
    "amqps": ("rabbitmq", "RabbitmqTransport"),
    "redis": ("redis", "RedisTransport"),
    "rediss": ("redis", "RedisTransport"),
    "http": ("webhook", "WebhookTransport"),
    "https": ("webhook", "WebhookTransport"),
    "stdout": ("stdout", "StdoutTransport"),
    "file": ("stdout", "StdoutTransport"),
    "postgresql": ("postgres", "PostgresTransport"),
    "postgres": ("postgres", "PostgresTransport"),
}
FORMS = (
    "nats://…, kafka://…, amqp(s)://…, redis(s)://…, http(s)://…, postgresql://…, stdout:, "
    "file:PATH"
)
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]")
_UNSAFE_BUT_DOTS = re.compile(r"[^A-Za-z0-9_.-]")


class MissingExtra(ValueError):
    """A package is not installed; the message says which extra has it."""


class Transport(ABC):
    """Where messages go. The engine calls it in one event loop, `send` never twice at once.

    A transport is told how to reach its destination when it is made, and options by keyword, as
    text (`--option max_age=60`); it refuses with ValueError what can never work. It may be opened
    again after it was closed.

    header_prefix     before each CloudEvents attribute in a header, by the protocol's binding
    default_envelope  'binary' (attributes in headers) or 'structured' (all in the body)
    default_topic     template for the topic, where none is given
    at_once           how many messages it is given in a call, at most
    keeps_order       may be given several messages of an aggregate at once: if one of them is not
                      taken, no later one of that aggregate is, either. These are settled in order,
                      after the first with a failure of the same kind.
    """

    header_prefix: ClassVar[str] = "ce-"
    default_envelope: ClassVar[Mode] = "binary"
    default_topic: ClassVar[str] = "{event_type}"
    at_once: ClassVar[int] = 500
    keeps_order: ClassVar[bool] = False

    def __init__(self, url: str) -> None:
        self.url = url

    @property
    def destination(self) -> str:
        """The address as it may be shown: without user, password and parameters."""
        return shown(self.url)

    @classmethod
    def safe(cls, field: str, value: str) -> str:
        """Make a value safe within a topic; field is its name in the template.

        It must be able to add neither a level nor a wildcard, but that the dots of an event type
        are its own. Two values may become the same.
        """
        return (_UNSAFE_BUT_DOTS if field == "event_type" else _UNSAFE).sub("_", value)

    @abstractmethod
    async def open(self) -> None:
        """Connect.

        Raises:
            Unavailable: not now; it is tried again.
            ValueError: this can never work.
        """

    @abstractmethod
    async def send(self, batch: Sequence[Outgoing], settled: Settled) -> None:
        """Begin to send messages of one tenant; return as soon as more can be taken.

        `settled` is told of each message exactly once, of one or of many in a call, in the event
        loop's thread, during this call or later: with None only when the destination has
        acknowledged it, with Refused when it does not want it, with Unavailable when the connection
        was lost or there was no answer in time. A message that is settled with Unavailable may have
        arrived all the same. Nothing is raised for a message. Of one lease it is the same function
        each time.
        """

    @abstractmethod
    async def close(self) -> None:
        """Disconnect. Flushes nothing and waits for nothing; does no harm when it is not open."""


def open_transport(url: str, **options: str) -> Transport:
    """Return the transport that a URL names; it connects when it is opened.

    Raises:
        MissingExtra: its client is not installed.
        ValueError: there is none for this URL, or not with these options.
    """
    scheme = url.partition(":")[0]
    if scheme not in _SCHEMES or ":" not in url:
        raise ValueError(f"{shown(url)} is no destination: there are {FORMS}")
    module, name = _SCHEMES[scheme]
    try:
        transport: type[Transport] = getattr(
            import_module(f"agent_events.relay.transports.{module}"), name
        )
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("agent_events."):
            raise
        raise MissingExtra(
            f"{scheme}: needs a package that is not installed ({error.name}): "
            f"pip install 'agent-events[relay-{module}]'"
        ) from error
    known = [name for name in inspect.signature(transport).parameters if name != "url"]
    if unknown := sorted(options.keys() - set(known)):
        there_are = f"there are {', '.join(known)}" if known else "there are none"
        raise ValueError(f"{scheme}: has no option {', '.join(unknown)}; {there_are}")
    return transport(url, **options)


def shown(url: str) -> str:
    """Return an address without what may be a secret: user, password, parameters."""
    parts = urlsplit(url)
    if not parts.netloc:
        return url.partition("?")[0]
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()
