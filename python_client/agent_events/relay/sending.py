"""The loop of a relay that sends."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from time import monotonic

from agent_events.relay.envelope import Outgoing
from agent_events.relay.failures import Refused, Unavailable
from agent_events.relay.lease import Lease
from agent_events.relay.message import Message
from agent_events.relay.pausing import pause_after, wait
from agent_events.relay.work import Work

OPEN_TIMEOUT = 30.0
"""Seconds for which a destination may try to connect."""

SILENCE = 120.0
"""Seconds without a word on a message, after which its destination counts as lost."""


class Sending:
    """Sends what is claimed, and opens the destination again when it was lost."""

    def __init__(self, work: Work) -> None:
        self._work = work

    async def run(self) -> None:
        """Send until nothing is left; connect again whenever the destination is lost."""
        try:
            while await self._open_destination():
                await self._send_until_lost()
                if self._work.unavailable is None:
                    return
                await self.close()
                self._fail_destination(self._work.unavailable)
        finally:
            self._work.is_sending = False
            self._work.to_confirm.set()

    async def _open_destination(self) -> bool:
        """Connect, however often it takes; False when there is no use in it any more."""
        while True:
            if failure := self._work.unavailable:
                if self._work.settings.once:
                    self._give_up(failure)
                    return False
                if self._work.destination_failures > 1:
                    self._give_up_leases()
                pause = pause_after(self._work.destination_failures, failure.retry_after)
                self._work.log(
                    "unavailable",
                    destination=self._work.transport.destination,
                    message=failure.reason,
                    retry_in=round(pause, 1),
                )
                await wait(self._work.stopping, pause, clear=False)
                self._work.unavailable = None
            if self._work.stopping.is_set():
                return False
            try:
                async with asyncio.timeout(OPEN_TIMEOUT):
                    await self._work.transport.open()
            except Unavailable as error:
                self._fail_destination(error)
            except TimeoutError:
                self._fail_destination(Unavailable(f"no connection in {OPEN_TIMEOUT:.0f} s"))
            except OSError as error:
                self._fail_destination(Unavailable(str(error)))
            except ValueError as error:
                self._give_up(error)
                return False
            else:
                self._work.log("opened", destination=self._work.transport.destination)
                self._work.metrics.reconnects["destination"] += self._work.destination_failures > 0
                self._work.is_open.set()
                self._work.wake()
                return True

    def _give_up(self, failure: Exception) -> None:
        """End, but confirm what was delivered and give the leases back."""
        self._work.failure = failure
        self._work.stop()

    def _fail_destination(self, failure: Unavailable) -> None:
        self._work.unavailable = failure
        self._work.destination_failures += 1

    async def _send_until_lost(self) -> None:
        while self._work.unavailable is None:
            if await self._send_some():
                await asyncio.sleep(0)  # those who claim and confirm have their turn
                continue
            if self._work.stopping.is_set() and self._is_sent():
                return
            await wait(self._work.to_send, 1.0)
            self._notice_silence()

    async def _send_some(self) -> bool:
        leases = list(self._work.leases.values())
        room = self._work.settings.window - self._work.in_flight
        share = -(-self._work.settings.window // max(1, len(leases)))
        now = monotonic()
        is_sent = False
        for lease in leases:
            limit = min(room, share - lease.window.in_flight, self._work.transport.at_once)
            if limit <= 0 or now >= lease.expires_at:
                continue
            if batch := lease.window.take(limit, now):
                await self._hand_over(self._enveloped(batch, lease), lease)
                room -= len(batch)
                is_sent = True
        if is_sent:
            self._work.to_claim.set()
        return is_sent

    async def _hand_over(self, batch: list[Outgoing], lease: Lease) -> None:
        try:
            async with asyncio.timeout(SILENCE):
                await self._work.transport.send(batch, lease.settle)
        except TimeoutError:
            self._work.unavailable = Unavailable(f"nothing was taken for {SILENCE:.0f} s")
        except Unavailable as error:
            self._work.unavailable = self._work.unavailable or error
        except Exception as error:  # noqa: BLE001 - a broken client must not end the process
            message = f"{type(error).__name__}: {error}"
            self._work.unavailable = self._work.unavailable or Unavailable(message)

    def _enveloped(self, batch: list[Message], lease: Lease) -> list[Outgoing]:
        assert self._work.outgoing is not None  # noqa: S101 - made before anything is claimed
        try:
            return [self._work.outgoing(message) for message in batch]
        except Exception:  # noqa: BLE001 - it is said which, and parked
            return list(self._enveloped_one_by_one(batch, lease))

    def _enveloped_one_by_one(self, batch: Iterable[Message], lease: Lease) -> Iterable[Outgoing]:
        assert self._work.outgoing is not None  # noqa: S101 - as above
        for message in batch:
            try:
                yield self._work.outgoing(message)
            except Exception as error:  # noqa: BLE001 - one message must not end the process
                lease.refuse(message, Refused(f"{type(error).__name__}: {error}"))

    def _notice_silence(self) -> None:
        since = monotonic() - SILENCE
        for lease in self._work.leases.values():
            if (oldest := lease.window.oldest) is not None and oldest < since:
                self._work.unavailable = Unavailable(f"no acknowledgement for {SILENCE:.0f} s")

    async def close(self) -> None:
        """Leave the destination; what it has not acknowledged is to be sent again."""
        self._work.is_open.clear()
        with suppress(Exception):  # it is lost, or is not wanted any more
            async with asyncio.timeout(OPEN_TIMEOUT):
                await self._work.transport.close()
        for lease in self._work.leases.values():
            lease.window.put_back_all()

    def _give_up_leases(self) -> None:
        """Let others deliver, who may reach the destination."""
        for lease in self._work.leases.values():
            lease.is_ending = True
            lease.window.abandon()
        self._work.to_confirm.set()

    def _is_sent(self) -> bool:
        return not self._work.is_claiming and all(
            lease.window.is_idle or lease.refused for lease in self._work.leases.values()
        )
