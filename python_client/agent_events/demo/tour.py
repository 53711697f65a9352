"""The stations of `agent-events demo`: each does one thing for real and shows what came of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC
from pathlib import Path
from time import monotonic
from typing import Any

import psycopg
from psycopg import Connection
from psycopg.conninfo import make_conninfo
from rich.box import SIMPLE_HEAD
from rich.console import Console, RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.progress import track
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from .. import embedded, migrate
from .._sync import Ledger
from ..importing import AuditSource, Importer, Report, Transformer, load_mapping, view
from ..importing.source import SourceRow
from ..models import Event, TraceNode
from .agent import AgentStory, run_agent
from .audit_file import write_audit_file
from .overview import events_by_type, run_status
from .proving import Proven, prove_the_record
from .tampering import try_to_tamper

SEVERITIES = {"error": "bold red", "warning": "yellow", "info": "dim"}


class Tour:
    """Shows each station on `screen` and collects the same as data in `summary`."""

    def __init__(self, screen: Console) -> None:
        self.screen = screen
        self.summary: dict[str, Any] = {}

    def start(self, dsn: str | None) -> str:
        """Start the embedded server unless a database was named; install the ledger; return DSN."""
        self._title("A PostgreSQL with the ledger in it")
        if dsn is None:
            with self.screen.status("starting PostgreSQL …"):
                dsn = make_conninfo(**embedded.ensure_server(embedded.default_dir()))
        with psycopg.connect(dsn) as connection:
            version = connection.info.parameter_status("server_version")
        with self.screen.status("installing the ledger …"):
            revisions = migrate.upgrade(dsn)
        done = ", ".join(revisions) or "the ledger is already there"
        self._say(f"PostgreSQL {version} runs; migrations: {done}")
        self.summary |= {"server_version": version, "migrated": revisions}
        return dsn

    def import_trail(self, connection: Connection[Any], file: Path, rows: int) -> None:
        """Write the legacy audit trail and import it."""
        self._title("An old audit trail moves in")
        file.parent.mkdir(parents=True, exist_ok=True)
        write_audit_file(file, rows)
        transform = Transformer(file.stem, load_mapping(), UTC)
        began = monotonic()
        with AuditSource(file) as source, Report() as report:
            Importer(connection, transform, report).run(self._track(source))
            report_file = file.with_suffix(".import-report.json")
            report.write(report_file, {"source": file.stem, "file": str(file)})
        self._say(escape(f"{file}, {monotonic() - began:.1f} s"))
        self._say(view(report, report_file))
        self.summary["import"] = {"file": str(file), **report.summary()}

    def let_agent_work(self, connection: Connection[Any]) -> AgentStory:
        """Run the scripted agent and draw what caused what."""
        self._title("An agent works on a deal")
        story = run_agent(connection)
        nodes = Ledger(connection).trace(story.deal_id)
        self._say(_tree(nodes))
        status = run_status(connection, story.run_id)["status"]
        self._say(
            f"Run {story.run_id}: {status}. Each line is an event, below the event that caused it. "
            "The model's prompt is kept apart; the event holds its hash."
        )
        self.summary["agent"] = {
            "run_id": story.run_id,
            "run_status": status,
            "deal_id": story.deal_id,
            "events": len(nodes),
        }
        return story

    def tamper(self, connection: Connection[Any], story: AgentStory) -> None:
        """Try to rewrite the approval, as the role that the demo runs as."""
        self._title("Somebody tries to change the past")
        refusals = try_to_tamper(connection, story.approval_id)
        for refusal in refusals:
            self._say(Text(f"{refusal.statement};", "bold"))
            self._say(Text(f"ERROR {refusal.sqlstate}: {refusal.message}\n", "red"))
        power = ", a superuser" if connection.info.parameter_status("is_superuser") == "on" else ""
        self._say(f"That was {connection.info.user}{power}.")
        self.summary["refused"] = [asdict(refusal) for refusal in refusals]

    def prove(self, connection: Connection[Any], dsn: str, anchor: str) -> Proven:
        """Seal, sign a checkpoint that goes to the anchor, and verify the log against it."""
        self._title("An auditor wants to know")
        sealed = Ledger(connection).seal()
        Ledger(connection).count_events()
        self._say(f"{sealed.sealed:,} events sealed: the Merkle tree holds {sealed.tree_size:,}.")
        proven = prove_the_record(dsn, anchor)
        self._say(Text(proven.note, "bold"))
        for finding in proven.findings:
            self._say(Text(finding, "red"))
        if not proven.findings:
            self._say(
                f"[green]verify: all is well[/]. {proven.events:,} events were hashed again, "
                "outside the database; they agree with the signed checkpoint."
            )
        self.summary["proven"] = asdict(proven)
        return proven

    def look_around(self, connection: Connection[Any]) -> bool:
        """Show what is in the ledger, and whether the doctor is content."""
        self._title("What is in the ledger")
        types = events_by_type(connection)
        self._say(_table(types))
        findings = Ledger(connection).doctor()
        for finding in findings:
            text = f"{finding.kind}: {finding.object} {finding.detail or ''}"
            style = SEVERITIES[finding.severity]
            self._say(Text(f"doctor: {finding.severity}: {text}", style))
        if not findings:
            self._say("[green]doctor: all is well[/] (guards, roles, partitions)")
        self.summary["event_types"] = types
        self.summary["findings"] = [asdict(finding) for finding in findings]
        return all(finding.severity == "info" for finding in findings)

    def _track(self, source: AuditSource) -> Iterable[SourceRow]:
        return track(
            source,
            f"importing {source.path.name}",
            total=len(source),
            console=self.screen,
            transient=True,
            disable=not self.screen.is_terminal,
        )

    def _title(self, text: str) -> None:
        self.screen.print(f"\n[bold cyan]{text}[/]")

    def _say(self, text: RenderableType) -> None:
        self.screen.print(Padding(text, (0, 0, 0, 2)))


def _tree(nodes: list[TraceNode]) -> Tree:
    """Build the causation tree; in depth-first order a node's parent is the last one a level up."""
    root = Tree("", hide_root=True)
    branches = [root]
    for node in nodes:
        del branches[node.depth + 1 :]
        branches.append(branches[-1].add(_line(node.event)))
    return root


def _line(event: Event) -> Text:
    line = Text(event.event_type, "bold")
    if subject := _subject(event.payload):
        line.append(f"  {subject}", "not bold")
    if event.actor_type == "user":
        line.append(f"  by {event.actor_type}:{event.actor_id}", "yellow")
    return line


def _subject(payload: dict[str, Any]) -> str:
    """The part of the payload that says most in a few words."""
    if "new_stage" in payload:
        return f"{payload['old_stage']} → {payload['new_stage']}"
    for name in ("tool_name", "model_name", "name", "title", "comment", "policy", "goal"):
        if name in payload:
            return str(payload[name])
    return ""


def _table(types: list[dict[str, Any]]) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_footer=True)
    total = sum(row["events"] for row in types)
    table.add_column("event type", footer=f"{len(types)} types")
    table.add_column("events", justify="right", footer=f"{total:,}")
    table.add_column("imported", justify="right", footer=f"{sum(r['imported'] for r in types):,}")
    table.add_column("first")
    table.add_column("last")
    for row in types:
        days = (f"{row[name]:%Y-%m-%d %H:%M}" for name in ("first", "last"))
        table.add_row(row["event_type"], f"{row['events']:,}", f"{row['imported']:,}", *days)
    return table
