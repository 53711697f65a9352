"""Which message may be sent next, and what can be confirmed: a data structure, and nothing else.

A lane is an aggregate. Of each lane one message is in flight at a time, or several where the
destination keeps their order. What is confirmed is a position up to which everything is over and
done with, so a message that takes long holds up confirming, but no other lane.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from itertools import chain
from typing import NamedTuple

from agent_events.relay.message import Message

Lane = tuple[str, str]


class Progress(NamedTuple):
    """What can be confirmed.

    through_position  up to here everything is delivered or parked; None = nothing new
    retried           positions of retries that were delivered
    """

    through_position: int | None
    retried: list[int]

    def __bool__(self) -> bool:
        """Tell whether there is anything to confirm."""
        return self.through_position is not None or bool(self.retried)


class Window:
    """The messages of a lease, from when they were claimed until they are confirmed.

    Args:
        keeps_order: the destination may be given several messages of a lane at once.
    """

    def __init__(self, *, keeps_order: bool = False) -> None:
        self._keeps_order = keeps_order
        self._ready: deque[Message] = deque()
        # One in flight: the lanes of what is ready, in flight or refused, and what waits there.
        # Order kept: the lanes of what was refused, until its fate is known.
        self._lanes: dict[Lane, deque[Message]] = {}
        self._in_flight: dict[int, tuple[Message, float]] = {}
        self._put_back: list[Message] = []
        self._refused: dict[int, Message] = {}
        self._held = 0
        self._last_sent = -1
        self._handed_out = -1
        # Positions in order, up to the first that is not done; those beyond it that are.
        self._order: deque[int] = deque()
        self._done: set[int] = set()
        self._through: int | None = None
        self._retried: list[int] = []

    @property
    def waiting(self) -> int:
        """How many are to be sent."""
        return len(self._ready) + len(self._put_back) + self._held

    @property
    def in_flight(self) -> int:
        """How many were sent and not settled."""
        return len(self._in_flight)

    @property
    def unconfirmed(self) -> int:
        """How many positions are handed out and not confirmed."""
        return len(self._order)

    @property
    def is_idle(self) -> bool:
        """Nothing is to be sent, in flight or refused."""
        return not (self._in_flight or self._ready or self._held or self._put_back or self._refused)

    @property
    def oldest(self) -> float | None:
        """When the message was sent that has been in flight for longest."""
        return next(iter(self._in_flight.values()))[1] if self._in_flight else None

    def add(self, messages: Iterable[Message], through_position: int) -> None:
        """Take in what a claim handed out, in its order, and the position up to which it goes."""
        for message in messages:
            if not message.is_retry:
                self._handed_out = message.position
                self._order.append(message.position)
            if self._keeps_order or (lane := message.lane) is None:
                self._ready.append(message)
            elif (behind := self._lanes.get(lane)) is None:
                self._lanes[lane] = deque()
                self._ready.append(message)
            else:
                behind.append(message)
                self._held += 1
        if through_position > self._handed_out:  # not so where there were retries only
            self._handed_out = through_position
            self._order.append(through_position)
            self._done.add(through_position)

    def take(self, limit: int, at: float = 0.0) -> list[Message]:
        """Return up to `limit` messages to send now, at this time; they are in flight from then on.

        After a message was put back there are none until nothing is in flight any more, so that
        those before and behind it cannot overtake it.
        """
        if self._put_back:
            if self._in_flight:
                return []
            self._put_back.sort(key=_turn, reverse=True)
            self._ready.extendleft(self._put_back)
            self._put_back.clear()
        ready, in_flight = self._ready, self._in_flight
        taken: list[Message] = []
        while ready and len(taken) < limit:
            message = ready.popleft()
            if self._keeps_order and self._lanes and self._is_blocked(message):
                continue
            in_flight[message.position] = (message, at)
            taken.append(message)
        if taken:
            last = max(message.position for message in taken)
            self._last_sent = max(self._last_sent, last)
        return taken

    def deliver(self, messages: Iterable[Message]) -> list[float]:
        """The destination has them. Returns when those were sent that were in flight."""
        in_flight = self._in_flight
        sent_at = []
        for message in messages:
            if sent := in_flight.pop(message.position, None):
                sent_at.append(sent[1])
                self._finish(message)
                if message.is_retry:
                    self._retried.append(message.position)
        return sent_at

    def put_back(self, messages: Iterable[Message]) -> None:
        """It was not the messages' fault: they are sent again, before everything behind them."""
        for message in messages:
            if self._in_flight.pop(message.position, None):
                self._put_back.append(message)

    def put_back_all(self) -> None:
        """Put back whatever is in flight."""
        self._put_back.extend(message for message, _ in self._in_flight.values())
        self._in_flight.clear()

    def refuse(self, message: Message) -> bool:
        """The destination does not want it: its lane stands until `park` or `bury`.

        Returns False if there is nothing to be decided: it only came behind another one that was
        refused, and is treated as not sent.
        """
        if not self._in_flight.pop(message.position, None):
            return False
        lane = message.lane
        if self._keeps_order and lane is not None:
            if lane in self._lanes:
                self._hold(lane, message)
                return False
            self._lanes[lane] = deque()
        self._refused[message.position] = message
        return True

    def has_lane_in_flight(self, message: Message) -> bool:
        """Tell whether others of its lane are in flight; what was refused waits for them."""
        lane = message.lane
        return lane is not None and any(m.lane == lane for m, _ in self._in_flight.values())

    def park(self, message: Message) -> list[Message]:
        """The refused message is parked, and all of its lane behind it: drop and return them.

        What stands before it in the log, as a dead message does that is tried again, goes on.
        """
        del self._refused[message.position]
        self._mark(message)
        if (lane := message.lane) is None:
            return []
        others = list(self._lanes.pop(lane))
        self._held -= len(others)
        if self._keeps_order:
            others += [m for m in (*self._put_back, *self._ready) if m.lane == lane]
            self._put_back = [m for m in self._put_back if m.lane != lane]
            self._ready = deque(m for m in self._ready if m.lane != lane)
        dropped = [m for m in others if m.position > message.position]
        for behind in dropped:
            self._mark(behind)
        if kept := [m for m in others if m.position < message.position]:
            self._readmit(lane, kept)
        return dropped

    def bury(self, message: Message) -> None:
        """The refused message is dead: its lane goes on."""
        del self._refused[message.position]
        if not self._keeps_order:
            self._finish(message)
            return
        self._mark(message)
        if (lane := message.lane) is not None:
            held = self._lanes.pop(lane)
            self._held -= len(held)
            self._readmit(lane, list(held))

    def close(self) -> None:
        """Give up what was not sent, but for what stands before something that was.

        Once the rest is settled everything sent can be confirmed, and nobody sends it again.
        """
        last = self._last_sent
        unsent = [*self._put_back, *self._ready, *chain.from_iterable(self._lanes.values())]
        given_up = {m.lane for m in unsent if m.is_retry and m.lane is not None}

        def is_kept(message: Message) -> bool:
            return message.position < last and not message.is_retry and message.lane not in given_up

        self._put_back = list(filter(is_kept, self._put_back))
        self._ready = deque(filter(is_kept, self._ready))
        for lane, waiting in self._lanes.items():
            self._lanes[lane] = deque(filter(is_kept, waiting))
        self._held = sum(map(len, self._lanes.values()))

    def abandon(self) -> None:
        """Give up whatever was not sent."""
        self._ready.clear()
        self._put_back.clear()
        for waiting in self._lanes.values():
            waiting.clear()
        self._held = 0

    def progress(self) -> Progress:
        """Return what can be confirmed, until it `was_confirmed`."""
        order, done = self._order, self._done
        while order and (position := order[0]) in done:
            done.remove(position)
            order.popleft()
            self._through = position
        return Progress(self._through, self._retried.copy())

    def was_confirmed(self, progress: Progress) -> None:
        """It is confirmed."""
        if self._through == progress.through_position:
            self._through = None
        del self._retried[: len(progress.retried)]

    def _finish(self, message: Message) -> None:
        """It is done; where one of a lane is in flight at a time, it is the next one's turn."""
        if not message.is_retry:
            self._done.add(message.position)
        if self._keeps_order or (lane := message.lane) is None:
            return
        if behind := self._lanes[lane]:
            self._ready.append(behind.popleft())
            self._held -= 1
        else:
            del self._lanes[lane]

    def _readmit(self, lane: Lane, messages: list[Message]) -> None:
        if self._keeps_order:
            self._ready.extendleft(sorted(messages, key=_turn, reverse=True))
            return
        first, *rest = messages
        self._ready.append(first)
        self._lanes[lane] = deque(rest)
        self._held += len(rest)

    def _mark(self, message: Message) -> None:
        if not message.is_retry:
            self._done.add(message.position)

    def _is_blocked(self, message: Message) -> bool:
        lane = message.lane
        if lane is None or lane not in self._lanes:
            return False
        self._hold(lane, message)
        return True

    def _hold(self, lane: Lane, message: Message) -> None:
        self._lanes[lane].append(message)
        self._held += 1


def _turn(message: Message) -> tuple[bool, int]:
    """What is tried again comes first, as in a claim."""
    return not message.is_retry, message.position
