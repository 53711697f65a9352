"""What a bus hands on."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import Context
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, cast

from agent_events.models import EventArguments, Json, Receipt, Spooled

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    R = TypeVar("R", bound=Receipt | Spooled, covariant=True, default=Receipt)
else:
    from typing import TypeVar

    R = TypeVar("R", covariant=True)


@dataclass(frozen=True, slots=True)
class StoredEvent(Generic[R]):
    """An event that is in the ledger, or in the journal of an emitter that spools.

    arguments  as it was emitted, with what the context added
    receipt    what the emitter returned for it
    """

    arguments: EventArguments
    receipt: R

    @property
    def event_type(self) -> str:
        """Its type, e.g. 'deal.created'."""
        return self.arguments["event_type"]

    @property
    def payload(self) -> Json:
        """What is in it, as it was emitted: before the database masked secrets."""
        return cast(Json, self.arguments.get("payload") or {})


@dataclass(frozen=True, slots=True)
class Delivery(Generic[R]):
    """An event that is to be handed to a handler, in the context around its emit."""

    event: StoredEvent[R]
    around: Context
    handler: Callable[[StoredEvent[R]], object]


@dataclass(frozen=True, slots=True)
class HandlerFailure:
    """A handler, or an observer of the stream, that raised `error` at an event."""

    event: StoredEvent[Any]
    handler: Callable[..., object]
    error: Exception
