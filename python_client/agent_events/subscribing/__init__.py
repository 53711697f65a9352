"""Iterators over a tenant's log that never end: `Ledger.subscribe`, `AsyncLedger.subscribe`."""

from agent_events.subscribing._async import AsyncSubscription
from agent_events.subscribing._sync import Subscription

__all__ = ["AsyncSubscription", "Subscription"]
