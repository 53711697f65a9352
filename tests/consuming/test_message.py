"""CloudEvents as each binding writes them, and what is none."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_events import InboxEvent
from agent_events.consuming import MalformedMessage

ID = UUID("0197c2a4-91f3-7abc-8def-0123456789ab")
ATTRIBUTES = {
    "specversion": "1.0",
    "id": str(ID),
    "source": "/app/acme",
    "type": "deal.created",
    "subject": "deal/42",
    "time": "2026-01-31T12:00:00.123456Z",
    "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "correlationid": "0197c2a4-91f3-7abc-8def-000000000001",
    "schemaversion": "2",
    "position": "17",
    "partitionkey": "deal/42",
}
DATA = {"name": "Ä", "amount": 3}


def check(event: InboxEvent) -> None:
    assert (event.id, event.type, event.source) == (ID, "deal.created", "/app/acme")
    assert (event.tenant_id, event.subject, event.data) == ("acme", "deal/42", DATA)
    assert event.time == datetime(2026, 1, 31, 12, 0, 0, 123456, UTC)
    assert event.trace_id == UUID("0af7651916cd43dd8448eb211c80319c")
    assert event.correlation_id == UUID("0197c2a4-91f3-7abc-8def-000000000001")
    assert (event.schema_version, event.position) == (2, 17)
    assert event.attributes["partitionkey"] == "deal/42"
    assert event.causation_id == ID


@pytest.mark.parametrize("prefix", ["ce-", "Ce-", "ce_", "cloudEvents:", "cloudEvents_"])
@pytest.mark.parametrize("kind", [str, str.encode])
def test_binary(prefix: str, kind: Any) -> None:
    headers = {prefix + name: kind(value) for name, value in ATTRIBUTES.items()}
    body = json.dumps(DATA).encode()
    check(InboxEvent.parse(headers | {"Content-Type": "application/json"}, body))
    check(InboxEvent.parse(list(headers.items()), body, content_type="application/json"))
    check(InboxEvent.parse(headers, body.decode()))


@pytest.mark.parametrize("content_type", ["application/cloudevents+json; charset=UTF-8", None])
def test_structured(content_type: str | None) -> None:
    body = json.dumps(ATTRIBUTES | {"data": DATA, "position": 17})
    headers = {"content-type": content_type} if content_type else {}
    check(InboxEvent.parse(headers, body))
    check(InboxEvent.parse({}, body.encode(), content_type=content_type))
    check(InboxEvent.from_json(InboxEvent.parse(headers, body).to_json()))


def test_headers_of_http_are_percent_encoded() -> None:
    headers = {f"ce-{name}": value for name, value in ATTRIBUTES.items()}
    headers["ce-subject"] = "deal/%C3%84%2042"
    assert InboxEvent.parse(headers, b"").subject == "deal/Ä 42"
    kafka = {f"ce_{name}": value for name, value in ATTRIBUTES.items()} | {"ce_subject": "100%25"}
    assert InboxEvent.parse(kafka, b"").subject == "100%25"


def test_other_data() -> None:
    headers = {f"ce-{name}": value for name, value in ATTRIBUTES.items()}
    for content_type, body, data in (
        ("text/plain", b"hello", b"hello"),
        ("application/vnd.acme+json", b"[1]", [1]),
        (None, b"not json", b"not json"),
        ("application/json", b"", None),
    ):
        event = InboxEvent.parse(headers, body, content_type=content_type)
        assert event.data == data
        assert InboxEvent.from_json(event.to_json()).data == data


def test_ids_that_are_no_uuids() -> None:
    """The same event always has the same id; that of another source is another."""

    def event(source: str, own_id: str) -> InboxEvent:
        return InboxEvent.from_json(ATTRIBUTES | {"source": source, "id": own_id})

    first = event("https://shop.example/orders", "1234")
    assert first.id == event("https://shop.example/orders", "1234").id
    assert first.id != event("https://shop.example/refunds", "1234").id
    assert first.tenant_id is None
    assert first.causation_id is None
    assert InboxEvent.from_json(first.to_json()) == first


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({}, b""),
        ({}, b"\xff"),
        ({}, b"[]"),
        ({}, b'"text"'),
        ({}, json.dumps({**ATTRIBUTES, "specversion": "0.3"}).encode()),
        ({}, json.dumps({**ATTRIBUTES, "id": ""}).encode()),
        ({}, json.dumps({**ATTRIBUTES, "data_base64": "?"}).encode()),
        ({}, json.dumps({**ATTRIBUTES, "data_base64": 3}).encode()),
        ({"ce-id": "1"}, b"{}"),
        ({f"ce-{k}": v for k, v in ATTRIBUTES.items()} | {"content-type": "text/json+json"}, b"{"),
    ],
)
def test_what_is_no_event(headers: dict[str, str], body: bytes) -> None:
    with pytest.raises(MalformedMessage):
        InboxEvent.parse(headers, body)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@given(data=json_values)
def test_what_is_kept_is_what_came(data: Any) -> None:
    """Also what jsonb refuses: NUL characters, lone surrogates, NaN."""
    event = InboxEvent.parse(
        {f"ce-{name}": value for name, value in ATTRIBUTES.items()}
        | {"content-type": "application/json"},
        json.dumps(data),
    )
    kept = json.dumps(event.to_json(), allow_nan=False, ensure_ascii=False)
    kept.encode()
    assert "\\u0000" not in kept
    again = InboxEvent.from_json(kept)
    assert json.dumps(again.data) == json.dumps(event.data)
