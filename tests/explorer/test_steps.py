"""Events as steps: what ended what, where they stand on the timeline, what hangs below what."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

from agent_events.explorer.steps import DEEPEST, WIDTH, Step, Timeline, steps_of, tree_of

BEGINNING = datetime(2026, 11, 20, tzinfo=UTC)
RUN = uuid4()


def event(event_type: str, seconds: float = 0, depth: int = 0, **given: Any) -> dict[str, Any]:
    """An event of the run, some seconds after the beginning; other names are `told`."""
    columns = {name: given.pop(name, None) for name in ("causation_id", "aggregate_id", "outcome")}
    return {
        "id": uuid4(),
        "created_at": BEGINNING + timedelta(seconds=seconds),
        "run_id": RUN,
        "aggregate_type": None,
        "event_type": event_type,
        "depth": depth,
        "told": given or None,
        **columns,
    }


def lengths(*events: dict[str, Any]) -> list[float | None]:
    return [step.seconds for step in steps_of(events)]


def test_what_is_completed_has_a_length_and_its_end() -> None:
    called, done = steps_of(
        [
            event("run.tool_called", 1, tool_name="search"),
            event("run.tool_completed", 3, tool_name="search", outcome="failure", error="no"),
        ]
    )
    assert (called.seconds, called.outcome, called.end) == (2, "failure", done)
    assert called.said("error") == "no"
    assert (done.seconds, done.is_end) == (None, True)


def test_calls_of_one_tool_side_by_side_are_told_apart() -> None:
    first, second = event("a.b_called", 0, call_id="1"), event("a.b_called", 1, call_id="2")
    ends = (event("a.b_completed", 2, call_id="2"), event("a.b_completed", 5, call_id="1"))
    assert lengths(first, second, *ends) == [5, 1, None, None]


def test_the_cause_says_best_what_was_ended() -> None:
    first, second = event("job.started"), event("job.started", 1)
    ends = [event("job.failed", 4, causation_id=second["id"]), event("job.completed", 9)]
    assert lengths(first, second, *ends) == [9, 3, None, None]


def test_things_of_other_aggregates_end_nothing() -> None:
    started = event("action.started", aggregate_id="1")
    assert lengths(started, event("action.completed", 1, aggregate_id="2")) == [None, None]


def test_who_says_how_long_it_took_began_before_it_said_so() -> None:
    (call,) = steps_of([event("agent.call_completed", 5, latency_ms=Decimal("1500.0"))])
    assert (call.began, call.seconds) == (BEGINNING + timedelta(seconds=3.5), 1.5)


def test_lengths_that_are_none_are_passed_over() -> None:
    odd: tuple[Any, ...] = ("long", True, -1, 10**400, Decimal("1e5000"), None, {"a": 1}, [])
    assert lengths(*(event("x.y", latency_ms=value) for value in odd)) == [None] * len(odd)


def test_bars_stay_within_the_timeline() -> None:
    steps = steps_of([event("a.x", 0), event("a.y", 5, latency_ms=2500), event("a.z", 10)])
    bars = [Timeline.of(steps).bar(step) for step in steps]
    assert bars[1] == (WIDTH // 4, WIDTH // 4)
    assert all(left >= 0 and width > 0 and left + width <= WIDTH for left, width in bars)


def test_one_moment_is_a_timeline_too() -> None:
    steps = steps_of([event("a.x"), event("a.y")])
    assert [Timeline.of(steps).bar(step)[0] for step in steps] == [0, 0]


def tree(names: str, *depths: int) -> list[dict[str, Any]]:
    return [event(name, depth=depth) for name, depth in zip(names, depths, strict=True)]


def names(steps: list[Step]) -> list[Any]:
    return [[step.event["event_type"], names(step.children)] for step in steps]


def test_a_tree_is_what_comes_depth_first() -> None:
    steps = steps_of(
        [event(name, depth=depth) for name, depth in zip("abcde", (0, 1, 2, 1, 0), strict=True)]
    )
    assert names(tree_of(steps)) == [["a", [["b", [["c", []]]], ["d", []]]], ["e", []]]


def test_a_page_may_begin_in_the_middle_of_a_tree() -> None:
    steps = steps_of(
        [event(name, depth=depth) for name, depth in zip("cde", (3, 2, 3), strict=True)]
    )
    assert names(tree_of(steps)) == [["c", []], ["d", [["e", []]]]]


def test_a_long_chain_is_not_drawn_into_itself_without_end() -> None:
    steps = steps_of([event("a.b", depth=depth) for depth in range(5000)])
    level, deepest = tree_of(steps), 0
    while level:
        level, deepest = [child for step in level for child in step.children], deepest + 1
    assert deepest == DEEPEST
