"""Runs of agents, calls of tools and models, and audited functions, as blocks of code.

    with emitter.run("scorer") as run:
        with run.tool_call("search", {"q": "Acme"}) as call:
            call.result = search("Acme")

What begins and ends is recorded, with duration, outcome and, masked, what went wrong; every emit
inside belongs to the run and names what caused it. docs/agents.md says what is recorded when.
"""

from agent_events.running._async import AsyncModelCall, AsyncRun, AsyncToolCall
from agent_events.running._sync import ModelCall, Run, ToolCall
from agent_events.running.decorators import audited, tool

__all__ = [
    "AsyncModelCall",
    "AsyncRun",
    "AsyncToolCall",
    "ModelCall",
    "Run",
    "ToolCall",
    "audited",
    "tool",
]
