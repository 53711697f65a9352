"""What every emit inside a block has in common: tenant, run, trace, correlation, cause, actor.

    with context.use(tenant_id="acme", actor_type="agent", actor_id="publisher"):
        emitter.emit("content.publish", {...})

Whatever an emit of this client leaves out, or None, comes from here; then from `providers`; then,
in the database, from `set_context` and its defaults. It is a context variable: an asyncio task
starts with a copy of what was set where it was made, a thread with nothing
(`contextvars.copy_context().run` carries it over), and neither changes another's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any, TypedDict, Unpack

from agent_events.models import ActorType, EventOptions, Id

_MERGED = ("headers", "metadata")


@dataclass(frozen=True, slots=True)
class Context:
    """What is set at some place; None is not set. The fields are those of `EventOptions`."""

    tenant_id: str | None = None
    run_id: Id | None = None
    trace_id: Id | None = None
    correlation_id: Id | None = None
    causation_id: Id | None = None
    actor_type: ActorType | None = None
    actor_id: str | None = None


class ContextChanges(TypedDict, total=False):
    """The fields of a `Context` to be set; what is left out stays as it is."""

    tenant_id: str | None
    run_id: Id | None
    trace_id: Id | None
    correlation_id: Id | None
    causation_id: Id | None
    actor_type: ActorType | None
    actor_id: str | None


NOTHING = Context()
_NAMES = tuple(ContextChanges.__annotations__)
_current: ContextVar[Context] = ContextVar("agent_events", default=NOTHING)

Provider = Callable[[], EventOptions]
providers: list[Provider] = []
"""Each is asked at every emit, in this order, for what the emit and the context leave out.

Of `headers` and `metadata` it may give some keys: those that the emit does not have are added.
"""


def current() -> Context:
    """Return what is set here."""
    return _current.get()


@contextmanager
def use(**changes: Unpack[ContextChanges]) -> Iterator[Context]:
    """Set fields of the context for the block; those that are left out stay, None clears one."""
    with enter(replace(_current.get(), **changes)) as new:
        yield new


@contextmanager
def enter(new: Context) -> Iterator[Context]:
    """Have the block in a context of its own, all of it."""
    token = _current.set(new)
    try:
        yield new
    finally:
        with suppress(ValueError):  # a generator that ends elsewhere than it began
            _current.reset(token)


def ambient() -> dict[str, Any]:
    """Return what an emit gets here for what it leaves out, by argument; often nothing."""
    context = _current.get()
    if context is NOTHING and not providers:
        return {}
    given = {name: getattr(context, name) for name in _NAMES}
    for provider in providers:
        given = fill(given, provider())
    return {name: value for name, value in given.items() if value is not None}


def around_run(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a run that begins here gets for what it leaves out.

    A run of another tenant is not part of the run around it, and one that names its parent has the
    parent's trace and correlation.
    """
    around = ambient()
    taken = {"tenant_id": around.get("tenant_id")}
    if given.get("parent_run_id") is None:
        taken |= {name: around.get(name) for name in ("trace_id", "correlation_id")}
        if given.get("tenant_id") in (None, around.get("tenant_id")):
            taken["parent_run_id"] = around.get("run_id")
    return taken


def fill(event: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Return the event with what it leaves out taken from `defaults`."""
    if not defaults:
        return dict(event)
    filled = dict(event)
    for name, value in defaults.items():
        given = event.get(name)
        if given is None:
            filled[name] = value
        elif name in _MERGED and value is not None:
            filled[name] = {**value, **given}
    return filled
