"""What an honest log does not sign."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from agent_events.anchors import conflicts
from agent_events.proofs import MalformedNote, SigningKey

Sign = Callable[..., str]


def test_a_growing_tree_has_none(sign: Sign) -> None:
    assert conflicts([]) == []
    assert conflicts([sign(0), sign(1), sign(5), sign(5), sign(1000)]) == []


def test_one_size_with_two_roots(sign: Sign) -> None:
    found = conflicts([sign(1), sign(5), sign(5, "rewritten"), sign(6), sign(6)])
    (conflict,) = found
    assert (conflict.kind, conflict.indexes) == ("two_roots", (1, 2))
    assert (conflict.earlier.tree_size, conflict.later.tree_size) == (5, 5)
    roots = [sign(5, salt).splitlines()[2] for salt in ("", "rewritten")]
    assert str(conflict) == f"two trees of 5 events: root {roots[0]}, then {roots[1]}"


def test_every_other_root_is_held_against_the_first(sign: Sign) -> None:
    found = conflicts([sign(5), sign(5, "a"), sign(5), sign(5, "b")])
    assert [conflict.indexes for conflict in found] == [(0, 1), (0, 3)]


def test_going_backwards(sign: Sign) -> None:
    found = conflicts([sign(10), sign(4), sign(5), sign(4)])
    assert [(c.kind, c.indexes) for c in found] == [("backwards", (0, 1)), ("backwards", (2, 3))]
    assert str(found[0]) == "4 events, after a checkpoint of 10"


def test_a_rewritten_log_that_was_cut_off_first(sign: Sign) -> None:
    kinds = [conflict.kind for conflict in conflicts([sign(4), sign(9), sign(4, "rewritten")])]
    assert kinds == ["two_roots", "backwards"]


def test_origins_do_not_mix(sign: Sign) -> None:
    other = SigningKey.generate("ledger.example/other")
    assert conflicts([sign(5), sign(3, key=other), sign(5, "", key=other), sign(6)]) == []
    assert conflicts([sign(5), sign(5, "x", key=other)]) == []


def test_a_note_that_is_none(sign: Sign) -> None:
    with pytest.raises(MalformedNote):
        conflicts([sign(1), "hello"])
