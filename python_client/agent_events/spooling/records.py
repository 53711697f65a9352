"""The bytes of a spool file: lines of JSON, each with its checksum.

    {"format": "agent-events/spool/v1", "delivered":           63}
    4c1f9ab2 {"event_type":"deal.created","payload":{"name":"Acme"},"idempotency_key":"…", …}

Before each event stands the CRC-32 of its bytes (zlib.crc32), in eight hex digits. `delivered` is
where the first event begins that may not be stored yet; it is written over in place. A line that
does not end is one that a process was writing when it was killed: nobody was told that it is kept.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from zlib import crc32

from agent_events._queries import to_json
from agent_events.models import EventArguments

VERSION = 1
_HEADER = re.compile(rb'\{"format": "agent-events/spool/v(\d+)", "delivered": *(\d+)\}\n')


@dataclass(frozen=True)
class Header:
    """The first line of a spool file; `length` with its end, in bytes."""

    version: int
    delivered: int
    length: int


def header(delivered: int = 0) -> bytes:
    """Return a first line; each has the same length."""
    return b'{"format": "agent-events/spool/v%d", "delivered": %12d}\n' % (VERSION, delivered)


def parse_header(data: bytes) -> Header | None:
    """Read the first line from the beginning of a file; None where that is no header."""
    found = _HEADER.match(data)
    return Header(int(found[1]), int(found[2]), found.end()) if found else None


def event_line(event: EventArguments) -> bytes:
    """Return the line of an event.

    Raises TypeError or ValueError where the event has no JSON form.
    """
    return line(given(event))


def given(event: EventArguments) -> dict[str, Any]:
    """Return what there is of an event."""
    return {name: value for name, value in event.items() if value is not None}


def line(document: Mapping[str, Any]) -> bytes:
    """Return a line with its checksum."""
    data = to_json(document).encode()
    return b"%08x %b\n" % (crc32(data), data)


def parse_line(data: bytes) -> dict[str, Any] | None:
    """Read a line; None where it is damaged."""
    checksum, text = data[:9], data[9:].removesuffix(b"\n")
    if checksum != b"%08x " % crc32(text):
        return None
    try:
        document = json.loads(text)
    except ValueError:
        return None
    return document if isinstance(document, dict) else None


def parse_event(data: bytes) -> EventArguments | None:
    """Read the line of an event; None where it is damaged."""
    document = parse_line(data)
    return None if document is None else as_event(document)


def as_event(document: Mapping[str, Any]) -> EventArguments:
    """Return an event that was read, with its time as it was."""
    event = dict(document)
    with suppress(KeyError, TypeError, ValueError):  # a text that only the database understands
        event["occurred_at"] = datetime.fromisoformat(event["occurred_at"])
    return cast(EventArguments, event)


@dataclass(frozen=True)
class Portion:
    """The next lines of a file, up to the byte `end`: events, or damaged ones."""

    events: Sequence[EventArguments]
    damaged: bytes
    end: int
