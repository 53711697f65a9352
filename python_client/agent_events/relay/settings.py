"""The settings of a relay."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from agent_events.relay.envelope import Mode


@dataclass(frozen=True)
class Settings:
    """What a relay process is told.

    relay       its name: where it stands is kept under it
    tenant_id   deliver this tenant's only; None = of all that the database role may relay for
    batch_size  messages in a claim
    window      messages in flight, at most
    lease       how long another worker waits for a silent one
    topic, mode, source
                of the envelope; None = the transport's default, and /<ledger name>/{tenant_id}
    grace       how long acknowledgements are waited for when it is told to stop
    once        end when nothing is due, and when the database or the destination is lost
    """

    relay: str
    tenant_id: str | None = None
    batch_size: int = 1000
    window: int = 1000
    lease: timedelta = timedelta(seconds=30)
    topic: str | None = None
    mode: Mode | None = None
    source: str | None = None
    grace: timedelta = timedelta(seconds=20)
    once: bool = False
