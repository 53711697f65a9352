"""The loop of a relay that claims."""

from __future__ import annotations

from time import monotonic

from agent_events import errors
from agent_events.relay.lease import Lease
from agent_events.relay.outbox import Claim, Outbox
from agent_events.relay.pausing import wait
from agent_events.relay.work import Work

TENANTS = 16
"""How many tenants one process delivers for at once; others wait for their turn."""

TURN = 5.0
"""Seconds for which a tenant may keep others waiting."""


class Claiming:
    """Leases tenants and reads their next messages, while those before are being sent."""

    def __init__(self, work: Work) -> None:
        self._work = work

    async def run(self, outbox: Outbox) -> None:
        """Claim until the relay is told to stop."""
        if self._work.outgoing is None:
            self._work.outgoing = self._work.envelope(await outbox.ledger_name())
        while not self._work.stopping.is_set():
            now = monotonic()
            if not self._work.is_open.is_set():
                await wait(self._work.to_claim)
            elif self._may_look() and self._work.pace.is_due(now):
                await self._look(outbox)
            elif due := [lease for lease in self._wanting() if lease.pace.is_due(now)]:
                await self._go_on(outbox, min(due, key=lambda lease: lease.pace.next_at))
            else:
                times = [lease.pace.next_at for lease in self._wanting()]
                if self._may_look():
                    times.append(self._work.pace.next_at)
                await wait(self._work.to_claim, min(times) - now if times else None)
        self._work.is_claiming = False
        self._work.to_confirm.set()

    def _may_look(self) -> bool:
        if self._work.settings.tenant_id is not None:
            return not self._work.leases
        if len(self._work.leases) < TENANTS:
            return True
        if not any(lease.is_ending for lease in self._work.leases.values()):
            oldest = min(self._work.leases.values(), key=lambda lease: lease.began)
            if monotonic() - oldest.began > TURN:
                oldest.is_ending = True
                self._work.to_confirm.set()
        return False

    def _wanting(self) -> list[Lease]:
        size = self._work.settings.batch_size
        return [
            lease
            for lease in self._work.leases.values()
            if not lease.is_ending
            and lease.window.waiting < size
            and lease.window.unconfirmed < 10 * size + self._work.settings.window
        ]

    async def _look(self, outbox: Outbox) -> None:
        """Lease a tenant that has something to deliver, if there is one."""
        settings, began = self._work.settings, monotonic()
        claim = await outbox.claim(settings.batch_size, settings.lease, settings.tenant_id, None)
        self._work.has_worked = True
        if claim is None:
            self._work.pace.found_nothing(began)
            if settings.once and not self._work.leases:
                self._work.stop()
            return
        self._work.pace.found(began, is_more=True)
        if own := self._work.leases.get(claim.tenant_id):
            self._work.lose(own)
        lease = Lease(
            claim.tenant_id,
            claim.token,
            length=settings.lease.total_seconds(),
            keeps_order=self._work.transport.keeps_order,
            changed=self._work.changed,
        )
        self._work.leases[claim.tenant_id] = lease
        self._work.to_confirm.set()  # from now on there is a lease to renew
        async with lease.lock:
            await self._take_in(outbox, lease, claim, began)

    async def _go_on(self, outbox: Outbox, lease: Lease) -> None:
        """Claim the next messages under a lease."""
        settings, began = self._work.settings, monotonic()
        async with lease.lock:
            if self._work.leases.get(lease.tenant_id) is not lease or lease.is_ending:
                return
            try:
                claim = await outbox.claim(
                    settings.batch_size, settings.lease, lease.tenant_id, lease.token
                )
                lease.renewed(began)
                if claim is None:
                    lease.is_short = True
                    lease.pace.found_nothing(began)
                    self._work.to_confirm.set()
                    return
            except errors.LeaseLost:
                self._work.lose(lease)
                return
            except BaseException:
                lease.is_ending = True  # what was handed out is not known
                raise
            await self._take_in(outbox, lease, claim, began)

    async def _take_in(self, outbox: Outbox, lease: Lease, claim: Claim, began: float) -> None:
        size = self._work.settings.batch_size
        try:
            messages = await outbox.read(claim)
        except errors.LeaseLost:
            self._work.lose(lease)
            return
        except BaseException:
            lease.is_ending = True  # the next claim under it would pass these over
            raise
        lease.window.add(messages, claim.through_position)
        is_more = (
            claim.through_position - claim.after_position >= size or len(claim.retries) >= size
        )
        lease.is_short = not is_more
        lease.pace.found(began, is_more=is_more)
        if self._work.stopping.is_set():
            self._work.end(lease)
        if not self._work.is_open.is_set():
            lease.is_ending = True
            lease.window.abandon()
        self._work.to_send.set()
        if not messages:
            self._work.to_confirm.set()
