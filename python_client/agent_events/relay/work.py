"""What the loops of a relay share."""

from __future__ import annotations

from asyncio import Event
from collections.abc import Callable
from urllib.parse import quote

from agent_events._log import Log
from agent_events.relay.envelope import Outgoing, envelope
from agent_events.relay.failures import Unavailable
from agent_events.relay.lease import Lease, Pace
from agent_events.relay.message import Message
from agent_events.relay.metrics import Metrics
from agent_events.relay.settings import Settings
from agent_events.relay.templates import compile_topic
from agent_events.relay.transport import Transport

CONFIRM_AT = 1000
"""Delivered messages of a tenant that are confirmed at once, without waiting for the next time."""


class Work:
    """What the loops of a relay process share, and wake each other by.

    Args:
        settings: see there.
        transport: where messages go.
        log: is told what happens.

    Raises:
        ValueError: the topic is no template.

    leases       what is leased, by tenant, and `pace`: when to look for another one
    stopping     it was told to end, and is_open: it is connected to the destination
    to_claim, to_send, to_confirm
                 wake the loops
    is_claiming, is_sending
                 the loop has not ended
    has_worked   the database has answered a claim
    outgoing     puts messages into envelopes, from when the ledger's name is known
    unavailable  why the destination is lost, and destination_failures: how often in a row
    failure      what ends the process
    """

    def __init__(self, settings: Settings, transport: Transport, log: Log) -> None:
        self.settings = settings
        self.transport = transport
        self.log = log
        self.metrics = Metrics(settings.relay, lambda: self.in_flight)
        self.topic = compile_topic(
            settings.topic or transport.default_topic, relay=settings.relay, safe=transport.safe
        )
        self.outgoing: Callable[[Message], Outgoing] | None = None
        self.leases: dict[str, Lease] = {}
        self.pace = Pace()
        self.stopping = Event()
        self.is_open = Event()
        self.to_claim = Event()
        self.to_send = Event()
        self.to_confirm = Event()
        self.unavailable: Unavailable | None = None
        self.failure: Exception | None = None
        self.destination_failures = 0
        self.is_claiming = True
        self.is_sending = True
        self.has_worked = False

    @property
    def in_flight(self) -> int:
        """Messages that are sent and not acknowledged."""
        return sum(lease.window.in_flight for lease in self.leases.values())

    def stop(self) -> None:
        """Claim no more, wait for acknowledgements, confirm, and give the leases back."""
        if self.stopping.is_set():
            return
        self.stopping.set()
        for lease in self.leases.values():
            self.end(lease)
        self.wake()

    def wake(self) -> None:
        """Wake all loops."""
        for event in (self.to_claim, self.to_send, self.to_confirm):
            event.set()

    def envelope(self, ledger_name: str) -> Callable[[Message], Outgoing]:
        """Return what puts the messages of this ledger into envelopes."""
        return envelope(
            self.settings.mode or self.transport.default_envelope,
            source=self.settings.source or f"/{quote(ledger_name, safe='/')}/{{tenant_id}}",
            topic=self.topic,
            header_prefix=self.transport.header_prefix,
        )

    def changed(self, lease: Lease, failure: Unavailable | None) -> None:
        """Take down that something of a lease was settled, or that the destination is lost."""
        if failure is not None:
            self.unavailable = self.unavailable or failure
        elif lease.delivered:
            self.destination_failures = 0
        self.to_send.set()
        if lease.delivered >= CONFIRM_AT or lease.refused or lease.is_drained:
            self.to_confirm.set()

    def end(self, lease: Lease) -> None:
        """Claim no more under a lease, and send only what has to go before what was sent."""
        lease.is_ending = True
        lease.window.close()

    def lose(self, lease: Lease) -> None:
        """Forget a lease that another worker has."""
        if self.leases.get(lease.tenant_id) is lease:
            del self.leases[lease.tenant_id]
        lease.is_ending = True
        lease.window.abandon()
        self.count(lease)
        self.metrics.lease_losses += 1
        self.log("lease_lost", tenant=lease.tenant_id, token=lease.token)
        self.to_claim.set()

    def count(self, lease: Lease) -> None:
        """Count what was delivered under a lease."""
        if lease.delivered:
            self.metrics.published += lease.delivered
            self.metrics.add_latencies(lease.latencies)
            lease.delivered = 0
            lease.latencies.clear()
