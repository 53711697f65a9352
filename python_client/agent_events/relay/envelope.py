"""A message as a CloudEvent 1.0.2: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md.

Binary mode: the body is the payload, the attributes are headers. Structured mode: the body is the
event as JSON (the JSON event format of the same release).

 specversion      1.0
 id               of the event
 source           /<ledger name>/<tenant_id>
 type             the event type
 subject          aggregate_type/aggregate_id, if there is an aggregate
 time             created_at
 datacontenttype  application/json; in binary mode the content type is this, and no header
 traceparent      as the caller gave it, else made of the trace id and the event id
 tracestate       as the caller gave it
 correlationid    a UUID
 partitionkey     as subject
 schemaversion    of the payload
 position         in the tenant's log, as text: it may be larger than the Integer of CloudEvents

Other headers of the caller's travel as headers of their own, in both modes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import lru_cache
from json.encoder import encode_basestring as quoted
from typing import Any, Literal, NamedTuple, get_args
from urllib.parse import quote

from agent_events.relay.message import Message
from agent_events.relay.templates import Topic

Mode = Literal["binary", "structured"]

JSON_TYPE = "application/json"
EVENT_TYPE = "application/cloudevents+json"

NO_TRACE = "00000000-0000-0000-0000-000000000000"
TRACE_HEADERS = frozenset({"traceparent", "tracestate"})
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # a token of RFC 9110
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")


class Outgoing(NamedTuple):
    """A message as it is sent.

    topic         subject, topic, routing key, stream or path; made of the template
    key           what must stay in order: aggregate_type/aggregate_id, or the id of the event
    headers       names and values; the values may hold any character but control characters, so
                  a protocol whose headers are ASCII sends them `percent_encoded`
    body          UTF-8
    content_type  of the body; no header of it is among `headers`, until a transport puts it there
    """

    message: Message
    topic: str
    key: str
    headers: dict[str, str]
    body: bytes
    content_type: str


def envelope(
    mode: Mode, *, source: str, topic: Topic, header_prefix: str
) -> Callable[[Message], Outgoing]:
    """Return what makes a message ready to be sent.

    Args:
        mode: 'binary' or 'structured'.
        source: the events' source, in which {tenant_id} stands for the tenant.
        topic: makes the topic of a message.
        header_prefix: before each attribute in a header, as the protocol's binding has it.
    """
    if mode not in get_args(Mode):
        raise ValueError(f"envelope {mode!r}: there are binary and structured")
    source_of = lru_cache(maxsize=4096)(lambda tenant_id: source.replace("{tenant_id}", tenant_id))
    make = _structured if mode == "structured" else _binary
    return make(source_of, topic, header_prefix)


def _binary(
    source_of: Callable[[str], str], topic: Topic, prefix: str
) -> Callable[[Message], Outgoing]:
    ce_specversion = prefix + "specversion"
    ce_id = prefix + "id"
    ce_source = prefix + "source"
    ce_type = prefix + "type"
    ce_subject = prefix + "subject"
    ce_time = prefix + "time"
    ce_traceparent = prefix + "traceparent"
    ce_tracestate = prefix + "tracestate"
    ce_correlationid = prefix + "correlationid"
    ce_partitionkey = prefix + "partitionkey"
    ce_schemaversion = prefix + "schemaversion"
    ce_position = prefix + "position"

    def outgoing(message: Message) -> Outgoing:
        given = message.headers
        headers = {
            ce_specversion: "1.0",
            ce_id: message.id,
            ce_source: source_of(message.tenant_id),
            ce_type: message.event_type,
            ce_time: _time(message.created_at),
            ce_correlationid: message.correlation_id,
            ce_schemaversion: str(message.schema_version),
            ce_position: str(message.position),
        }
        if message.aggregate_type is None:
            key = message.id
        else:
            key = f"{message.aggregate_type}/{message.aggregate_id}"
            headers[ce_subject] = headers[ce_partitionkey] = key
        if trace := _traceparent(message, given):
            headers[ce_traceparent] = trace
        if given:
            if (state := given.get("tracestate")) is not None:
                headers[ce_tracestate] = _text(state)
            headers.update(_own(given, prefix))
        body = message.payload.encode()
        return Outgoing(message, topic(message), key, headers, body, JSON_TYPE)

    return outgoing


def _structured(
    source_of: Callable[[str], str], topic: Topic, prefix: str
) -> Callable[[Message], Outgoing]:
    def outgoing(message: Message) -> Outgoing:
        given = message.headers
        key = message.id
        optional = ""
        if message.aggregate_type is not None:
            key = f"{message.aggregate_type}/{message.aggregate_id}"
            optional = f',"subject":{(text := quoted(key))},"partitionkey":{text}'
        if trace := _traceparent(message, given):
            optional += f',"traceparent":{quoted(trace)}'
        if given and (state := given.get("tracestate")) is not None:
            optional += f',"tracestate":{quoted(_text(state))}'
        event = (
            f'{{"specversion":"1.0","id":"{message.id}",'
            f'"source":{quoted(source_of(message.tenant_id))},"type":"{message.event_type}",'
            f'"time":"{_time(message.created_at)}","datacontenttype":"{JSON_TYPE}"{optional},'
            f'"correlationid":"{message.correlation_id}",'
            f'"schemaversion":{message.schema_version},"position":"{message.position}",'
            f'"data":{message.payload}}}'
        )
        headers = _own(given, prefix) if given else {}
        return Outgoing(message, topic(message), key, headers, event.encode(), EVENT_TYPE)

    return outgoing


def percent_encoded(value: str) -> str:
    """Return a header's value for a protocol whose headers are ASCII.

    As the HTTP binding has it (3.1.3.2), and that of NATS: space, double quote, percent, and all
    outside of printable ASCII become %XX of their UTF-8.
    """
    if value.isascii() and value.isprintable() and not (_ENCODED & set(value)):
        return value
    return quote(value, safe=_KEPT)


_ENCODED = frozenset(' "%')
_KEPT = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in _ENCODED)


def _time(created_at: str) -> str:
    """'2026-01-31 12:00:00.123456+00', as PostgreSQL has it in UTC, by RFC 3339."""
    return f"{created_at[:10]}T{created_at[11:-3]}Z"


def _traceparent(message: Message, given: dict[str, Any] | None) -> str | None:
    """W3C Trace Context: what the caller gave, else the trace id and the event's last 8 bytes."""
    if given and (trace := given.get("traceparent")) is not None:
        return _text(trace)
    if message.trace_id == NO_TRACE:
        return None
    event_id = message.id
    return f"00-{message.trace_id.replace('-', '')}-{event_id[19:23]}{event_id[24:]}-01"


def _own(given: dict[str, Any], prefix: str) -> dict[str, str]:
    """The caller's other headers; never one that would pass for an attribute or content type."""
    reserved = prefix.lower()
    return {
        name: _text(value)
        for name, value in given.items()
        if name not in TRACE_HEADERS
        and value is not None
        and _HEADER_NAME.fullmatch(name)
        and not name.lower().startswith((reserved, "content-"))
    }


def _text(value: Any) -> str:
    """The value of a header: text as it is, anything else as JSON; no control characters."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if text.isprintable() else _CONTROL.sub(" ", text)
