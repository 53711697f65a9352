"""Entry bytes: what is computed from a bundle's line is what the database hashed."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from event.leaf import read_leaves
from hypothesis import given
from hypothesis import strategies as st

from agent_events.evidence.offline.entry import (
    FIELDS,
    BundledEvent,
    MalformedLine,
    format_event,
    parse_event,
    utc_text,
)
from agent_events.evidence.rows import read_positions

FORMS = {
    "text": st.text(st.characters(exclude_categories=("Cs",))),
    "uuid": st.uuids().map(str),
    "time": st.integers(-(1 << 63), (1 << 63) - 1),
    "int8": st.integers(-(1 << 63), (1 << 63) - 1),
    "int4": st.integers(-(1 << 31), (1 << 31) - 1),
    "hash": st.binary(min_size=32, max_size=32).map(bytes.hex),
}
EVENTS = st.builds(
    BundledEvent,
    st.integers(0, 1 << 62),
    st.binary(min_size=32, max_size=32),
    st.fixed_dictionaries({name: st.none() | FORMS[kind] for name, kind in FIELDS}),
)


@given(EVENTS)
def test_a_line_says_exactly_what_it_was_made_of(event: BundledEvent) -> None:
    line = format_event(event.position, event.hash, event.fields)
    assert line.count(b"\n") == 1
    assert parse_event(line) == event


def test_the_hash_is_that_of_another_reader_and_the_databases(evidence: Any) -> None:
    size = evidence.seal()
    expected = {leaf.hash for leaf in read_leaves(evidence.pg) if leaf.fields[0] == b"acme"}
    events = list(read_positions(evidence.pg, "acme", 0, size))
    assert [event.position for event in events] == list(range(size))
    assert all(event.computed_hash() == event.hash for event in events)
    assert {event.hash for event in events} == expected


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "1.0", "true", "[]", '"1"'])
def test_numbers_have_one_form(constant: str) -> None:
    event = BundledEvent(0, bytes(32), {name: None for name, _ in FIELDS})
    line = format_event(0, event.hash, event.fields)
    assert parse_event(line) == event
    changed = line.replace(b'"sequence": null', f'"sequence": {constant}'.encode())
    with pytest.raises(MalformedLine):
        parse_event(changed)


@pytest.mark.parametrize(
    ("time", "text"),
    [
        (0, "2000-01-01T00:00:00.000000Z"),
        (-1, "1999-12-31T23:59:59.999999Z"),
        (None, None),
        (struct.unpack(">q", b"\x7f" + b"\xff" * 7)[0], None),
    ],
)
def test_utc_text(time: int | None, text: str | None) -> None:
    assert utc_text(time) == text
