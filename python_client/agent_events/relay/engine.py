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
import signal
from collections.abc import Awaitable, Callable, Iterable
from time import monotonic

import psycopg

from agent_events import errors
from agent_events._log import Log, reason_of
from agent_events.relay.claiming import Claiming
from agent_events.relay.confirming import Confirming
from agent_events.relay.outbox import Lag, Outbox
from agent_events.relay.pausing import FIRST_PAUSE, LONGEST_PAUSE, pause_after, wait
from agent_events.relay.sending import Sending
from agent_events.relay.settings import Settings
from agent_events.relay.transport import Transport
from agent_events.relay.work import Work

__all__ = ["Engine", "Settings"]

SIGNALS = (signal.SIGTERM, signal.SIGINT)

LAST_WORDS = 5.0
"""Seconds to confirm, and to give leases back, after the grace time is over."""

COLLECT_AT = 50_000
"""Objects that are made until Python looks for cycles; the default is 700. A message is several
objects that live for some milliseconds, in no cycle, and each look at them is in vain."""


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
        self._work = Work(settings, transport, log)
        self.settings = settings
        self.metrics = self._work.metrics
        self._dsn = dsn
        self._claiming = Claiming(self._work)
        self._sending = Sending(self._work)
        self._confirming = Confirming(self._work)
        self._connected: set[str] = set()

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
        self._work.log(
            "started", relay=self.settings.relay, destination=self._work.transport.destination
        )
        of_database = [
            asyncio.create_task(self._with_outbox("claim", self._claiming.run)),
            asyncio.create_task(self._with_outbox("confirm", self._confirming.run)),
        ]
        tasks = [*of_database, asyncio.create_task(self._sending.run())]
        thresholds = gc.get_threshold()
        gc.set_threshold(COLLECT_AT, *thresholds[1:])
        guard = asyncio.create_task(self._end_in_time(tasks, of_database))
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            for task in (guard, *tasks):
                task.cancel()
            await asyncio.gather(guard, *tasks, return_exceptions=True)
            await self._sending.close()
            gc.set_threshold(*thresholds)
            for number in SIGNALS:
                loop.remove_signal_handler(number)
        self._work.log(
            "stopped",
            published=self.metrics.published,
            refused=self.metrics.refused,
            dead=self.metrics.dead,
        )
        for task in done:
            if not task.cancelled() and (error := task.exception()):
                raise error
        if self._work.failure is not None:
            raise self._work.failure

    def stop(self) -> None:
        """Claim no more, wait for acknowledgements, confirm, and give the leases back."""
        self._work.stop()

    @property
    def is_ready(self) -> bool:
        """It is connected to the database and the destination."""
        return self._work.is_open.is_set() and len(self._connected) == 2

    async def lag(self) -> Lag | None:
        """Ask the database how far behind the relay is; None while it is not reached."""
        if self._confirming.outbox is None:
            return None
        try:
            return await self._confirming.outbox.lag(self.settings.tenant_id)
        except (psycopg.Error, errors.LedgerError):
            return None

    def _receive(self, number: signal.Signals) -> None:
        self._work.log("stopping", signal=number.name)
        self.stop()
        for each in SIGNALS:  # a second one ends the process at once
            asyncio.get_running_loop().remove_signal_handler(each)

    async def _end_in_time(
        self, tasks: Iterable[asyncio.Task[None]], of_database: Iterable[asyncio.Task[None]]
    ) -> None:
        """Let nothing that hangs keep the process from ending."""
        await self._work.stopping.wait()
        await asyncio.sleep(self.settings.grace.total_seconds())
        self._work.log("cancelled", in_flight=self._work.in_flight)
        self._work.is_claiming = self._work.is_sending = False
        self._work.wake()
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
                self._work.log("connected", work=name, database=outbox.database)
                await work(outbox)
            except (psycopg.Error, errors.LedgerError) as error:
                is_passing = isinstance(error, psycopg.OperationalError) or self._work.has_worked
                if self.settings.once or not is_passing:
                    raise
                failures = 1 if monotonic() - began > LONGEST_PAUSE else failures + 1
                pause = pause_after(failures)
                self._work.log("failed", work=name, **reason_of(error), retry_in=round(pause, 1))
            else:
                return
            finally:
                self._connected.discard(name)
                if outbox is not None:
                    await outbox.close()
            await wait(self._work.stopping, pause, clear=False)
            if self._work.stopping.is_set() and name == "claim":
                self._work.is_claiming = False
                self._work.to_confirm.set()
                return
            if self._work.stopping.is_set():
                await asyncio.sleep(FIRST_PAUSE)
