"""Maintenance step by step, once or as a process that goes on until it is told to stop.

What is due is for `ledger.maintenance_plan()` to say, and each step is `ledger.run_step()`, as in
`ledger.maintain()`; taking them one by one shows each as it is done, and stops between two.
"""

from __future__ import annotations

import random
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Event, Thread
from time import monotonic
from typing import Any
from uuid import UUID, uuid4

import psycopg
from psycopg.rows import class_row

from agent_events import errors
from agent_events._log import Log, given, reason_of
from agent_events._sync import Ledger
from agent_events.dsn import lasting

BUSY = "LG013"
"""SQLSTATE of a step that found other maintenance running."""

GRACE = timedelta(seconds=20)
"""How long the step at hand may take to finish when the process is told to stop."""

SIGNALS = (signal.SIGTERM, signal.SIGINT)

LOOK_EVERY = 0.5
"""Seconds between two looks whether a loop has broken down."""

LONGEST_PAUSE = 60.0
"""Seconds between two attempts, at most, while something is wrong."""

COUNT_AT_ONCE = 20_000
"""Events in a transaction."""

SAY_EVERY = 3600.0
"""Seconds between two lines that say how much was sealed."""

EMIT_FOR = 1.0
"""Seconds, about, after which sealing comes before more of what was captured."""

RUN_STEP = "call ledger.run_step(%s, %s, %s, %s, null)"
LAST_STEP = """
    select step, object, started_at, finished_at, attempts, error
    from ledger.maintenance_steps
    where run_id = %s
    order by ordinal desc
    limit 1
"""


@dataclass(frozen=True, slots=True)
class Step:
    """A step that was taken (a row of `ledger.maintenance_steps`), or is due.

    attempts  more than 1 when others held the locks
    error     sqlstate, message, detail and hint, None when the step is done
    """

    step: str
    object: str | None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    attempts: int = 0
    error: dict[str, Any] | None = None

    @property
    def is_busy(self) -> bool:
        """Other maintenance was running, which does what is due."""
        return self.error is not None and self.error["sqlstate"] == BUSY

    @property
    def seconds(self) -> float:
        """How long it took, waiting for locks included."""
        if self.started_at is None or self.finished_at is None:
            return 0.0
        return (self.finished_at - self.started_at).total_seconds()


def take_steps(
    connection: psycopg.Connection[Any],
    *,
    max_wait: timedelta,
    is_stopping: Callable[[], bool] = lambda: False,
) -> Iterator[Step]:
    """Do what is due, on a connection in autocommit, and yield each step when it is over.

    A step that fails stops only those on the same partition. Ends early when `is_stopping`, and
    when other maintenance is found running: the last step then `is_busy`.
    """
    run_id = uuid4()
    failed: set[str] = set()
    try:
        for planned in Ledger(connection).maintenance_plan():
            if is_stopping():
                return
            if planned.object in failed:
                continue
            call = [run_id, planned.step, planned.object, max_wait]
            (error,) = connection.execute(RUN_STEP, call).fetchone() or (None,)
            if error is not None and error["sqlstate"] == BUSY:
                yield Step(planned.step, planned.object, error=error)
                return
            taken = _last_step(connection, run_id)
            yield taken
            if taken.error is not None and taken.object is not None:
                failed.add(taken.object)
    except psycopg.Error as error:
        if refused := errors.translated(error):
            raise refused from error
        raise


def _last_step(connection: psycopg.Connection[Any], run_id: UUID) -> Step:
    with connection.cursor(row_factory=class_row(Step)) as cursor:
        taken = cursor.execute(LAST_STEP, [run_id]).fetchone()
    if taken is None:
        raise errors.LedgerError("the step left no row in ledger.maintenance_steps")
    return taken


@dataclass(frozen=True)
class Schedule:
    """How often to maintain, to seal, and to count in between; None = never."""

    maintain_every: timedelta | None
    seal_every: timedelta | None
    max_wait: timedelta
    count_every: timedelta | None = None
    grace: timedelta = GRACE


