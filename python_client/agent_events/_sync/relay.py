"""Relays. Generated from `_async/relay.py` by scripts/unasync."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple

from agent_events._queries import DEAD, RELAYS
from agent_events._sync.calling import Caller
from agent_events.models import (
    DeadMessage,
    Interval,
    OutboxClaim,
    OutboxMessage,
    ParkedMessage,
    RelaySettings,
    RelayStatus,
)


class Relays(Caller):
    """Delivering the outbox, and how far each relay is."""

    def claim_outbox(
        self,
        relay: str,
        *,
        batch_size: int | None = None,
        lease: Interval | None = None,
        tenant_id: str | None = None,
        token: int | None = None,
    ) -> OutboxClaim | None:
        """Lease the next messages of a tenant to the caller, or return None when nothing is due.

        The tenant is the one given, else one that waits. Up to `batch_size` (default 1,000)
        positions are handed out, and nobody else gets them while the `lease` (default 30 seconds)
        lasts. `token`, with `tenant_id`, goes on under a lease that the caller holds; raises
        `errors.LeaseLost` when it does not any more. Commit before you read.
        """
        rows = self._rows(
            "claim_outbox",
            {
                "relay": relay,
                "batch_size": batch_size,
                "lease": lease,
                "tenant_id": tenant_id,
                "token": token,
            },
        )
        if not rows:
            return None
        name, tenant, held, after_position, through_position, retries = rows[0]
        return OutboxClaim(name, tenant, held, after_position, through_position, tuple(retries))

    def read_outbox(self, claim: OutboxClaim) -> list[OutboxMessage]:
        """Return the messages of a claim: those that are tried again, then the new ones in order.

        There may be none: confirm `claim.through_position` then, too.
        """
        row = (*astuple(claim)[:-1], list(claim.retries))
        return [OutboxMessage(*row) for row in self._rows("read_outbox", {"claim": row})]

    def confirm_outbox(
        self,
        relay: str,
        token: int,
        *,
        through_position: int | None = None,
        retried: Sequence[int] | None = None,
        release: bool | None = None,
        tenant_id: str | None = None,
    ) -> None:
        """Say that everything up to `through_position`, and these retries, is delivered.

        Renews the lease, or gives it back (`release`). Raises `errors.LeaseLost` when another
        worker took over: nothing is confirmed then.
        """
        self._rows(
            "confirm_outbox",
            {
                "relay": relay,
                "token": token,
                "through_position": through_position,
                "retried": list(retried) if retried else None,
                "release": release,
                "tenant_id": tenant_id,
            },
        )

    def fail_outbox(
        self,
        relay: str,
        token: int,
        position: int,
        error: str,
        *,
        retry_after: Interval | None = None,
        is_permanent: bool | None = None,
        tenant_id: str | None = None,
    ) -> ParkedMessage:
        """Say that a message was not taken: it is parked, and tried again after a growing pause.

        What was handed out of its aggregate after it is parked behind it: do not deliver it now.
        With `is_permanent`, or after the relay's last attempt, it is dead, and nothing waits.
        Raises `errors.LeaseLost` when another worker took over.
        """
        rows = self._rows(
            "fail_outbox",
            {
                "relay": relay,
                "token": token,
                "position": position,
                "error": error,
                "retry_after": retry_after,
                "is_permanent": is_permanent,
                "tenant_id": tenant_id,
            },
        )
        return ParkedMessage(*rows[0])

    def requeue_dead(
        self, relay: str, *, position: int | None = None, tenant_id: str | None = None
    ) -> int:
        """Have dead messages tried again: the one at this position, or all. Returns how many."""
        rows = self._rows(
            "requeue_dead", {"relay": relay, "position": position, "tenant_id": tenant_id}
        )
        count: int = rows[0][0]
        return count

    def discard_dead(
        self, relay: str, position: int, reason: str, *, tenant_id: str | None = None
    ) -> int:
        """Give the dead message at this position up for good. Returns how many that were."""
        rows = self._rows(
            "discard_dead",
            {"relay": relay, "position": position, "reason": reason, "tenant_id": tenant_id},
        )
        count: int = rows[0][0]
        return count

    def rewind_relay(self, relay: str, to_position: int, *, tenant_id: str | None = None) -> None:
        """Have a relay go on at this position of the tenant's log: back, or forth to pass over."""
        self._rows(
            "rewind_relay", {"relay": relay, "to_position": to_position, "tenant_id": tenant_id}
        )

    def set_relay(
        self,
        relay: str,
        *,
        event_types: Sequence[str] | None = None,
        max_attempts: int | None = None,
        min_backoff: Interval | None = None,
        max_backoff: Interval | None = None,
    ) -> RelaySettings:
        """Make a relay, or set all its settings anew: what is None gets its default."""
        rows = self._rows(
            "set_relay",
            {
                "relay": relay,
                "event_types": event_types,
                "max_attempts": max_attempts,
                "min_backoff": min_backoff,
                "max_backoff": max_backoff,
            },
        )
        name, types, *settings = rows[0]
        return RelaySettings(name, None if types is None else tuple(types), *settings)

    def drop_relay(self, relay: str) -> None:
        """Forget a relay, and where it stood with every tenant."""
        self._rows("drop_relay", {"relay": relay})

    def relays(self, relay: str | None = None) -> list[RelayStatus]:
        """Return how far each relay is with each tenant, or this relay only."""
        with self._cursor() as cursor:
            cursor.execute(RELAYS, {"relay": relay})
            return [RelayStatus(*row) for row in cursor.fetchall()]

    def dead_messages(self, relay: str, *, tenant_id: str | None = None) -> list[DeadMessage]:
        """Return what a relay gave up, of one tenant or of all."""
        with self._cursor() as cursor:
            cursor.execute(DEAD, {"relay": relay, "tenant_id": tenant_id})
            return [DeadMessage(*row) for row in cursor.fetchall()]
