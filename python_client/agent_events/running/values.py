"""Values of a program as JSON that may be recorded: no secrets, and no object's insides."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from enum import Enum
from inspect import signature
from typing import Any
from uuid import UUID

from agent_events._masking import mask

_ITSELF = ("self", "cls")
_DEEPEST = 100  # levels: an object may contain itself


def recordable(value: Any) -> Any:
    """Return the value as JSON, secrets masked; what has no JSON form is only `<its type>`."""
    return mask(_plain(value))


def arguments_of(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the arguments of a call by the parameters' names; raises what the call would raise."""
    bound = signature(function).bind(*args, **kwargs).arguments
    return {name: value for name, value in bound.items() if name not in _ITSELF}


def _plain(value: Any, depth: int = 0) -> Any:
    if isinstance(value, Enum):
        return _plain(value.value, depth)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, UUID | Decimal):
        return str(value)
    if isinstance(value, date):
        return value.isoformat()
    if depth < _DEEPEST and isinstance(value, Mapping):
        return {str(key): _plain(each, depth + 1) for key, each in value.items()}
    if depth < _DEEPEST and isinstance(value, list | tuple | set | frozenset):
        return [_plain(each, depth + 1) for each in value]
    return f"<{type(value).__name__}>"
