"""The buffer. Generated from `_async.py` by scripts/unasync."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

from agent_events import errors
from agent_events.emitting._threads import Condition, Lock, Worker, me, start, wait
from agent_events.emitting.batch import Batch, batches_of
from agent_events.emitting.buffering.settings import BufferSettings
from agent_events.emitting.failures import Failures, reason_of
from agent_events.emitting.sending._sync import Sender
from agent_events.errors import FailedEvent
from agent_events.models import EventArguments


class Buffer:
    """Takes events, and has them sent in batches by a worker, which is started when needed.

    `_waiting` are those that nobody has tried to send, `_sending` those whose turn it is: they stay
    there until they are known to be stored, refused or spooled. One sends at a time, so the order
    is kept.
    """

    def __init__(
        self,
        sender: Sender,
        failures: Failures,
        settings: BufferSettings,
        logger: logging.Logger,
    ) -> None:
        self._sender = sender
        self._failures = failures
        self._settings = settings
        self._logger = logger
        self.forget()

    def forget(self) -> None:
        """Begin anew: a process that was forked leaves its parent's events to the parent."""
        self._changed = Condition()
        self._turn = Lock()
        self._turn_of: object = None
        self._waiting: deque[EventArguments] = deque()
        self._sending: deque[Batch] = deque()
        self._in_flight = self._put = self._taken = 0
        self._since = self._look_at = self._retry_at = self._pause = 0.0
        self._worker: Worker | None = None
        self._is_closed = False

    def put(self, event: EventArguments) -> None:
        """Take an event; what happens when there is no room is `when_full`."""
        with self._changed:
            while not (is_taken := self._take(event)) and self._settings.when_full == "block":
                if self._turn_of == me():
                    raise errors.BufferFull(self._settings.max_buffered)
                self._changed.wait()
        if not is_taken:
            if self._settings.when_full == "raise":
                raise errors.BufferFull(self._settings.max_buffered)
            self._spill()
            self.put(event)

    def offer(self, event: EventArguments) -> bool:
        """Take an event if there is room for it, without waiting; say whether it was taken."""
        with self._changed:
            held = len(self._waiting) + self._in_flight + len(self._failures)
            has_room = not self._is_closed and held < self._settings.max_buffered
            return has_room and self._take(event)

    def is_sending(self) -> bool:
        """Whether the sending itself is the caller, by an observer or the like."""
        return self._turn_of == me()

    def wake(self) -> None:
        """Have the worker look after the journal."""
        with self._changed:
            self._start()

    def has_worker(self) -> bool:
        """Whether somebody sends what is due, and looks after the journal."""
        return self._worker is not None and self._worker.is_alive()

    def flush(self) -> None:
        """Send what was put before, and the journal; raise what keeps it from that, or failed."""
        self._send(self._put)
        self._replay(lambda: False)
        self._failures.raise_kept()

    def close(self) -> None:
        """Take no more, end the worker, and send the rest; raise what could not be stored."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        if self._worker:
            self._worker.join()
        try:
            self._send(self._put)
        except Exception as error:  # noqa: BLE001 - raised with the events
            for batch in self.rest():
                for event in batch.events:
                    self._failures.give_up(FailedEvent(event, error))
        self._failures.raise_kept()

    def is_empty(self) -> bool:
        """Whether nothing is left that is not known to be stored; else closing was cut short.

        In the order in which events go: `_in_flight` counts those that are between the two queues.
        """
        return not (self._waiting or self._in_flight or self._sending)

    def rest(self) -> list[Batch]:
        """Hand out what is not known to be stored, and forget it."""
        rest = [*self._sending, *batches_of(self._waiting)]
        self._sending.clear()
        self._waiting.clear()
        self._in_flight = 0
        return rest

    def inherit(self, rest: list[Batch]) -> None:
        """Go on with what another buffer had left."""
        self._sending += rest

    def _take(self, event: EventArguments) -> bool:
        if self._is_closed:
            raise errors.InvalidArgument("the emitter is closed")
        held = len(self._waiting) + self._in_flight
        if held + len(self._failures) >= self._settings.max_buffered:
            if held < self._settings.max_buffered:
                full = errors.BufferFull(self._settings.max_buffered)
                self._failures.raise_kept(FailedEvent(event, full))
            return False
        if not self._waiting:
            self._since = monotonic()
        self._waiting.append(event)
        self._put += 1
        if len(self._waiting) in (1, self._settings.buffer_size):
            self._start()
        return True

    def _start(self) -> None:
        if self._worker is None or not self._worker.is_alive():
            self._worker = start(self._work, "agent-events buffer")
        self._changed.notify_all()

    def _work(self) -> None:
        while self._is_due():
            try:
                self._send(self._due())
                self._replay(lambda: self._is_closed)
            except Exception as error:  # noqa: BLE001 - logged, tried again, raised by flush
                self._back_off(error)

    def _is_due(self) -> bool:
        """Wait until there is something to send; False when the buffer is closed instead."""
        with self._changed:
            while not self._is_closed:
                seconds = self._seconds_left()
                if seconds is not None and seconds <= 0:
                    return True
                wait(self._changed, seconds)
        return False

    def _seconds_left(self) -> float | None:
        now = monotonic()
        is_due = self._sending or self._sender.has_spooled()
        if is_due or len(self._waiting) >= self._settings.buffer_size:
            return self._retry_at - now
        times = [self._look_at] if self._sender.has_journal else []
        if self._waiting:
            times.append(self._since + self._settings.flush_interval)
        return max(min(times), self._retry_at) - now if times else None

    def _due(self) -> int:
        """How many events, of all that were ever put, are to be sent: whole batches, if in time."""
        if monotonic() >= self._since + self._settings.flush_interval:
            return self._put
        return self._put - len(self._waiting) % self._settings.buffer_size

    def _send(self, target: int) -> None:
        """Send all that were put until so many had been."""
        with self._own_turn():
            while self._sending or self._advance(target):
                try:
                    self._sender.send_all(self._sending)
                finally:
                    self._settle()

    def _advance(self, target: int) -> bool:
        with self._changed:
            count = min(self._settings.buffer_size, target - self._taken, len(self._waiting))
            if count <= 0:
                return False
            self._in_flight = count
            self._sending += batches_of(self._waiting.popleft() for _ in range(count))
            self._taken += count
            self._since = monotonic()
            return True

    def _settle(self) -> None:
        with self._changed:
            self._in_flight = sum(len(batch.events) for batch in self._sending)
            self._changed.notify_all()

    def _spill(self) -> None:
        """Make room: everything goes to the journal, in order."""
        with self._own_turn():
            while self._sending or self._advance(self._put):
                try:
                    self._sender.spool(self._sending)
                finally:
                    self._settle()

    @contextmanager
    def _own_turn(self) -> Iterator[None]:
        if self._turn_of == me():
            raise errors.InvalidArgument(
                "an observer, or on_error, waits for the sending that it is called by",
                hint="Neither may flush or close the emitter, nor fill its buffer.",
            )
        with self._turn:
            self._turn_of = me()
            try:
                yield
            finally:
                self._turn_of = None

    def _replay(self, is_over: Callable[[], bool]) -> None:
        with self._own_turn():
            self._sender.replay(is_over)
            self._look_at = monotonic() + self._settings.look_interval
            self._pause = self._retry_at = 0.0

    def _back_off(self, error: Exception) -> None:
        longest, shortest = self._settings.max_backoff, self._settings.min_backoff
        self._pause = min(longest, 2 * self._pause or shortest)
        self._retry_at = monotonic() + self._pause
        self._logger.warning(
            "events wait for the database: %s; next attempt in %.1f s",
            reason_of(error),
            self._pause,
        )
