"""Topics: what a template may name, and that no value gets out of its place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from relay_engine.messages import PLAIN, message

from agent_events.relay.templates import compile_topic
from agent_events.relay.transport import Transport


@pytest.mark.parametrize(
    ("template", "topic"),
    [
        ("ledger.{tenant_id}.{event_type}", "ledger.acme.deal.moved"),
        ("{relay}/{aggregate_type}/{aggregate_id}", "billing/deal/42"),
        ("{event_type}", "deal.moved"),
        ("fixed", "fixed"),
        ("{{fixed}}.{relay}", "{fixed}.billing"),
        ("{tenant_id}{tenant_id}", "acmeacme"),
    ],
)
def test_values_are_filled_in(template: str, topic: str) -> None:
    assert compile_topic(template, relay="billing", safe=Transport.safe)(PLAIN) == topic


@pytest.mark.parametrize(
    "template",
    ["", "{payload}", "{0}", "{}", "{event_type!r}", "{event_type:>9}", "{event_type.upper}", "{"],
)
def test_anything_else_is_refused(template: str) -> None:
    with pytest.raises(ValueError, match="topic"):
        compile_topic(template, relay="billing", safe=Transport.safe)


@given(st.text())
def test_no_value_adds_a_level_or_a_wildcard(value: str) -> None:
    topic = compile_topic("a.{aggregate_id}.b", relay="billing", safe=Transport.safe)
    made = topic(message(aggregate_id=value))
    assert made.count(".") == 2
    assert not set(made) & set("*># /\n")


def test_no_aggregate_has_a_name_of_its_own() -> None:
    topic = compile_topic("{aggregate_type}", relay="billing", safe=Transport.safe)
    assert topic(message(aggregate_type=None, aggregate_id=None)) == "none"
