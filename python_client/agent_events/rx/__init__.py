"""ReactiveX: a bus of stored events, Observables in and out of the ledger.

    bus = ReactiveEventBus(emitter)
    bus.on("deal.*", notify)                        # called once the event is stored
    bus.emit("deal.created", {"name": "Acme renewal", "stage": "lead"})

Needs the extra `rx`. docs/event-bus.md says what is promised to whom.
"""

try:
    import reactivex  # noqa: F401 - so that a missing extra is told as one
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        f"agent_events.rx needs a package that is not installed ({error.name}): "
        "pip install 'agent-events[rx]'",
        name=error.name,
    ) from error

from agent_events.rx.attaching import AsyncAttachment, Attachment, callback, observe
from agent_events.rx.bus import AsyncReactiveEventBus, ReactiveEventBus
from agent_events.rx.following import FollowOptions, events
from agent_events.rx.stored import HandlerFailure, StoredEvent

__all__ = [
    "AsyncAttachment",
    "AsyncReactiveEventBus",
    "Attachment",
    "FollowOptions",
    "HandlerFailure",
    "ReactiveEventBus",
    "StoredEvent",
    "callback",
    "events",
    "observe",
]
