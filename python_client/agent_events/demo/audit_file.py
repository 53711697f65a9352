"""Make a legacy audit trail as an application leaves it: three months, and a little dirt.

The same seed gives the same file, so that importing it again finds every row already there.
"""

from __future__ import annotations

import json
import random
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

SEED = 20260801
BEGIN = datetime(2026, 8, 1, 6, tzinfo=UTC)
END = datetime(2026, 10, 31, 20, tzinfo=UTC)
EPOCH_UNTIL = BEGIN + timedelta(days=12)  # an older release wrote Unix milliseconds

AGENTS = ("agent:sales-assistant", "agent:inbox-triage", "agent:billing-bot")
USERS = ("user:alice", "user:bob", "user:chen", "user:dana", "user:emre")
COMPANIES = ("Acme GmbH", "Borealis AS", "Cobalt Ltd", "Delta Foods", "Ember Studio", "Fjord Tech")
ACTIONS: dict[str, tuple[str, str]] = {
    "send_email": ("Answer {company}'s question about delivery", "low"),
    "update_crm": ("Correct the billing address of {company}", "low"),
    "book_meeting": ("Book a review meeting with {company}", "low"),
    "send_quote": ("Send the renewal quote to {company}", "medium"),
    "issue_refund": ("Refund the double charge of {company}", "high"),
    "adjust_budget": ("Raise the campaign budget for {company}", "high"),
}
FAILURES = (
    ("smtp_450", "Mailbox unavailable"),
    ("timeout", "CRM did not answer in 30 s"),
    ("rate_limited", "Provider asked to slow down"),
)

Row = tuple[Any, ...]
Step = tuple[datetime, str, str, str | None, str | None]  # time, action_id, event, actor, details


def write_audit_file(path: Path, rows: int = 5000, seed: int = SEED) -> None:
    """Write a SQLite file with a table action_audit_events of about `rows` rows, replacing `path`.

    Less than one row in 100 cannot be imported as it is: events that nobody mapped, broken times,
    missing ids, an audit_id used twice, a NUL character.
    """
    unfinished = path.with_name(path.name + ".part")
    unfinished.unlink(missing_ok=True)
    connection = sqlite3.connect(unfinished)
    try:
        connection.execute(
            "create table action_audit_events "
            "(audit_id integer, action_id text, timestamp, event text, actor text, details text)"
        )
        connection.executemany(
            "insert into action_audit_events values (?, ?, ?, ?, ?, ?)", _rows(rows, seed)
        )
        connection.commit()
    finally:
        connection.close()
    unfinished.replace(path)


def _rows(rows: int, seed: int) -> list[Row]:
    chance = random.Random(seed)  # noqa: S311 - a script for a play, no secret
    steps: list[Step] = []
    number = 0
    while len(steps) < rows:
        number += 1
        steps.extend(_life_of_an_action(chance, number))
    steps = sorted(steps)[:rows]
    table = [
        (audit_id, action_id, _written(at), event, actor, details)
        for audit_id, (at, action_id, event, actor, details) in enumerate(steps, 1)
    ]
    return _soiled(chance, table)


def _life_of_an_action(chance: random.Random, number: int) -> Iterator[Step]:
    """Proposed, perhaps approved by a person, tried, perhaps tried again."""
    at = BEGIN + (END - BEGIN) * chance.random()
    # The older release numbered its actions.
    action_id = f"act-{number:05d}" if at < EPOCH_UNTIL else str(_uuid(chance))
    action_type = chance.choice(list(ACTIONS))
    title, risk = ACTIONS[action_type]
    company = chance.choice(COMPANIES)
    agent = chance.choice(AGENTS)
    details: dict[str, Any] = {
        "action_type": action_type,
        "title": title.format(company=company),
        "params": {"company": company, "amount": round(chance.uniform(40, 9000), 2)},
        "risk": risk,
    }
    if action_type == "send_quote":
        details["deal_id"] = str(_uuid(chance))
    yield at, action_id, "proposed", agent, json.dumps(details)
    if risk != "low":
        at += timedelta(seconds=chance.uniform(1, 5))
        policy = f"{action_type}_needs_approval"
        yield at, action_id, "awaiting_approval", "system", json.dumps({"policy": policy})
        at += timedelta(minutes=chance.uniform(2, 300))
        if chance.random() < 0.15:
            yield at, action_id, "rejected", chance.choice(USERS), "not with this customer"
            return
        comment = {"comment": chance.choice(("ok", "fine at this price", "go ahead"))}
        yield at, action_id, "approved", chance.choice(USERS), json.dumps(comment)
    yield from _attempts(chance, at, action_id, agent)


def _attempts(chance: random.Random, at: datetime, action_id: str, agent: str) -> Iterator[Step]:
    for attempt in (1, 2, 3):
        at += timedelta(seconds=chance.uniform(1, 20))
        yield (
            at,
            action_id,
            "started",
            agent,
            json.dumps({"attempt": attempt, "worker": "mailer-1"}),
        )
        duration = chance.uniform(0.1, 8)
        at += timedelta(seconds=duration)
        done = {"attempt": attempt, "duration_ms": round(duration * 1000, 1)}
        if chance.random() > 0.12:
            result = {"reference": f"{chance.randrange(16**8):08x}"}
            yield at, action_id, "completed", agent, json.dumps(done | {"result": result})
            return
        code, error = chance.choice(FAILURES)
        failure = {"error": error, "error_code": code, "retryable": attempt < 3}
        yield at, action_id, "failed", agent, json.dumps(done | failure)
        if attempt < 3:
            at += timedelta(seconds=1)
            retry = {"old_attempt": attempt, "new_attempt": attempt + 1, "delay_ms": 30_000}
            yield at, action_id, "retried", "system", json.dumps(retry)
            at += timedelta(seconds=30)


def _soiled(chance: random.Random, table: list[Row]) -> list[Row]:
    """Change about one row in 100 the way real trails are damaged; some of it can be imported."""
    defects = {
        "event": ("viewed", "escalated", "viewed", "note_added"),
        "timestamp": ("N/A", None, "0000-00-00 00:00:00"),
        "action_id": (None, ""),
        "audit_id": (None, table[0][0]),
        "actor": ("bob.smith", None),
        "details": ('{"comment": "cut off in the mid', "done by hand, see ticket 4711", "a\0b"),
    }
    columns = ("audit_id", "action_id", "timestamp", "event", "actor", "details")
    soiled = [list(row) for row in table]
    pool = chance.sample(range(1, len(table)), k=max(len(table) // 100, 16))
    flat = [(column, value) for column, values in defects.items() for value in values]
    for index, place in enumerate(pool):
        column, value = flat[index % len(flat)]
        soiled[place][columns.index(column)] = value
    return [tuple(row) for row in soiled]


def _written(at: datetime) -> str | int:
    if at < EPOCH_UNTIL:
        return int(at.timestamp() * 1000)
    return at.isoformat(sep=" ", timespec="milliseconds").replace("+00:00", "Z")


def _uuid(chance: random.Random) -> UUID:
    return UUID(int=chance.getrandbits(128), version=4)
