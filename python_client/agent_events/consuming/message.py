"""A message as a broker hands it over, as an event: CloudEvents 1.0, binary or structured."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self
from urllib.parse import unquote
from uuid import UUID, uuid5

from agent_events.models import LogEntry

PREFIXES = ("ce-", "ce_", "cloudevents:", "cloudevents_")
"""What header names of CloudEvents attributes begin with: HTTP and NATS, Kafka, AMQP (two)."""

PERCENT_ENCODED = "ce-"
"""The prefix of the bindings that write header values percent-encoded."""

FOREIGN = UUID("8f7a4c52-52c5-5a0b-9d0c-3b1e7c1f6a10")
"""Namespace of the ids that are made for events whose own id is no UUID."""

_SOURCE = re.compile(r"/[^/]+/([A-Za-z0-9][A-Za-z0-9._-]{0,62})")
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}.*")
_REQUIRED = ("specversion", "id", "source", "type")
_STRUCTURED = "application/cloudevents"

Headers = Mapping[str, str | bytes] | Iterable[tuple[str, str | bytes]]


class MalformedMessage(ValueError):
    """The message is no CloudEvent."""


@dataclass(frozen=True, slots=True)
class InboxEvent:
    """An event that came to a consumer.

    id              of the event; where the CloudEvent's id is no UUID, one made of source and id
    tenant_id       last part of a source /<ledger>/<tenant>, None for any other source
    subject         <aggregate_type>/<aggregate_id> of a ledger's event
    time            when it was emitted
    data            the payload: what its JSON says, else bytes
    content_type    of the data
    traceparent     W3C trace context
    position        in its tenant's log
    attributes      all attributes of the CloudEvent as they came, extensions too
    """

    id: UUID
    type: str
    source: str
    tenant_id: str | None = None
    subject: str | None = None
    time: datetime | None = None
    data: Any = None
    content_type: str | None = None
    traceparent: str | None = None
    correlation_id: UUID | None = None
    schema_version: int | None = None
    position: int | None = None
    attributes: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def trace_id(self) -> UUID | None:
        """The trace of `traceparent`."""
        match = _TRACEPARENT.fullmatch(self.traceparent or "")
        return UUID(match[1]) if match else None

    @property
    def causation_id(self) -> UUID | None:
        """The id that effects of this event name as their cause: its own, if it is a UUID."""
        return _uuid(self.attributes.get("id", str(self.id)))

    @classmethod
    def parse(cls, headers: Headers, body: str | bytes, *, content_type: str | None = None) -> Self:
        """Return the event of a message: attributes in the headers, or all of it in the body.

        `headers` is a mapping or pairs; `content_type` is for brokers that keep it apart (AMQP).
        Raises `MalformedMessage` for what is no CloudEvent 1.0.
        """
        named = {name.lower(): _text(value) for name, value in _pairs(headers)}
        content_type = content_type or named.get("content-type") or named.get("content_type")
        if (content_type or "").lower().startswith(_STRUCTURED):
            return cls.from_json(body)
        attributes = {
            name.removeprefix(prefix): unquote(value) if prefix == PERCENT_ENCODED else value
            for prefix in PREFIXES
            for name, value in named.items()
            if name.startswith(prefix)
        }
        if not attributes:
            return cls.from_json(body)
        if content_type is not None:
            attributes["datacontenttype"] = content_type
        raw = body.encode() if isinstance(body, str) else bytes(body)
        return cls._make(attributes, _data(raw, attributes.get("datacontenttype")))

    @classmethod
    def from_json(cls, body: str | bytes | Mapping[str, Any]) -> Self:
        """Return the event that a structured CloudEvent (application/cloudevents+json) holds."""
        try:
            given = body if isinstance(body, Mapping) else json.loads(body)
        except ValueError as error:
            raise MalformedMessage(f"neither headers nor body hold a CloudEvent: {error}") from None
        if not isinstance(given, Mapping):
            raise MalformedMessage("a CloudEvent is a JSON object (batches are not supported)")
        attributes = {
            name: str(value)
            for name, value in given.items()
            if name not in ("data", "data_base64") and value is not None
        }
        data = given.get("data")
        if "data_base64" in given:
            try:
                raw = base64.b64decode(given["data_base64"], validate=True)
            except (binascii.Error, TypeError, ValueError) as error:
                raise MalformedMessage(f"data_base64: {error}") from None
            data = _data(raw, attributes.get("datacontenttype"))
        return cls._make(attributes, data)

    @classmethod
    def of_entry(cls, entry: LogEntry, *, ledger_name: str = "ledger") -> Self:
        """Return the event of an entry of the log, as a relay would have delivered it."""
        event = entry.event
        attributes = {
            "specversion": "1.0",
            "id": str(event.id),
            "source": f"/{ledger_name}/{event.tenant_id}",
            "type": event.event_type,
            "time": event.created_at.isoformat(),
            "datacontenttype": "application/json",
            "traceparent": f"00-{event.trace_id.hex}-{event.id.hex[16:]}-01",
            "correlationid": str(event.correlation_id),
            "schemaversion": str(event.schema_version),
            "position": str(entry.position),
        }
        if event.aggregate_type is not None:
            attributes["subject"] = f"{event.aggregate_type}/{event.aggregate_id}"
        return cls._make(attributes, event.payload)

    def to_json(self) -> dict[str, Any]:
        """Return it as a structured CloudEvent, which `from_json` reads; always fit for jsonb."""
        attributes = dict(self.attributes) or {
            "specversion": "1.0",
            "id": str(self.id),
            "source": self.source,
            "type": self.type,
        }
        attributes = {name: value.replace("\0", "") for name, value in attributes.items()}
        if self.data is None:
            return attributes
        if isinstance(self.data, bytes):
            return attributes | {"data_base64": base64.b64encode(self.data).decode()}
        if _fits_jsonb(self.data):
            return attributes | {"data": self.data}
        # Such as "\u0000", which JSON may hold and jsonb may not.
        raw = json.dumps(self.data).encode()
        return attributes | {
            "datacontenttype": "application/json",
            "data_base64": base64.b64encode(raw).decode(),
        }

    @classmethod
    def _make(cls, attributes: dict[str, str], data: Any) -> Self:
        missing = [name for name in _REQUIRED if not attributes.get(name)]
        if missing:
            raise MalformedMessage(f"a CloudEvent needs {', '.join(missing)}")
        if attributes["specversion"] != "1.0":
            raise MalformedMessage(f"specversion is {attributes['specversion']}, not 1.0")
        source = attributes["source"]
        in_ledger = _SOURCE.fullmatch(source)
        own_id = _uuid(attributes["id"])
        return cls(
            id=own_id or uuid5(FOREIGN, f"{source} {attributes['id']}"),
            type=attributes["type"],
            source=source,
            tenant_id=in_ledger[1] if in_ledger else None,
            subject=attributes.get("subject"),
            time=_time(attributes.get("time")),
            data=data,
            content_type=attributes.get("datacontenttype"),
            traceparent=attributes.get("traceparent"),
            correlation_id=_uuid(attributes.get("correlationid")),
            schema_version=_number(attributes.get("schemaversion")),
            position=_number(attributes.get("position")),
            attributes=attributes,
        )


def unreadable(headers: Headers, body: str | bytes) -> tuple[UUID, dict[str, Any]]:
    """Return an id for what is no CloudEvent, the same whenever it comes, and a form to keep it."""
    raw = body.encode() if isinstance(body, str) else bytes(body)
    named = {name: _text(value).replace("\0", "") for name, value in _pairs(headers)}
    digest = hashlib.sha256(json.dumps(named, sort_keys=True).encode() + b"\0" + raw).hexdigest()
    kept = {"headers": named, "body_base64": base64.b64encode(raw).decode()}
    return uuid5(FOREIGN, digest), kept


def reread(message: Mapping[str, Any]) -> InboxEvent:
    """Return the event of a message that the inbox kept."""
    if "body_base64" in message:
        return InboxEvent.parse(message["headers"], base64.b64decode(message["body_base64"]))
    return InboxEvent.from_json(message)


def _pairs(headers: Headers) -> Iterable[tuple[str, str | bytes]]:
    return headers.items() if isinstance(headers, Mapping) else headers


def _text(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _data(raw: bytes, content_type: str | None) -> Any:
    """Read JSON, which is also what data without a type is; None for no data."""
    if not raw:
        return None
    kind = (content_type or "application/json").split(";")[0].strip().lower()
    if kind != "application/json" and not kind.endswith("+json"):
        return raw
    try:
        return json.loads(raw)
    except ValueError as error:
        if content_type is None:
            return raw
        raise MalformedMessage(f"the data is no JSON: {error}") from None


def _fits_jsonb(data: Any) -> bool:
    try:
        text = json.dumps(data, ensure_ascii=False, allow_nan=False)
        text.encode()  # fails for a lone surrogate
    except ValueError:
        return False
    return "\\u0000" not in text


def _uuid(text: str | None) -> UUID | None:
    try:
        return None if text is None else UUID(text)
    except ValueError:
        return None


def _time(text: str | None) -> datetime | None:
    try:
        return None if text is None else datetime.fromisoformat(text)
    except ValueError:
        return None


def _number(text: str | None) -> int | None:
    try:
        return None if text is None else int(text)
    except ValueError:
        return None
