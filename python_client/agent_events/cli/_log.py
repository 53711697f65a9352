"""The log of a command that goes on until it is told to stop: lines on stderr."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Any

import click

from agent_events.cli._common import plain
from agent_events.cli._units import exact


class LineLog:
    """Writes a line to stderr for each thing that happens; JSON if asked."""

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json
        self._lock = Lock()

    def __call__(self, event: str, /, **fields: Any) -> None:
        """Write a line."""
        at = datetime.now(UTC)
        if self._as_json:
            line = json.dumps({"at": at, "event": event, **fields}, default=_plain)
        else:
            given = (f"{name}={_text(value)}" for name, value in fields.items())
            line = " ".join([f"{at:%Y-%m-%dT%H:%M:%SZ}", event, *given])
        with self._lock:
            click.echo(line, err=True)


def _plain(value: object) -> object:
    return value.total_seconds() if isinstance(value, timedelta) else plain(value)


def _text(value: object) -> str:
    if value is None:
        return "never"
    text = exact(value) if isinstance(value, timedelta) else str(value)
    return json.dumps(text, ensure_ascii=False) if " " in text or '"' in text else text
