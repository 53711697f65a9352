"""An agent loop: a model asks for tools until it has an answer, and all of it is on record.

python docs/examples/agent_loop.py
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

from agent_events import AuditEmitter


@dataclass
class Reply:
    """What a model answers: a text, or a tool to be called."""

    text: str
    tool: str | None = None
    call_id: str | None = None
    arguments: dict[str, Any] = field(default_factory=dict)
    usage: dict[str, int] = field(default_factory=dict)


class Model(Protocol):
    """A model's client."""

    name: str

    def answer(self, messages: list[dict[str, Any]]) -> Reply:
        """Answer a conversation."""


class ScriptedModel:
    """Stands for a model: gives these replies in turn."""

    name = "example-large-2026-09"

    def __init__(self, *replies: Reply) -> None:
        self._replies = iter(replies)

    def answer(self, messages: list[dict[str, Any]]) -> Reply:
        """Give the next reply, whatever was asked."""
        return next(self._replies)


def find_deals(customer: str) -> list[dict[str, Any]]:
    """Look into a CRM."""
    return [{"id": "d-7", "customer": customer, "amount": 12500}]


def send_quote(deal_id: str, amount: int) -> dict[str, Any]:
    """Send an email."""
    if amount > 50_000:
        raise PermissionError(f"{deal_id}: a person must approve {amount}")
    return {"deal_id": deal_id, "message_id": "<1@mail.example>"}


TOOLS = {"find_deals": find_deals, "send_quote": send_quote}


def run_agent(emitter: AuditEmitter[Any], model: Model, question: str) -> str:
    """Let the agent work until it has an answer; what a tool raises, the model is told."""
    messages: list[dict[str, Any]] = [{"role": "user", "content": question}]
    with emitter.run("sales-assistant", payload={"goal": "answer", "trigger": "chat"}) as run:
        for step in range(1, 10):
            with run.model_call("example", model.name, prompt=messages, subject_id="u-7") as call:
                reply = model.answer(messages)
                call.report(raw_output=reply.text, usage=reply.usage or None)
            if reply.tool is None:
                run.report(steps=step)
                return reply.text
            try:
                with run.tool_call(
                    reply.tool, reply.arguments, call_id=reply.call_id, step=step
                ) as tool:
                    tool.result = result = TOOLS[reply.tool](**reply.arguments)
            except PermissionError as error:
                result = str(error)
            messages.append({"role": "tool", "content": result})
        raise RuntimeError("no answer after 9 steps")


SCRIPT = (
    Reply(
        "", "find_deals", "call_1", {"customer": "Acme"}, {"input_tokens": 81, "output_tokens": 9}
    ),
    Reply("", "send_quote", "call_2", {"deal_id": "d-7", "amount": 90_000}),
    Reply("", "send_quote", "call_3", {"deal_id": "d-7", "amount": 12_500}),
    Reply("The quote is on its way."),
)


def main() -> None:
    """Run it against the database that `agent_events.dsn` finds."""
    with AuditEmitter() as emitter:
        print(run_agent(emitter, ScriptedModel(*SCRIPT), "Please send Acme a quote."))


if __name__ == "__main__":
    main()
