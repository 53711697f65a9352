"""Runs."""

from __future__ import annotations

from typing import TypedDict

from agent_events.models.values import ActorType, Id, Json


class RunOptions(TypedDict, total=False):
    """What a run can be told when it begins; what is left out comes from the context.

    run_id           default a new one
    tenant_id        whose run it is
    parent_run_id    run that it is part of; default the run around it, if that is the tenant's
    trace_id         default the trace around it, or a new one
    correlation_id   default the correlation around it, or the trace
    actor_type, actor_id
                     who acts inside it; default the agent, by its name
    payload          fields of run.started: goal, agent_version, trigger, input, ...
    metadata         of run.started
    """

    run_id: Id | None
    tenant_id: str | None
    parent_run_id: Id | None
    trace_id: Id | None
    correlation_id: Id | None
    actor_type: ActorType | None
    actor_id: str | None
    payload: Json | None
    metadata: Json | None
