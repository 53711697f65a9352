"""Events of one tenant on their way, and what is known of how they fared."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from agent_events.models import EventArguments, Receipt

TENANT = "tenant_id"


@dataclass
class Batch:
    """Events that are committed together.

    transaction  id, and server instance, of the attempt whose commit was not answered
    receipts     what that attempt returned
    """

    tenant_id: str | None
    events: list[EventArguments]
    transaction: tuple[Any, ...] | None = None
    receipts: list[Receipt] = field(default_factory=list)

    @property
    def is_keyed(self) -> bool:
        """Whether it may be sent twice."""
        return all(event.get("idempotency_key") for event in self.events)

    def halves(self) -> list[Batch]:
        """Divide it, to find the events that are refused: the rest is stored in few statements."""
        middle = len(self.events) // 2
        return [
            Batch(self.tenant_id, self.events[:middle]),
            Batch(self.tenant_id, self.events[middle:]),
        ]

    def elements(self) -> list[dict[str, object]]:
        """Return the events as emit_events takes them: without what the batch has once."""
        return [
            {name: value for name, value in event.items() if value is not None and name != TENANT}
            for event in self.events
        ]


def batches_of(events: Iterable[EventArguments]) -> deque[Batch]:
    """Divide events by tenant; those of each keep their order."""
    by_tenant: dict[str | None, Batch] = {}
    for event in events:
        tenant_id = event.get("tenant_id")
        by_tenant.setdefault(tenant_id, Batch(tenant_id, [])).events.append(event)
    return deque(by_tenant.values())
