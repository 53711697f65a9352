"""Envelopes, read back by the CloudEvents SDK; and what must not get into a header."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from cloudevents.core.bindings import http
from hypothesis import given
from hypothesis import strategies as st
from relay_engine.messages import PLAIN, message

from agent_events.relay.envelope import Mode, Outgoing, envelope, percent_encoded
from agent_events.relay.message import Message

BOTH = pytest.mark.parametrize("mode", ["binary", "structured"])
texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20)


def outgoing(sent: Message, mode: Mode = "binary", prefix: str = "ce-") -> Outgoing:
    make = envelope(
        mode, source="/app/{tenant_id}", topic=lambda m: m.event_type, header_prefix=prefix
    )
    return make(sent)


def received(sent: Message, mode: Mode) -> tuple[dict[str, Any], Any]:
    """What a receiver with the SDK gets: attributes and data."""
    out = outgoing(sent, mode)
    headers = {name: percent_encoded(value) for name, value in out.headers.items()}
    headers["content-type"] = out.content_type
    event = http.from_http_event(http.HTTPMessage(headers=headers, body=out.body))
    return dict(event.get_attributes()), event.get_data()


@BOTH
def test_attributes_arrive(mode: Mode) -> None:
    attributes, data = received(PLAIN, mode)
    assert data == {"stage": "won"}
    assert str(attributes.pop("schemaversion")) == "1"
    assert attributes == {
        "specversion": "1.0",
        "id": PLAIN.id,
        "source": "/app/acme",
        "type": "deal.moved",
        "subject": "deal/42",
        "time": datetime(2026, 1, 31, 12, 0, 0, 123456, tzinfo=UTC),
        "datacontenttype": "application/json",
        "traceparent": "00-aaaaaaaabbbb4ccc8dddeeeeeeeeeeee-8ccc0123456789ab-01",
        "correlationid": PLAIN.correlation_id,
        "partitionkey": "deal/42",
        "position": "12",
    }


@BOTH
@given(
    aggregate=st.none() | st.tuples(texts, texts),
    payload=st.dictionaries(texts, st.integers() | texts | st.none(), max_size=4),
    position=st.integers(0, 2**63 - 1),
    second=st.sampled_from(["12:00:00+00", "12:00:00.5+00", "23:59:59.999999+00"]),
)
def test_whatever_is_emitted_arrives(
    mode: Mode,
    aggregate: tuple[str, str] | None,
    payload: dict[str, Any],
    position: int,
    second: str,
) -> None:
    kind, name = aggregate or (None, None)
    sent = message(
        aggregate_type=kind,
        aggregate_id=name,
        payload=json.dumps(payload),
        position=position,
        created_at=f"2026-01-31 {second}",
    )
    attributes, data = received(sent, mode)
    assert data == payload
    assert attributes.get("subject") == (f"{kind}/{name}" if aggregate else None)
    assert attributes["position"] == str(position)
    assert attributes["time"] == datetime.fromisoformat(f"2026-01-31 {second}")


@BOTH
def test_trace_of_the_caller_is_kept(mode: Mode) -> None:
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    attributes, _ = received(
        message(headers={"traceparent": parent, "tracestate": "vendor=1"}), mode
    )
    assert (attributes["traceparent"], attributes["tracestate"]) == (parent, "vendor=1")


def test_no_trace_gives_no_traceparent() -> None:
    """All zeros are not valid."""
    out = outgoing(message(trace_id="00000000-0000-0000-0000-000000000000"))
    assert "ce-traceparent" not in out.headers


@BOTH
def test_other_headers_travel_and_override_nothing(mode: Mode) -> None:
    headers = {
        "X-Priority": "high",
        "count": 3,
        "tags": ["a", "ü"],
        "nothing": None,
        "ce-id": "forged",
        "CE-Type": "forged",
        "Content-Type": "text/html",
        "a b": "no header name",
        "split": "one\r\nce-id: forged",
    }
    out = outgoing(message(headers=headers), mode)
    own = {name: v for name, v in out.headers.items() if not name.startswith("ce-")}
    assert own == {
        "X-Priority": "high",
        "count": "3",
        "tags": '["a", "ü"]',
        "split": "one ce-id: forged",
    }
    attributes, _ = received(message(headers=headers), mode)
    assert (attributes["id"], attributes["type"]) == (PLAIN.id, "deal.moved")


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_values_in_ascii_can_be_read_back(value: str) -> None:
    from urllib.parse import unquote

    encoded = percent_encoded(value)
    assert encoded.isascii()
    assert unquote(encoded) == value
    assert not any(char.isspace() for char in encoded)


def test_key_is_the_aggregate_or_the_event() -> None:
    assert outgoing(PLAIN).key == "deal/42"
    assert outgoing(message(aggregate_type=None, aggregate_id=None)).key == PLAIN.id


@pytest.mark.parametrize("prefix", ["ce_", "cloudEvents:"])
def test_prefix_is_the_protocols(prefix: str) -> None:
    assert outgoing(PLAIN, prefix=prefix).headers[f"{prefix}id"] == PLAIN.id


def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(ValueError, match="there are binary and structured"):
        envelope("xml", source="/", topic=lambda _: "", header_prefix="ce-")  # type: ignore[arg-type]
