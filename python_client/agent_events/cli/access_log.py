"""`agent-events access-log`: who read what."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import click
from rich.table import Table
from rich.text import Text

from agent_events import Ledger
from agent_events.cli._common import (
    connect,
    dsn_option,
    json_option,
    print_json,
    print_table,
    time,
)
from agent_events.models import AccessEntry

ACTIONS = (
    "private_read",
    "export_started",
    "exported",
    "verified",
    "held",
    "released",
    "erased",
    "partition_exported",
    "partition_dropped",
    "partition_restored",
)


@click.command("access-log")
@click.option("--tenant-id", help="Whose ledger. Default: every tenant that you may see.")
@click.option("--actor", help="The database role that did it.")
@click.option(
    "--action", "actions", multiple=True, type=click.Choice(ACTIONS), help="Any of these."
)
@click.option("--subject-id", help="The person whose private data it was.")
@click.option(
    "--event",
    "event_id",
    type=click.UUID,
    help="The event whose private data it was, or that was exported.",
)
@click.option("--from", "from_time", type=time, help="At this time or later (ISO 8601).")
@click.option("--to", "to_time", type=time, help="Before this time (ISO 8601).")
@click.option(
    "--limit", "page_size", default=100, type=click.IntRange(1, 10_000), show_default=True
)
@dsn_option
@json_option
def command(
    tenant_id: str | None,
    actor: str | None,
    actions: tuple[str, ...],
    subject_id: str | None,
    event_id: UUID | None,
    from_time: datetime | None,
    to_time: datetime | None,
    page_size: int,
    dsn: str | None,
    as_json: bool,
) -> None:
    """Say who read, exported, verified, held or erased what, the newest first.

    For auditors, operators and privacy officers.
    """
    with connect(dsn) as connection:
        entries = Ledger(connection).access_log(
            actor=actor,
            actions=actions or None,
            subject_id=subject_id,
            event_id=event_id,
            from_time=from_time,
            to_time=to_time,
            page_size=page_size,
            tenant_id=tenant_id,
        )
    if as_json:
        for entry in entries:
            print_json(entry)
        return
    print_table(_table(entries))


def _table(entries: list[AccessEntry]) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("at", "tenant", "actor", "action", "events", "purpose", "event id"):
        table.add_column(name, justify="right" if name == "events" else "left", no_wrap=True)
    for entry in entries:
        table.add_row(
            f"{entry.at.astimezone(UTC):%Y-%m-%d %H:%M:%SZ}",
            entry.tenant_id,
            Text(entry.actor or ""),
            entry.action,
            "" if entry.event_count is None else f"{entry.event_count:,}",
            Text(entry.purpose or ""),
            str(entry.event_id),
        )
    return table
