"""The superuser who tampers, and what the auditor keeps away from the database."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from click.testing import CliRunner

from agent_events.cli import main

AnyConnection = psycopg.Connection[Any]
Report = Callable[..., set[str]]
Audit = Callable[..., list[dict[str, Any]]]

DISARM = """
do $$
declare
  v_target record;
begin
  for v_target in select evtname from pg_event_trigger where evtname like 'ledger_guard%' loop
    execute format('alter event trigger %I disable', v_target.evtname);
  end loop;
  for v_target in select target from ledger_guard.protected_tables loop
    execute format('alter table %s disable trigger user', v_target.target);
  end loop;
end
$$
"""
REARM = """
do $$
declare
  v_target record;
begin
  for v_target in
    select t.tgrelid::regclass as target, t.tgname
    from pg_trigger as t
    where t.tgname like 'ledger_guard%' and t.tgenabled <> 'A'
  loop
    execute format('alter table %s enable always trigger %I', v_target.target, v_target.tgname);
  end loop;
  for v_target in select evtname from pg_event_trigger where evtname like 'ledger_guard%' loop
    execute format('alter event trigger %I enable always', v_target.evtname);
  end loop;
end
$$
"""


@dataclass
class Superuser:
    """Who may do everything: takes the guards away, changes things, and puts the guards back."""

    connection: AnyConnection

    def tampers(self, *statements: str, rearm: bool = True) -> None:
        with self.connection.transaction():
            self.connection.execute(DISARM)
        for statement in statements:
            self.connection.execute(statement)
        if rearm:
            with self.connection.transaction():
                self.connection.execute(REARM)

    def event_at(self, position: int) -> str:
        """SQL for the id of the event at a position."""
        (event_id,) = self.connection.execute(
            "select event_id::text from ledger.log_entries"
            " where tenant_id = 'acme' and position = %s",
            [position],
        ).fetchone() or ("",)
        return f"'{event_id}'::uuid"


@dataclass
class Outside:
    """What the auditor keeps away from the database: key and checkpoints."""

    folder: Path

    @property
    def key(self) -> Path:
        return self.folder / "acme.key"

    @property
    def vkey(self) -> str:
        return self.key.with_name("acme.key.vkey").read_text().strip()

    @property
    def anchor(self) -> str:
        return f"file:{self.folder / 'checkpoints.jsonl'}"

    def notes(self) -> list[str]:
        lines = (self.folder / "checkpoints.jsonl").read_text().splitlines()
        return [json.loads(line)["note"] for line in lines]


def command(*words: str) -> tuple[int, list[dict[str, Any]]]:
    """Run `agent-events`; its exit code and its JSON lines."""
    done = CliRunner().invoke(main, words)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, [
        json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")
    ]
