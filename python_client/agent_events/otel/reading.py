"""Attributes of spans, which anybody may have set to anything, as values that the ledger takes."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from agent_events._masking import mask, mask_text

Attributes = Mapping[str, Any]

_LONGEST = 2000


def text(attributes: Attributes, *names: str) -> str | None:
    """Return the first of these attributes that is a text, masked; None when none is."""
    for name in names:
        value = attributes.get(name)
        if isinstance(value, str) and (kept := shown(value)):
            return kept
    return None


def shown(value: str) -> str:
    """Return a text without secrets, cut to 2,000 characters."""
    return mask_text(value.strip(), _LONGEST)


def count(attributes: Attributes, *names: str) -> int | None:
    """Return the first of these attributes that is a number of things."""
    for name in names:
        value = attributes.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return value
    return None


def scalar(value: Any) -> Any:
    """Return a text, number or boolean, or a list of texts; None for anything else."""
    if isinstance(value, str):
        return shown(value)
    if isinstance(value, (bool, int)) or (isinstance(value, float) and math.isfinite(value)):
        return value
    if isinstance(value, (list, tuple)):
        return [shown(item) for item in value if isinstance(item, str)]
    return None


def content(attributes: Attributes, name: str) -> Any:
    """Return what an attribute holds as JSON, or as text where it is none, masked; None without."""
    value = attributes.get(name)
    if isinstance(value, (list, tuple)):
        return scalar(value)
    if not isinstance(value, str):
        return None
    with suppress(ValueError, RecursionError):
        read = json.loads(value, parse_constant=lambda _: None)
        return mask(read if isinstance(read, (dict, list)) else value)
    return mask(value)


def time(nanoseconds: int | None) -> datetime:
    """Return the time of a span; now, where it has none."""
    if nanoseconds is None:
        return datetime.now(UTC)
    seconds, rest = divmod(nanoseconds, 10**9)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest // 1000)
