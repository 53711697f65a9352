"""`agent-events tables`: tables of the application whose changes are events."""

from __future__ import annotations

import click
from rich.table import Table
from rich.text import Text

from agent_events import Ledger, TrackedTable
from agent_events.cli._common import connect, dsn_option, json_option, out, print_json, print_table


@click.group("tables")
def command() -> None:
    """Make the changes of a table events; see what is tracked, and whether it still is."""


@command.command("list")
@dsn_option
@json_option
def list_tables(dsn: str | None, as_json: bool) -> None:
    """List the tracked tables, and what is wrong with their tracking."""
    with connect(dsn) as connection:
        tables = Ledger(connection).tracked_tables()
    if as_json:
        for table in tables:
            print_json(table)
    elif tables:
        print_table(_table(tables))
    else:
        out.print("No table is tracked.")


@command.command()
@click.argument("table")
@click.option("--prefix", "event_prefix", help="Of the event types. Default: the table's name.")
@click.option("--aggregate", "aggregate_type", help="Aggregate type. Default: the prefix.")
@click.option(
    "--key",
    "key_columns",
    multiple=True,
    metavar="COLUMN",
    help="What aggregate_id is made of; may be repeated. Default: the primary key.",
)
@click.option(
    "--exclude", "excluded", multiple=True, metavar="COLUMN", help="Never shown; may be repeated."
)
@click.option(
    "--mask", "masked", multiple=True, metavar="COLUMN", help='Shown as "***"; may be repeated.'
)
@click.option("--tenant-column", metavar="COLUMN", help="Default: the context's tenant.")
@click.option(
    "--publish/--no-publish",
    default=None,
    help="With or without messages in the outbox. Default: as the event types say.",
)
@click.option(
    "--deferred",
    is_flag=True,
    help="Keep changes in their transaction; `agent-events maintain` makes events of them.",
)
@dsn_option
@json_option
def track(
    table: str,
    event_prefix: str | None,
    aggregate_type: str | None,
    key_columns: tuple[str, ...],
    excluded: tuple[str, ...],
    masked: tuple[str, ...],
    tenant_column: str | None,
    publish: bool | None,
    deferred: bool,
    dsn: str | None,
    as_json: bool,
) -> None:
    """Make every change of TABLE an event; as its owner. Again, to change how."""
    with connect(dsn) as connection:
        Ledger(connection).track_table(
            table,
            event_prefix=event_prefix,
            aggregate_type=aggregate_type,
            key_columns=key_columns or None,
            excluded=excluded,
            masked=masked,
            tenant_column=tenant_column,
            publish=publish,
            deferred=deferred,
        )
    _done(table, "tracked", as_json)
    if deferred and not as_json:
        out.print("`agent-events maintain` or `agent-events tables emit` makes the events.")


@command.command()
@click.argument("table")
@dsn_option
@json_option
def untrack(table: str, dsn: str | None, as_json: bool) -> None:
    """Make the changes of TABLE events no more; what was captured stays."""
    with connect(dsn) as connection:
        Ledger(connection).untrack_table(table)
    _done(table, "untracked", as_json)


@command.command("emit")
@dsn_option
@json_option
def emit_captured(dsn: str | None, as_json: bool) -> None:
    """Make events of all that changed in deferred tables; as an operator of every tenant."""
    count = 0
    with connect(dsn, autocommit=True) as connection:
        ledger = Ledger(connection)
        while made := ledger.emit_captured():
            count += made
    if as_json:
        print_json({"emitted": count})
    else:
        out.print(f"{count:,} events made.")


@command.command()
@click.argument("statement_id", type=int)
@click.option("--reason", required=True, help="Why; kept in an event.")
@dsn_option
@json_option
def discard(statement_id: int, reason: str, dsn: str | None, as_json: bool) -> None:
    """Give up changes that cannot become events; `agent-events doctor` names STATEMENT_ID."""
    with connect(dsn) as connection:
        Ledger(connection).discard_captured(statement_id, reason=reason)
    _done(f"statement {statement_id}", "discarded", as_json)


@command.command("add-correlation")
@click.argument("table")
@dsn_option
@json_option
def add_correlation(table: str, dsn: str | None, as_json: bool) -> None:
    """Add trace_id, correlation_id and causation_id to TABLE, filled from the context."""
    with connect(dsn) as connection:
        Ledger(connection).add_correlation(table)
    _done(table, "correlated", as_json)


def _done(table: str, state: str, as_json: bool) -> None:
    if as_json:
        print_json({"table": table, "state": state})
    else:
        out.print(f"{table}: {state}", markup=False)


def _table(tables: list[TrackedTable]) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("table", "events", "key", "excluded", "masked", "waiting since", "problem"):
        table.add_column(name)
    for row in tables:
        since = f"{row.waiting_since:%Y-%m-%d %H:%M:%S}" if row.waiting_since else ""
        table.add_row(
            Text(row.table_name),
            Text(f"{row.event_prefix}.*"),
            *(Text(", ".join(names)) for names in (row.key_columns, row.excluded, row.masked)),
            Text(since if row.deferred else "at once"),
            Text(row.problem or "", style="red"),
        )
    return table
