"""A scripted sales agent, writing what it does through the client as a real one would."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from psycopg import Connection

from .._sync import Ledger
from ..models import Receipt

AGENT = "sales-assistant"


@dataclass(frozen=True, slots=True)
class AgentStory:
    """The ids by which to find again what the agent did."""

    run_id: UUID
    deal_id: UUID
    action_id: UUID
    model_call_id: UUID
    approval_id: UUID


def run_agent(connection: Connection[Any]) -> AgentStory:
    """Let the agent find a customer, open a deal, propose a quote, have it approved and send it.

    Three transactions, like three requests to an application: the agent works until it needs a
    person, the person approves, the agent goes on. Every event names its cause.
    """
    script = _Script(Ledger(connection))
    with connection.transaction():
        started_id = script.start()
        plan = script.plan(started_id)
        pending = script.propose(plan)
    with connection.transaction():
        approved = script.approve(pending)
    with connection.transaction():
        script.carry_out(approved)
        script.finish(started_id)
    return AgentStory(script.run_id, script.deal_id, script.action_id, plan.id, approved.id)


class _Script:
    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.run_id = uuid4()
        self.deal_id = uuid4()
        self.action_id = uuid4()

    def start(self) -> UUID:
        self.ledger.set_context(actor_type="agent", actor_id=AGENT)
        self.ledger.start_run(
            AGENT,
            run_id=self.run_id,
            correlation_id=self.deal_id,
            payload={"goal": "Answer Acme's renewal request", "trigger": "email"},
        )
        (started,) = self.ledger.find_events(run_id=self.run_id, event_types=["run.started"])
        return started.id

    def plan(self, cause: UUID) -> Receipt:
        found = {"matches": 1, "customer": "Acme GmbH"}
        return self._ask_model(self._use_tool("crm_search", {"query": "Acme"}, found, cause))

    def _ask_model(self, cause: Receipt) -> Receipt:
        end = datetime.now(UTC)
        return self.ledger.emit_event(
            "agent.call_completed",
            {
                "timestamp_start": (end - timedelta(milliseconds=1244)).isoformat(),
                "timestamp_end": end.isoformat(),
                "latency_ms": 1244,
                "agent_name": AGENT,
                "method_name": "plan",
                "prompt": "Jane Doe of Acme (jane@acme.example) asks to renew. What next?",
                "raw_output": '{"plan": "open a deal, then send a quote"}',
                "parsed_data": {"plan": ["open_deal", "send_quote"]},
                "parse_result": "success",
                "provider_name": "example",
                "model_name": "example-large-2026-09",
                "usage": {"input_tokens": 812, "output_tokens": 31, "cost": 0.0021},
            },
            subject_id="jane@acme.example",
            deal_id=self.deal_id,
            causation_id=cause.id,
            outcome="success",
        )

    def propose(self, cause: Receipt) -> Receipt:
        created = self._about_deal(
            "deal.created",
            {"name": "Acme renewal 2027", "stage": "lead", "amount": 12500, "currency": "EUR"},
            cause,
        )
        self._about_deal(
            "deal.stage_changed",
            {"old_stage": "lead", "new_stage": "qualified", "reason": "Known customer"},
            created,
        )
        proposed = self._about_action(
            "action.created",
            {
                "action_type": "send_quote",
                "title": "Send the renewal quote to Acme",
                "parameters": {"amount": 12500, "currency": "EUR"},
                "requires_approval": True,
                "risk": "medium",
            },
            cause,
        )
        return self._about_action(
            "action.awaiting_approval",
            {"old_status": "created", "policy": "quotes_over_10k", "approvers": ["user:alice"]},
            proposed,
            outcome="pending",
        )

    def approve(self, cause: Receipt) -> Receipt:
        self.ledger.set_context(run_id=self.run_id, actor_type="user", actor_id="alice")
        return self._about_action(
            "action.approved",
            {"old_status": "awaiting_approval", "comment": "Fine at this price"},
            cause,
        )

    def carry_out(self, cause: Receipt) -> None:
        self.ledger.set_context(run_id=self.run_id, actor_type="agent", actor_id=AGENT)
        started = self._about_action(
            "action.started", {"old_status": "approved", "attempt": 1}, cause
        )
        message = {"message_id": "<1@mail.example>"}
        sent = self._use_tool("send_email", {"template": "renewal_quote"}, message, started.id)
        completed = self._about_action(
            "action.completed",
            {"old_status": "started", "attempt": 1, "result": message},
            sent,
            outcome="success",
            proof={"type": "api_response", "data": {"status": 250, "queued_as": "4F1A"}},
        )
        self._about_deal(
            "deal.stage_changed", {"old_stage": "qualified", "new_stage": "quoted"}, completed
        )

    def finish(self, started_id: UUID) -> None:
        self.ledger.set_context(causation_id=started_id, correlation_id=self.deal_id)
        self.ledger.finish_run(self.run_id, payload={"result": "Quote sent", "steps": 2})

    def _use_tool(
        self, name: str, arguments: dict[str, Any], result: dict[str, Any], cause: UUID
    ) -> Receipt:
        called = self.ledger.emit_event(
            "run.tool_called",
            {"tool_name": name, "arguments": arguments},
            deal_id=self.deal_id,
            causation_id=cause,
        )
        return self.ledger.emit_event(
            "run.tool_completed",
            {"tool_name": name, "duration_ms": 132.4, "result": result},
            deal_id=self.deal_id,
            causation_id=called.id,
            outcome="success",
        )

    def _about_deal(self, event_type: str, payload: dict[str, Any], cause: Receipt) -> Receipt:
        return self.ledger.emit_event(
            event_type,
            payload,
            aggregate_type="deal",
            aggregate_id=str(self.deal_id),
            deal_id=self.deal_id,
            causation_id=cause.id,
        )

    def _about_action(
        self, event_type: str, payload: dict[str, Any], cause: Receipt, **options: Any
    ) -> Receipt:
        return self.ledger.emit_event(
            event_type,
            payload,
            aggregate_type="action",
            aggregate_id=str(self.action_id),
            action_id=self.action_id,
            deal_id=self.deal_id,
            causation_id=cause.id,
            **options,
        )
