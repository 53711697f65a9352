"""The decorators `tool` and `audited`: what records the call is found when it is called."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from inspect import signature
from typing import TYPE_CHECKING, Any, TypeVar, overload

from agent_events import errors
from agent_events.building.audit import Audit
from agent_events.models import ActorType, Json
from agent_events.running._async import AsyncRun
from agent_events.running._sync import Run
from agent_events.running.auditing._async import AsyncAudited
from agent_events.running.auditing._sync import Audited
from agent_events.running.current import current
from agent_events.running.recording._async import AsyncEmitterRecorder, AsyncLedgerRecorder
from agent_events.running.recording._sync import EmitterRecorder, LedgerRecorder
from agent_events.running.values import arguments_of, recordable
from agent_events.running.wrapping import Block, require_async, wrap

if TYPE_CHECKING:
    from agent_events._async import AsyncLedger
    from agent_events._sync import Ledger
    from agent_events.emitting._async import AsyncAuditEmitter
    from agent_events.emitting._sync import AuditEmitter

    Target = AuditEmitter[Any] | AsyncAuditEmitter[Any] | Ledger | AsyncLedger

F = TypeVar("F", bound=Callable[..., Any])


@overload
def tool(name: F, /) -> F: ...


@overload
def tool(
    name: str | None = None,
    /,
    *,
    step: int | None = None,
    record_arguments: bool = False,
    record_result: bool = False,
) -> Callable[[F], F]: ...


def tool(
    name: Any = None,
    /,
    *,
    step: int | None = None,
    record_arguments: bool = False,
    record_result: bool = False,
) -> Any:
    """Have every call of a function as a call of a tool, in the run around it.

    `@tool` or `@tool("search", record_arguments=True)`; the name is the function's where it is left
    out. Arguments and result are recorded only where that is asked for. A call outside of a run
    raises `errors.InvalidArgument`, and so does a plain function's in an asynchronous run.
    """
    if callable(name):
        return tool()(name)

    def decorate(function: F) -> F:
        tool_name = name or function.__name__

        def make(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Block:
            run = _run_around(tool_name)
            require_async(function, run)
            arguments = arguments_of(function, args, kwargs) if record_arguments else None
            return run.tool_call(tool_name, arguments, step=step, record_result=record_result)

        return wrap(function, make)

    return decorate


def audited(
    event_type: str,
    *,
    target: tuple[str, str] | None = None,
    payload: Sequence[str] | Callable[[dict[str, Any]], Json] = (),
    actor: tuple[ActorType, str] | None = None,
    emitter: Target | None = None,
) -> Callable[[F], F]:
    """Have every call of a function as one audit event, with its outcome and duration.

    `target` is the aggregate's type and the name of the parameter that is its id. `payload` names
    the parameters that are its fields, or makes it of the arguments by name; nothing else of them
    is recorded. The actor is the context's unless it is given. The event goes to `emitter`, which
    may be a ledger; else to where the run around records, else to the process's emitter. A failure
    has the exception's type and masked message in the metadata, and is raised.

        @audited("content.publish", target=("post", "id"), payload=["old_status", "new_status"])
        def publish(id: str, old_status: str, new_status: str) -> None: ...
    """

    def decorate(function: F) -> F:
        named = [*(target or ())[1:], *(() if callable(payload) else payload)]
        if missing := [name for name in named if name not in signature(function).parameters]:
            raise errors.InvalidArgument(
                f"{function.__qualname__} has no parameter {', '.join(missing)}",
                hint="target and payload name parameters of the function.",
            )

        def make(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Block:
            given = _with_defaults(function, args, kwargs)
            fields = payload(given) if callable(payload) else {n: given[n] for n in payload}
            words = Audit().action(event_type).payload(recordable(fields))
            if target:
                words = words.target(target[0], str(given[target[1]]))
            if actor:
                words = words.actor(*actor)
            block = _audited(words, emitter)
            require_async(function, block)
            return block

        return wrap(function, make)

    return decorate


def _run_around(tool_name: str) -> Run | AsyncRun:
    run = current()
    if isinstance(run, (Run, AsyncRun)):
        return run
    raise errors.InvalidArgument(
        f"tool {tool_name} was called outside of a run",
        hint="Call it inside of `with emitter.run(…)`.",
    )


def _audited(words: Audit, target: Target | None) -> Audited | AsyncAudited:
    from agent_events._async import AsyncLedger
    from agent_events._sync import Ledger
    from agent_events.emitting import AsyncAuditEmitter, get_emitter

    run = current()
    if target is None and isinstance(run, Run):
        return Audited(run._recorder, words)
    if target is None and isinstance(run, AsyncRun):
        return AsyncAudited(run._recorder, words)
    chosen = target or get_emitter()
    if isinstance(chosen, AsyncLedger):
        return AsyncAudited(AsyncLedgerRecorder(chosen), words)
    if isinstance(chosen, AsyncAuditEmitter):
        return AsyncAudited(AsyncEmitterRecorder(chosen), words)
    if isinstance(chosen, Ledger):
        return Audited(LedgerRecorder(chosen), words)
    return Audited(EmitterRecorder(chosen), words)


def _with_defaults(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> dict[str, Any]:
    bound = signature(function).bind(*args, **kwargs)
    bound.apply_defaults()
    return bound.arguments