def keep(dsn: str, schedule: Schedule, log: Log) -> None:
    """Seal and maintain until SIGTERM or SIGINT; for the main thread.

    A connection for each, so that sealing goes on while a partition is archived. A lost connection,
    and anything else that goes wrong, is logged and tried again, after a second at first and a
    minute at most. Told to stop, it finishes the step at hand, or cancels it after `grace`: it is
    then rolled back. A second signal ends the process at once.
    """
    stop = Event()
    sealing = _Sealing(log)
    loops = [
        _Loop(name, dsn, every, work, stop, log)
        for name, every, work in (
            ("seal", schedule.seal_every, sealing),
            ("maintain", schedule.maintain_every, _Maintaining(log, schedule.max_wait, stop)),
            ("count", schedule.count_every, _count),
        )
        if every is not None
    ]

    # Blocked, in the threads too, and waited for: a handler could interrupt whoever holds a lock.
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    log(
        "started",
        maintain_every=schedule.maintain_every,
        seal_every=schedule.seal_every,
        count_every=schedule.count_every,
    )
    for loop in loops:
        loop.start()
    while not stop.is_set():
        if received := signal.sigtimedwait(SIGNALS, LOOK_EVERY):
            log("stopping", signal=signal.Signals(received.si_signo).name)
            stop.set()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    deadline = monotonic() + schedule.grace.total_seconds()
    for loop in loops:
        loop.join(max(0.0, deadline - monotonic()))
        if loop.is_alive():
            log("cancelled", work=loop.name)
            loop.cancel()
            loop.join()
    if schedule.seal_every is not None:
        sealing.say()
    log("stopped")
    for loop in loops:
        if loop.failure is not None:
            raise loop.failure


Work = Callable[[psycopg.Connection[Any]], None]


class _Loop(Thread):
    """Does one kind of work again and again, on a connection of its own."""

    def __init__(
        self, name: str, dsn: str, every: timedelta, work: Work, stop: Event, log: Log
    ) -> None:
        super().__init__(name=name)
        self.failure: BaseException | None = None
        self._dsn = lasting(dsn)
        self._every = every.total_seconds()
        self._work = work
        self._stopping = stop
        self._log = log
        self._connection: psycopg.Connection[Any] | None = None

    def run(self) -> None:
        try:
            self._go_on()
        except BaseException as error:  # noqa: BLE001 - raised again by the main thread
            self.failure = error
            self._stopping.set()
        finally:
            self._disconnect()

    def cancel(self) -> None:
        """Cancel the statement that runs, if any."""
        if self._connection is not None:
            self._connection.cancel_safe()

    def _go_on(self) -> None:
        failures = 0
        pause = 0.0
        while not self._stopping.wait(pause):
            started = monotonic()
            try:
                self._work(self._connected())
                failures = 0
                pause = max(0.0, self._every - (monotonic() - started))
            except (psycopg.Error, errors.LedgerError) as error:
                if self._stopping.is_set():
                    return
                failures += 1
                pause = min(LONGEST_PAUSE, 2.0 ** (failures - 1)) * random.uniform(0.8, 1.2)  # noqa: S311
                self._log("failed", work=self.name, **reason_of(error), retry_in=round(pause, 1))
                if self._connection is not None and self._connection.closed:
                    self._connection = None

    def _connected(self) -> psycopg.Connection[Any]:
        if self._connection is None:
            self._connection = psycopg.connect(self._dsn, autocommit=True)
            self._log("connected", work=self.name, database=self._connection.info.dbname)
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class _Sealing:
    """Makes events of what was captured, and seals; says once an hour, and at the end, how much."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._sealed = 0
        self._said_at = monotonic()

    def __call__(self, connection: psycopg.Connection[Any]) -> None:
        ledger = Ledger(connection)
        started = monotonic()
        while ledger.emit_captured() and monotonic() - started < EMIT_FOR:
            pass
        self._sealed += sum(receipt.sealed for receipt in ledger.seal_all())
        if monotonic() - self._said_at >= SAY_EVERY:
            self.say()

    def say(self) -> None:
        self._log("sealed", events=self._sealed)
        self._sealed = 0
        self._said_at = monotonic()


def _count(connection: psycopg.Connection[Any]) -> None:
    """Count what was sealed, a batch per transaction."""
    while Ledger(connection).count_events(max_events=COUNT_AT_ONCE) == COUNT_AT_ONCE:
        pass


class _Maintaining:
    """Takes the steps that are due; says each that did something, or failed."""

    def __init__(self, log: Log, max_wait: timedelta, stop: Event) -> None:
        self._log = log
        self._max_wait = max_wait
        self._stop = stop

    def __call__(self, connection: psycopg.Connection[Any]) -> None:
        done = failed = 0
        started = monotonic()
        for taken in take_steps(connection, max_wait=self._max_wait, is_stopping=self._stop.is_set):
            if taken.is_busy:
                self._log("busy", message="other maintenance is running, and does what is due")
                return
            if taken.error is None:
                done += 1
            else:
                failed += 1
            if taken.error is not None or taken.object is not None:
                fields = {"step": taken.step, "object": taken.object, **(taken.error or {})}
                event = "step" if taken.error is None else "step_failed"
                self._log(event, **given(fields), seconds=round(taken.seconds, 2))
        seconds = round(monotonic() - started, 2)
        self._log("maintained", done=done, failed=failed, seconds=seconds)
