"""A relay at work: it claims, sends and confirms at once, and gets over whatever breaks.

Three loops in one event loop, which share the leases:

claiming    leases tenants and reads their next messages while those before are being sent
sending     sends them, and opens the destination again when it was lost
confirming  confirms, parks what was refused, renews leases and gives them back

Claiming and confirming have a connection each, so that a claim that takes long, because much is to
be sealed, does not let leases run out.
"""

from __future__ import annotations

import asyncio
import gc
import random
import signal
from asyncio import Event
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic
from typing import Any
from urllib.parse import quote

import psycopg

from agent_events import errors
from agent_events._log import Log, reason_of
from agent_events.relay.envelope import Mode, Outgoing, envelope
from agent_events.relay.failures import Refused, Unavailable
from agent_events.relay.lease import Lease, Pace
from agent_events.relay.message import Message
from agent_events.relay.metrics import Metrics
from agent_events.relay.outbox import Claim, Lag, Outbox
from agent_events.relay.templates import compile_topic
from agent_events.relay.transport import Transport

SIGNALS = (signal.SIGTERM, signal.SIGINT)

TENANTS = 16
"""How many tenants one process delivers for at once; others wait for their turn."""

TURN = 5.0
"""Seconds for which a tenant may keep others waiting."""

CONFIRM_EVERY = 0.1
"""Seconds between confirmations; sooner when 1,000 messages are delivered, or all are."""

CONFIRM_AT = 1000

OPEN_TIMEOUT = 30.0
"""Seconds for which a destination may try to connect."""

SILENCE = 120.0
"""Seconds without a word on a message, after which its destination counts as lost."""

LAST_WORDS = 5.0
"""Seconds to confirm, and to give leases back, after the grace time is over."""

COLLECT_AT = 50_000
"""Objects that are made until Python looks for cycles; the default is 700. A message is several
objects that live for some milliseconds, in no cycle, and each look at them is in vain."""

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 30.0
"""Seconds between two attempts while something is wrong."""


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


