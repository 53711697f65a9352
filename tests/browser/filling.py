"""A ledger as people look at it: 100,000 events of a month, runs, relays, snapshots."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg

from agent_events import Ledger
from agent_events.anchors import open_store
from agent_events.demo import AgentStory, run_agent
from agent_events.proofs.keys import SigningKey
from agent_events.signing import sign

TENANTS = {"default": 84_000, "acme": 12_000, "globex": 4_000}
ANCHOR = "checkpoints.jsonl"
ORIGIN = "crm.example/ledger/default"
DAYS = 30
BATCH = 500

_DEALS = 2_000
_PEOPLE = ("alice", "bob", "carol", "dmitri", "erika", "farid")
_AGENTS = ("sales-assistant", "triage-bot", "invoice-reader")
_STAGES = ("lead", "qualified", "quoted", "proposal", "won", "lost")
_TOOLS = ("crm_search", "send_email", "calendar_lookup", "web_search")
_OUTCOMES = ("success",) * 16 + ("failure",) * 2 + ("partial",)


@dataclass(frozen=True)
class Filled:
    """What the pages are asked for.

    story         a run of an agent, with what caused what
    proven        an event that the signed checkpoint covers
    unsigned      a sealed event after it
    hostile, large, wide
                  events with a payload of markup, of 5 MB, of 10,000 keys
    folder, vkey  where the anchor is, and by which key its checkpoint is verified
    """

    story: AgentStory
    proven: UUID
    unsigned: UUID
    hostile: UUID
    large: UUID
    wide: UUID
    folder: Path
    vkey: str

    @classmethod
    def example(cls) -> Filled:
        """One without a ledger, for the names of what there will be."""
        story = AgentStory(*[UUID(int=0)] * 5)
        return cls(story, *[UUID(int=0)] * 5, Path(), "")


def fill(connection: psycopg.Connection[Any], folder: Path) -> Filled:
    """Fill an empty ledger, as a superuser in autocommit mode; `folder` gets the anchor."""
    connection.execute("set synchronous_commit = off")
    order = random.Random(8)
    for tenant_id, events in TENANTS.items():
        _emit_past(connection, order, tenant_id, events)
    ledger = Ledger(connection)
    hostile = _emit_hostile(ledger)
    for number in range(5):
        ledger.create_snapshot("deal", str(number))
    stories = [run_agent(connection) for _ in range(12)]
    _deliver(ledger)
    connection.execute("select * from ledger.seal_all()")
    key = SigningKey.generate(ORIGIN)
    sign(connection.info.dsn, key, {"anchor": open_store(f"file:{folder / ANCHOR}")})
    receipt = ledger.emit_event(
        "deal.created", {"name": "After the checkpoint"}, actor_type="user", actor_id="alice"
    )
    connection.execute("select * from ledger.seal_all()")
    connection.execute("call ledger.maintain()")
    while connection.execute("select ledger.count_events()").fetchone() != (0,):
        pass
    connection.execute("analyze")
    return Filled(
        stories[-1], stories[0].approval_id, receipt.id, *hostile, folder, key.vkey().text()
    )


def _emit_past(
    connection: psycopg.Connection[Any], order: random.Random, tenant_id: str, events: int
) -> None:
    """Emit as it would have been emitted then, with the parts of emit_events()."""
    connection.execute("select ledger.ensure_tenant(%s)", [tenant_id])
    connection.execute("select ledger.set_tenant_policy(%s, 'open')", [tenant_id])
    for at in _moments(order, events // BATCH):
        batch = json.dumps([_event(order, at) for _ in range(BATCH)])
        with connection.transaction():
            connection.execute("select ledger.ensure_partition(%s)", [at])
            connection.execute("select ledger.lock_streams(%s, %s)", [tenant_id, batch])
            (written,) = connection.execute(
                "select count(*) from ledger.emit_plain_events(%s, %s, %s)", [tenant_id, batch, at]
            ).fetchone() or (0,)
        assert written == BATCH


def _moments(order: random.Random, count: int) -> list[datetime]:
    """Working hours more than nights, and weekdays more than weekends; the oldest first."""
    now = datetime.now(UTC)
    moments: list[datetime] = []
    while len(moments) < count:
        at = now - timedelta(minutes=order.triangular(2, DAYS * 24 * 60, 2))
        is_quiet = at.weekday() > 4 or not 7 <= at.hour < 19
        if not is_quiet or order.random() < 0.3:
            moments.append(at)
    return sorted(moments)


def _event(order: random.Random, at: datetime) -> dict[str, Any]:
    deal = order.randrange(_DEALS)
    kind = order.random()
    common = {"publish": False, "outcome": order.choice(_OUTCOMES)}
    agent = {"actor_type": "agent", "actor_id": order.choice(_AGENTS)}
    person = {"actor_type": "user", "actor_id": order.choice(_PEOPLE)}
    if kind < 0.3:
        old, new = order.sample(_STAGES, 2)
        payload = {"old_stage": old, "new_stage": new, "reason": "Updated after a call"}
        return common | person | _about("deal", deal) | _typed("deal.stage_changed", payload)
    if kind < 0.42:
        payload = {"name": f"Renewal {deal}", "stage": "lead", "amount": order.randrange(90_000)}
        return common | agent | _about("deal", deal) | _typed("deal.created", payload)
    if kind < 0.8:
        payload = {"tool_name": order.choice(_TOOLS), "arguments": {"query": f"deal {deal}"}}
        return common | agent | _typed("run.tool_called", payload)
    payload = {"old_status": "awaiting_approval", "comment": f"Seen on {at:%A}"}
    return common | person | _about("action", deal) | _typed("action.approved", payload)


def _about(aggregate_type: str, number: int) -> dict[str, str]:
    return {"aggregate_type": aggregate_type, "aggregate_id": str(number)}


def _typed(event_type: str, payload: dict[str, Any]) -> dict[str, Any]:
    return {"event_type": event_type, "payload": payload}


def _emit_hostile(ledger: Ledger) -> Iterator[UUID]:
    payloads: list[dict[str, Any]] = [
        {
            "<script>alert(1)</script>": "<img src=x onerror=alert(1)>",
            "text": "abc \u202edesrever\u202c, \u0633\u0644\u0627\u0645, zero\u200bwidth, \u0007",
            "link": "javascript:alert(1)",
            "number": 12345678901234567890.5,
        },
        {"text": "0123456789" * 500_000},
        {f"key_{number}": number for number in range(10_000)},
    ]
    return iter(
        [
            ledger.emit_event(
                "test.hostile",
                payload,
                aggregate_type="<b>thing</b>",
                aggregate_id="\u202e'\"><script>alert(2)</script>",
                actor_type="user",
                actor_id="<i>mallory</i>",
            ).id
            for payload in payloads
        ]
    )


def _deliver(ledger: Ledger) -> None:
    """Let one relay deliver everything but a message, and another one lag behind."""
    ledger.seal()
    _relay(ledger, "nats", rounds=100, is_permanent=True)
    _relay(ledger, "billing-webhook", rounds=7, is_permanent=False)


def _relay(ledger: Ledger, relay: str, *, rounds: int, is_permanent: bool) -> None:
    """Deliver up to 10,000 positions a round; the first message is refused."""
    has_failed = False
    for _ in range(rounds):
        claim = ledger.claim_outbox(relay, batch_size=10_000, tenant_id="default")
        if claim is None:
            return
        messages = ledger.read_outbox(claim)
        if messages and not has_failed:
            ledger.fail_outbox(
                relay,
                claim.token,
                messages[0].position,
                "connect: connection refused",
                is_permanent=is_permanent,
                tenant_id="default",
            )
            has_failed = True
        ledger.confirm_outbox(
            relay,
            claim.token,
            through_position=claim.through_position,
            release=True,
            tenant_id="default",
        )
