"""The window against a simple model: order, one in flight per lane, and what may be confirmed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from agent_events.relay.message import Message
from agent_events.relay.window import Window

FIRST = 1000
"""Position of the first new message; those that are tried again stand before it."""

LANES = [None, "a", "b", "c"]


def message(position: int, lane: str | None, is_retry: bool = False) -> Message:
    return Message(
        "acme",
        position,
        f"event-{position}",
        lane and "deal",
        lane,
        "deal.moved",
        1,
        "{}",
        "trace",
        "correlation",
        "2026-01-31 12:00:00+00",
        None,
        0,
        is_retry,
    )


class Model(RuleBasedStateMachine):
    """A destination that takes, refuses and vanishes as it likes."""

    keeps_order = False

    def __init__(self) -> None:
        super().__init__()
        self.window = Window(keeps_order=self.keeps_order)
        self.next_position = FIRST
        self.next_retry = 0
        self.handed_out: dict[int, Message] = {}
        self.lanes: dict[tuple[str, str], list[int]] = {}
        self.in_flight: dict[int, Message] = {}
        self.refused: dict[int, Message] = {}
        self.over: set[int] = set()
        self.dead: set[int] = set()
        self.delivered: list[int] = []
        self.confirmed = FIRST - 1
        self.retried: list[int] = []
        self.is_closed = False

    @precondition(lambda self: not self.is_closed)
    @rule(lanes=st.lists(st.sampled_from(LANES), min_size=1, max_size=8), unpublished=st.booleans())
    def claim(self, lanes: list[str | None], unpublished: bool) -> None:
        """New messages; the last position may have none."""
        messages = [message(self.next_position + i, lane) for i, lane in enumerate(lanes)]
        self.next_position += len(messages) + unpublished
        self.add(messages)

    @precondition(lambda self: not self.is_closed)
    @rule(lanes=st.lists(st.sampled_from(LANES), min_size=1, max_size=4))
    def claim_retries(self, lanes: list[str | None]) -> None:
        """Parked messages only: the range is empty."""
        messages = [message(self.next_retry + i, lane, True) for i, lane in enumerate(lanes)]
        self.next_retry += len(messages)
        self.add(messages)

    def add(self, messages: list[Message]) -> None:
        self.handed_out |= {each.position: each for each in messages}
        for each in messages:
            if each.lane:
                self.lanes.setdefault(each.lane, []).append(each.position)
        self.window.add(messages, self.next_position - 1)

    @rule(limit=st.integers(1, 6))
    def take(self, limit: int) -> None:
        taken = self.window.take(limit, 1.0)
        assert len(taken) <= limit
        for each in taken:
            assert each.position not in self.in_flight
            assert each.position not in self.over
            if each.lane:
                before = self.before(each)
                allowed = self.over | (set(self.in_flight) if self.keeps_order else set())
                assert before <= allowed, "it overtook another one"
            self.in_flight[each.position] = each

    def before(self, each: Message) -> set[int]:
        """What it must not overtake; a dead message that is tried again may come at any time."""
        assert each.lane is not None
        lane = self.lanes[each.lane]
        before = lane[: lane.index(each.position)]
        return {p for p in before if self.handed_out[p].is_retry or not each.is_retry}

    def pick(self, data: st.DataObject) -> Message:
        """One in flight that may be answered; where order is kept, the first of its lane."""
        firsts: dict[Any, Message] = {}
        for position, each in self.in_flight.items():
            firsts.setdefault(each.lane or position, each)
        return data.draw(st.sampled_from(list(firsts.values())))

    @precondition(lambda self: self.in_flight)
    @rule(data=st.data())
    def deliver(self, data: st.DataObject) -> None:
        each = self.pick(data)
        assert self.window.deliver([each]) == [1.0]
        assert self.window.deliver([each]) == [], "twice makes no difference"
        del self.in_flight[each.position]
        self.over.add(each.position)
        self.delivered.append(each.position)
        if each.is_retry:
            self.retried.append(each.position)

    @precondition(lambda self: self.in_flight)
    @rule(data=st.data())
    def refuse(self, data: st.DataObject) -> None:
        each = self.pick(data)
        assert self.window.refuse(each)
        del self.in_flight[each.position]
        self.refused[each.position] = each
        if self.keeps_order and each.lane:
            for behind in [m for m in self.in_flight.values() if m.lane == each.lane]:
                assert not self.window.refuse(behind)
                del self.in_flight[behind.position]
        assert not self.window.has_lane_in_flight(each)

    @precondition(lambda self: self.refused)
    @rule(data=st.data())
    def park(self, data: st.DataObject) -> None:
        each = data.draw(st.sampled_from(list(self.refused.values())))
        dropped = [m.position for m in self.window.park(each)]
        del self.refused[each.position]
        self.over.add(each.position)
        if each.lane is None:
            assert dropped == []
            return
        expected = {p for p in self.lanes[each.lane] if p > each.position} - self.over
        assert self.is_closed or set(dropped) == expected
        self.over.update(dropped)

    @precondition(lambda self: self.refused)
    @rule(data=st.data())
    def bury(self, data: st.DataObject) -> None:
        each = data.draw(st.sampled_from(list(self.refused.values())))
        self.window.bury(each)
        del self.refused[each.position]
        self.over.add(each.position)
        self.dead.add(each.position)

    @precondition(lambda self: self.in_flight)
    @rule(at_once=st.booleans())
    def lose_the_destination(self, at_once: bool) -> None:
        if at_once:
            self.window.put_back_all()
        else:
            for each in list(self.in_flight.values()):
                assert self.window.in_flight == len(self.in_flight)
                self.window.put_back([each])
                del self.in_flight[each.position]
                assert not self.in_flight or self.window.take(1) == []
        self.in_flight.clear()

    @rule()
    def confirm(self) -> None:
        progress = self.window.progress()
        if progress.through_position is not None:
            assert progress.through_position >= self.confirmed
            self.confirmed = progress.through_position
        assert progress.retried == self.retried
        self.window.was_confirmed(progress)
        self.retried.clear()
        assert not self.window.progress()

    @rule()
    def confirm_in_vain(self) -> None:
        """The database did not answer: the same is confirmed again."""
        assert self.window.progress() == self.window.progress()

    @precondition(lambda self: self.in_flight and not self.is_closed)
    @rule()
    def close(self) -> None:
        self.is_closed = True
        self.window.close()

    @invariant()
    def nothing_is_confirmed_too_early(self) -> None:
        through = self.window.progress().through_position
        if through is not None:
            handed_out = {p for p, m in self.handed_out.items() if p <= through and not m.is_retry}
            assert handed_out <= self.over

    @invariant()
    def counts_are_right(self) -> None:
        assert self.window.in_flight == len(self.in_flight)
        assert (self.window.oldest is None) == (not self.in_flight)

    def teardown(self) -> None:
        """Whatever happened, the rest can be delivered, and everything confirmed."""
        for each in list(self.refused.values()):
            self.window.bury(each)
            self.over.add(each.position)
        while not self.window.is_idle:
            self.take(100)
            assert self.in_flight, "something is neither to be sent nor over"
            for position, each in self.in_flight.items():
                self.window.deliver([each])
                self.over.add(position)
                self.delivered.append(position)
            self.in_flight.clear()
        assert self.window.waiting == 0
        through = self.window.progress().through_position
        confirmed = self.confirmed if through is None else through
        if self.is_closed:
            sent = [p for p in self.delivered if not self.handed_out[p].is_retry]
            assert all(p <= confirmed or self.is_behind_a_retry(p, confirmed) for p in sent)
        elif self.handed_out:
            assert confirmed == self.next_position - 1
            assert self.window.unconfirmed == 0
            assert set(self.handed_out) == self.over

    def is_behind_a_retry(self, position: int, confirmed: int) -> bool:
        """Closing gave up a retry, and with it what stood behind it in its lane."""
        given_up = {p for p in self.handed_out if p not in self.over}
        held_up = min((p for p in given_up if not self.handed_out[p].is_retry), default=None)
        if held_up is None:
            return False
        lane = self.handed_out[held_up].lane
        return confirmed < held_up <= position and any(
            self.handed_out[p].is_retry and self.handed_out[p].lane == lane for p in given_up
        )


class OrderKept(Model):
    """The destination keeps the order of what it is given."""

    keeps_order = True


TestOneInFlight = Model.TestCase
TestOrderKept = OrderKept.TestCase
for case in (TestOneInFlight, TestOrderKept):
    case.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)


@pytest.mark.parametrize("keeps_order", [False, True])
def test_what_was_put_back_goes_first_and_in_order(keeps_order: bool) -> None:
    window = Window(keeps_order=keeps_order)
    window.add([message(p, f"lane {p % 3}") for p in range(6)], 5)
    taken = window.take(4)
    for each in reversed(taken):
        window.put_back([each])
    assert [m.position for m in window.take(4)] == [m.position for m in taken]


def test_a_slow_lane_holds_up_confirming_and_nothing_else() -> None:
    window = Window()
    window.add([message(0, "slow"), *(message(p, "fast") for p in range(1, 10))], 9)
    slow, *_ = window.take(1)
    while taken := window.take(10):
        for each in taken:
            window.deliver([each])
    assert not window.progress()
    assert window.unconfirmed == 10
    window.deliver([slow])
    assert window.progress().through_position == 9


def test_closing_keeps_what_stands_before_something_that_was_sent() -> None:
    window = Window()
    window.add([message(0, "a"), message(1, "a"), message(2, "b"), message(3, "a")], 3)
    first, second = window.take(2)
    assert (first.position, second.position) == (0, 2)
    window.close()
    window.deliver([second])
    window.deliver([first])
    (third,) = window.take(5)
    assert third.position == 1
    window.deliver([third])
    assert window.is_idle
    assert window.progress().through_position == 2
