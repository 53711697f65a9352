"""Events for whoever is in the same process, once they are stored."""

from agent_events.rx.bus._async import AsyncReactiveEventBus
from agent_events.rx.bus._sync import ReactiveEventBus

__all__ = ["AsyncReactiveEventBus", "ReactiveEventBus"]
