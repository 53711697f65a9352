"""The loop of a relay that confirms."""

from __future__ import annotations

from time import monotonic
from typing import Any

from agent_events import errors
from agent_events.relay.lease import Lease
from agent_events.relay.outbox import Outbox
from agent_events.relay.pausing import wait
from agent_events.relay.work import Work

CONFIRM_EVERY = 0.1
"""Seconds between confirmations; sooner when `work.CONFIRM_AT` are delivered, or all are."""


class Confirming:
    """Confirms, parks what was refused, renews leases and gives them back.

    outbox  its connection, None while the database is not reached
    """

    def __init__(self, work: Work) -> None:
        self.outbox: Outbox | None = None
        self._work = work

    async def run(self, outbox: Outbox) -> None:
        """Confirm until everything is given back."""
        self.outbox = outbox
        try:
            while True:
                for lease in list(self._work.leases.values()):
                    try:
                        await self._settle(outbox, lease)
                    except errors.LeaseLost:
                        self._work.lose(lease)
                if not (self._work.leases or self._work.is_claiming):
                    return
                await wait(self._work.to_confirm, CONFIRM_EVERY if self._work.leases else None)
        finally:
            self.outbox = None

    async def _settle(self, outbox: Outbox, lease: Lease) -> None:
        if lease.refused:
            await self._park(outbox, lease)
        progress, now = lease.window.progress(), monotonic()
        if self._is_over(lease):
            async with lease.lock:  # a claim that is under way comes first
                if self._work.leases.get(lease.tenant_id) is lease and self._is_over(lease):
                    progress = lease.window.progress()
                    await outbox.confirm(lease.tenant_id, lease.token, progress, release=True)
                    lease.window.was_confirmed(progress)
                    del self._work.leases[lease.tenant_id]
                    self._work.pace.found(now, is_more=False)
                    self._work.to_claim.set()
        elif progress or now >= lease.renew_at:
            await outbox.confirm(lease.tenant_id, lease.token, progress, release=False)
            lease.window.was_confirmed(progress)
            lease.renewed(now)
        self._work.metrics.retried += len(progress.retried)
        self._work.count(lease)

    def _is_over(self, lease: Lease) -> bool:
        return lease.is_drained or not self._work.is_sending

    async def _park(self, outbox: Outbox, lease: Lease) -> None:
        """Have the database park what was refused, and drop what has to wait behind it."""
        async with lease.lock:
            for message, failure in lease.refused.copy():
                if lease.window.has_lane_in_flight(message):
                    continue
                fate = await outbox.fail(
                    lease.tenant_id,
                    lease.token,
                    message.position,
                    failure.reason,
                    retry_after=failure.retry_after,
                    is_permanent=failure.is_permanent,
                )
                lease.refused.remove((message, failure))
                self._work.metrics.refused += 1
                told: dict[str, Any] = {
                    "tenant": lease.tenant_id,
                    "position": message.position,
                    "id": message.id,
                    "event_type": message.event_type,
                    "attempts": fate.attempts,
                    "message": failure.reason,
                }
                if fate.is_dead:
                    lease.window.bury(message)
                    self._work.metrics.dead += 1
                    self._work.log("dead", **told)
                else:
                    behind = len(lease.window.park(message))
                    retry_in = round(fate.next_attempt_in or 0.0, 1)
                    self._work.log("parked", **told, behind=behind, retry_in=retry_in)
        self._work.to_send.set()