class Engine:
    """One relay process.

    Args:
        dsn: the ledger's database.
        transport: where messages go; it is opened here.
        settings: see there.
        log: is told what happens.

    Raises:
        ValueError: the topic is no template.
    """

    def __init__(self, dsn: str, transport: Transport, settings: Settings, log: Log) -> None:
        self.settings = settings
        self.metrics = Metrics(settings.relay, lambda: self._in_flight)
        self._dsn = dsn
        self._transport = transport
        self._log = log
        self._topic = compile_topic(
            settings.topic or transport.default_topic, relay=settings.relay, safe=transport.safe
        )
        self._outgoing: Callable[[Message], Outgoing] | None = None
        self._leases: dict[str, Lease] = {}
        self._pace = Pace()
        self._stopping = Event()
        self._is_open = Event()
        self._to_claim = Event()
        self._to_send = Event()
        self._to_confirm = Event()
        self._unavailable: Unavailable | None = None
        self._failure: Exception | None = None
        self._destination_failures = 0
        self._is_claiming = True
        self._is_sending = True
        self._has_worked = False
        self._connected: set[str] = set()
        self._confirmer: Outbox | None = None

    async def run(self) -> None:
        """Deliver until SIGTERM, SIGINT or `stop`; with `once`, until nothing is due.

        Raises:
            errors.LedgerError, psycopg.Error: the database refuses to begin.
            Unavailable: `once`, and the destination is not there.
            ValueError: the transport can never work.
        """
        loop = asyncio.get_running_loop()
        for number in SIGNALS:
            loop.add_signal_handler(number, self._receive, number)
        self._log("started", relay=self.settings.relay, destination=self._transport.destination)
        of_database = [
            asyncio.create_task(self._with_outbox("claim", self._claim)),
            asyncio.create_task(self._with_outbox("confirm", self._confirm)),
        ]
        tasks = [*of_database, asyncio.create_task(self._send())]
        thresholds = gc.get_threshold()
        gc.set_threshold(COLLECT_AT, *thresholds[1:])
        guard = asyncio.create_task(self._end_in_time(tasks, of_database))
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            for task in (guard, *tasks):
                task.cancel()
            await asyncio.gather(guard, *tasks, return_exceptions=True)
            await self._close_destination()
            gc.set_threshold(*thresholds)
            for number in SIGNALS:
                loop.remove_signal_handler(number)
        self._log(
            "stopped",
            published=self.metrics.published,
            refused=self.metrics.refused,
            dead=self.metrics.dead,
        )
        for task in done:
            if not task.cancelled() and (error := task.exception()):
                raise error
        if self._failure is not None:
            raise self._failure

    def stop(self) -> None:
        """Claim no more, wait for acknowledgements, confirm, and give the leases back."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        for lease in self._leases.values():
            self._end(lease)
        self._wake()

    @property
    def is_ready(self) -> bool:
        """It is connected to the database and the destination."""
        return self._is_open.is_set() and len(self._connected) == 2

    async def lag(self) -> Lag | None:
        """Ask the database how far behind the relay is; None while it is not reached."""
        if self._confirmer is None:
            return None
        try:
            return await self._confirmer.lag(self.settings.tenant_id)
        except (psycopg.Error, errors.LedgerError):
            return None

    # Claiming

    async def _claim(self, outbox: Outbox) -> None:
        if self._outgoing is None:
            self._outgoing = self._envelope(await outbox.ledger_name())
        while not self._stopping.is_set():
            now = monotonic()
            if not self._is_open.is_set():
                await _wait(self._to_claim)
            elif self._may_look() and self._pace.is_due(now):
                await self._look(outbox)
            elif due := [lease for lease in self._wanting() if lease.pace.is_due(now)]:
                await self._go_on(outbox, min(due, key=lambda lease: lease.pace.next_at))
            else:
                times = [lease.pace.next_at for lease in self._wanting()]
                if self._may_look():
                    times.append(self._pace.next_at)
                await _wait(self._to_claim, min(times) - now if times else None)
        self._is_claiming = False
        self._to_confirm.set()

    def _may_look(self) -> bool:
        if self.settings.tenant_id is not None:
            return not self._leases
        if len(self._leases) < TENANTS:
            return True
        if not any(lease.is_ending for lease in self._leases.values()):
            oldest = min(self._leases.values(), key=lambda lease: lease.began)
            if monotonic() - oldest.began > TURN:
                oldest.is_ending = True
                self._to_confirm.set()
        return False

    def _wanting(self) -> list[Lease]:
        size = self.settings.batch_size
        return [
            lease
            for lease in self._leases.values()
            if not lease.is_ending
            and lease.window.waiting < size
            and lease.window.unconfirmed < 10 * size + self.settings.window
        ]

    async def _look(self, outbox: Outbox) -> None:
        """Lease a tenant that has something to deliver, if there is one."""
        settings, began = self.settings, monotonic()
        claim = await outbox.claim(settings.batch_size, settings.lease, settings.tenant_id, None)
        self._has_worked = True
        if claim is None:
            self._pace.found_nothing(began)
            if settings.once and not self._leases:
                self.stop()
            return
        self._pace.found(began, is_more=True)
        if own := self._leases.get(claim.tenant_id):
            self._lose(own)
        lease = Lease(
            claim.tenant_id,
            claim.token,
            length=settings.lease.total_seconds(),
            keeps_order=self._transport.keeps_order,
            changed=self._changed,
        )
        self._leases[claim.tenant_id] = lease
        self._to_confirm.set()  # from now on there is a lease to renew
        async with lease.lock:
            await self._take_in(outbox, lease, claim, began)

    async def _go_on(self, outbox: Outbox, lease: Lease) -> None:
        """Claim the next messages under a lease."""
        settings, began = self.settings, monotonic()
        async with lease.lock:
            if self._leases.get(lease.tenant_id) is not lease or lease.is_ending:
                return
            try:
                claim = await outbox.claim(
                    settings.batch_size, settings.lease, lease.tenant_id, lease.token
                )
                lease.renewed(began)
                if claim is None:
                    lease.is_short = True
                    lease.pace.found_nothing(began)
                    self._to_confirm.set()
                    return
            except errors.LeaseLost:
                self._lose(lease)
                return
            except BaseException:
                lease.is_ending = True  # what was handed out is not known
                raise
            await self._take_in(outbox, lease, claim, began)

    async def _take_in(self, outbox: Outbox, lease: Lease, claim: Claim, began: float) -> None:
        size = self.settings.batch_size
        try:
            messages = await outbox.read(claim)
        except errors.LeaseLost:
            self._lose(lease)
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
        if self._stopping.is_set():
            self._end(lease)
        if not self._is_open.is_set():
            lease.is_ending = True
            lease.window.abandon()
        self._to_send.set()
        if not messages:
            self._to_confirm.set()

    def _envelope(self, ledger_name: str) -> Callable[[Message], Outgoing]:
        return envelope(
            self.settings.mode or self._transport.default_envelope,
            source=self.settings.source or f"/{quote(ledger_name, safe='/')}/{{tenant_id}}",
            topic=self._topic,
            header_prefix=self._transport.header_prefix,
        )

    # Sending

    async def _send(self) -> None:
        try:
            while await self._open_destination():
                await self._send_until_lost()
                if self._unavailable is None:
                    return
                await self._close_destination()
                self._fail_destination(self._unavailable)
        finally:
            self._is_sending = False
            self._to_confirm.set()

    async def _open_destination(self) -> bool:
        """Connect, however often it takes; False when there is no use in it any more."""
        while True:
            if failure := self._unavailable:
                if self.settings.once:
                    self._give_up(failure)
                    return False
                if self._destination_failures > 1:
                    self._give_up_leases()
                pause = _pause(self._destination_failures, failure.retry_after)
                self._log(
                    "unavailable",
                    destination=self._transport.destination,
                    message=failure.reason,
                    retry_in=round(pause, 1),
                )
                await _wait(self._stopping, pause, clear=False)
                self._unavailable = None
            if self._stopping.is_set():
                return False
            try:
                async with asyncio.timeout(OPEN_TIMEOUT):
                    await self._transport.open()
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
                self._log("opened", destination=self._transport.destination)
                self.metrics.reconnects["destination"] += self._destination_failures > 0
                self._is_open.set()
                self._wake()
                return True

    def _give_up(self, failure: Exception) -> None:
        """End, but confirm what was delivered and give the leases back."""
        self._failure = failure
        self.stop()

    def _fail_destination(self, failure: Unavailable) -> None:
        self._unavailable = failure
        self._destination_failures += 1

    async def _send_until_lost(self) -> None:
        while self._unavailable is None:
            if await self._send_some():
                await asyncio.sleep(0)  # those who claim and confirm have their turn
                continue
            if self._stopping.is_set() and self._is_sent():
                return
            await _wait(self._to_send, 1.0)
            self._notice_silence()

    async def _send_some(self) -> bool:
        leases = list(self._leases.values())
        room = self.settings.window - self._in_flight
        share = -(-self.settings.window // max(1, len(leases)))
        now = monotonic()
        is_sent = False
        for lease in leases:
            limit = min(room, share - lease.window.in_flight, self._transport.at_once)
            if limit <= 0 or now >= lease.expires_at:
                continue
            if batch := lease.window.take(limit, now):
                await self._hand_over(self._enveloped(batch, lease), lease)
                room -= len(batch)
                is_sent = True
        if is_sent:
            self._to_claim.set()
        return is_sent

    async def _hand_over(self, batch: list[Outgoing], lease: Lease) -> None:
        try:
            async with asyncio.timeout(SILENCE):
                await self._transport.send(batch, lease.settle)
        except TimeoutError:
            self._unavailable = Unavailable(f"nothing was taken for {SILENCE:.0f} s")
        except Unavailable as error:
            self._unavailable = self._unavailable or error
        except Exception as error:  # noqa: BLE001 - a broken client must not end the process
            message = f"{type(error).__name__}: {error}"
            self._unavailable = self._unavailable or Unavailable(message)

    def _enveloped(self, batch: list[Message], lease: Lease) -> list[Outgoing]:
        assert self._outgoing is not None  # noqa: S101 - made before anything is claimed
        try:
            return [self._outgoing(message) for message in batch]
        except Exception:  # noqa: BLE001 - it is said which, and parked
            return list(self._enveloped_one_by_one(batch, lease))

    def _enveloped_one_by_one(self, batch: Iterable[Message], lease: Lease) -> Iterable[Outgoing]:
        assert self._outgoing is not None  # noqa: S101 - as above
        for message in batch:
            try:
                yield self._outgoing(message)
            except Exception as error:  # noqa: BLE001 - one message must not end the process
                lease.refuse(message, Refused(f"{type(error).__name__}: {error}"))

    def _notice_silence(self) -> None:
        since = monotonic() - SILENCE
        for lease in self._leases.values():
            if (oldest := lease.window.oldest) is not None and oldest < since:
                self._unavailable = Unavailable(f"no acknowledgement for {SILENCE:.0f} s")

    async def _close_destination(self) -> None:
        self._is_open.clear()
        with suppress(Exception):  # it is lost, or is not wanted any more
            async with asyncio.timeout(OPEN_TIMEOUT):
                await self._transport.close()
        for lease in self._leases.values():
            lease.window.put_back_all()

    def _give_up_leases(self) -> None:
        """Let others deliver, who may reach the destination."""
        for lease in self._leases.values():
            lease.is_ending = True
            lease.window.abandon()
        self._to_confirm.set()

    def _is_sent(self) -> bool:
        return not self._is_claiming and all(
            lease.window.is_idle or lease.refused for lease in self._leases.values()
        )

    # Confirming

    async def _confirm(self, outbox: Outbox) -> None:
        self._confirmer = outbox
        try:
            while True:
                for lease in list(self._leases.values()):
                    try:
                        await self._settle(outbox, lease)
                    except errors.LeaseLost:
                        self._lose(lease)
                if not (self._leases or self._is_claiming):
                    return
                await _wait(self._to_confirm, CONFIRM_EVERY if self._leases else None)
        finally:
            self._confirmer = None

    async def _settle(self, outbox: Outbox, lease: Lease) -> None:
        if lease.refused:
            await self._park(outbox, lease)
        progress, now = lease.window.progress(), monotonic()
        if self._is_over(lease):
            async with lease.lock:  # a claim that is under way comes first
                if self._leases.get(lease.tenant_id) is lease and self._is_over(lease):
                    progress = lease.window.progress()
                    await outbox.confirm(lease.tenant_id, lease.token, progress, release=True)
                    lease.window.was_confirmed(progress)
                    del self._leases[lease.tenant_id]
                    self._pace.found(now, is_more=False)
                    self._to_claim.set()
        elif progress or now >= lease.renew_at:
            await outbox.confirm(lease.tenant_id, lease.token, progress, release=False)
            lease.window.was_confirmed(progress)
            lease.renewed(now)
        self.metrics.retried += len(progress.retried)
        self._count(lease)

    def _is_over(self, lease: Lease) -> bool:
        return lease.is_drained or not self._is_sending

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
                self.metrics.refused += 1
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
                    self.metrics.dead += 1
                    self._log("dead", **told)
                else:
                    behind = len(lease.window.park(message))
                    retry_in = round(fate.next_attempt_in or 0.0, 1)
                    self._log("parked", **told, behind=behind, retry_in=retry_in)
        self._to_send.set()

    def _count(self, lease: Lease) -> None:
        if lease.delivered:
            self.metrics.published += lease.delivered
            self.metrics.add_latencies(lease.latencies)
            lease.delivered = 0
            lease.latencies.clear()

    # What all of them need

    @property
    def _in_flight(self) -> int:
        return sum(lease.window.in_flight for lease in self._leases.values())

    def _changed(self, lease: Lease, failure: Unavailable | None) -> None:
        if failure is not None:
            self._unavailable = self._unavailable or failure
        elif lease.delivered:
            self._destination_failures = 0
        self._to_send.set()
        if lease.delivered >= CONFIRM_AT or lease.refused or lease.is_drained:
            self._to_confirm.set()

    def _lose(self, lease: Lease) -> None:
        if self._leases.get(lease.tenant_id) is lease:
            del self._leases[lease.tenant_id]
        lease.is_ending = True
        lease.window.abandon()
        self._count(lease)
        self.metrics.lease_losses += 1
        self._log("lease_lost", tenant=lease.tenant_id, token=lease.token)
        self._to_claim.set()

    def _end(self, lease: Lease) -> None:
        lease.is_ending = True
        lease.window.close()

    def _wake(self) -> None:
        for event in (self._to_claim, self._to_send, self._to_confirm):
            event.set()

    def _receive(self, number: signal.Signals) -> None:
        self._log("stopping", signal=number.name)
        self.stop()
        for each in SIGNALS:  # a second one ends the process at once
            asyncio.get_running_loop().remove_signal_handler(each)

    async def _end_in_time(
        self, tasks: Iterable[asyncio.Task[None]], of_database: Iterable[asyncio.Task[None]]
    ) -> None:
        """Let nothing that hangs keep the process from ending."""
        await self._stopping.wait()
        await asyncio.sleep(self.settings.grace.total_seconds())
        self._log("cancelled", in_flight=self._in_flight)
        self._is_claiming = self._is_sending = False
        self._wake()
        await asyncio.wait(of_database, timeout=LAST_WORDS)
        for task in tasks:
            task.cancel()

    async def _with_outbox(self, name: str, work: Callable[[Outbox], Awaitable[None]]) -> None:
        """Do the work over a connection, and over another one whenever that breaks."""
        failures = 0
        while True:
            began = monotonic()
            outbox: Outbox | None = None
            try:
                outbox = await Outbox.connect(self._dsn, self.settings.relay)
                self._connected.add(name)
                self.metrics.reconnects["database"] += failures > 0
                self._log("connected", work=name, database=outbox.database)
                await work(outbox)
            except (psycopg.Error, errors.LedgerError) as error:
                is_passing = isinstance(error, psycopg.OperationalError) or self._has_worked
                if self.settings.once or not is_passing:
                    raise
                failures = 1 if monotonic() - began > LONGEST_PAUSE else failures + 1
                pause = _pause(failures)
                self._log("failed", work=name, **reason_of(error), retry_in=round(pause, 1))
            else:
                return
            finally:
                self._connected.discard(name)
                if outbox is not None:
                    await outbox.close()
            await _wait(self._stopping, pause, clear=False)
            if self._stopping.is_set() and name == "claim":
                self._is_claiming = False
                self._to_confirm.set()
                return
            if self._stopping.is_set():
                await asyncio.sleep(FIRST_PAUSE)


async def _wait(event: Event, seconds: float | None = None, *, clear: bool = True) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
    if clear:
        event.clear()


def _pause(failures: int, at_least: timedelta | None = None) -> float:
    """Seconds until the next attempt: they double, and nobody comes at the same time as others."""
    pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(failures - 1, 10))
    pause *= random.uniform(0.8, 1.2)  # noqa: S311
    return max(pause, at_least.total_seconds()) if at_least else pause
