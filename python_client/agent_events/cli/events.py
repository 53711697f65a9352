"""`agent-events events`: find, show, tail and trace."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, get_args
from uuid import UUID

import click
from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from agent_events import Event, Ledger, TraceNode
from agent_events.cli._common import (
    EXIT_REFUSED,
    connect,
    dsn_option,
    err,
    json_option,
    out,
    plain,
    print_json,
    time,
)
from agent_events.models import ActorType, Outcome

WIDE = 10_000
"""Columns for a tree, which would otherwise be cut at the terminal's edge, ids and all."""

OUTCOME_STYLES = {"success": "green", "failure": "red", "partial": "yellow", "pending": "cyan"}

FILTERS: tuple[tuple[tuple[str, ...], Any, str], ...] = (
    (("--tenant-id",), str, "Whose ledger. Default: default"),
    (("--aggregate-type",), str, "The stream's type, e.g. deal."),
    (("--aggregate-id",), str, "The stream's id."),
    (("--action-prefix",), str, "Start of the event type, e.g. deal."),
    (("--actor-type",), click.Choice(get_args(ActorType)), "Who did it."),
    (("--actor-id",), str, "Who did it."),
    (("--outcome",), click.Choice(get_args(Outcome)), "How it ended."),
    (("--correlation-id",), click.UUID, "What the event is part of."),
    (("--run-id",), click.UUID, "The agent run."),
    (("--trace-id",), click.UUID, "OpenTelemetry trace id, as a UUID."),
    (("--deal-id",), click.UUID, "The deal."),
)
TIMES: tuple[tuple[tuple[str, ...], Any, str], ...] = (
    (("--from", "from_time"), time, "Created at this time or later (ISO 8601)."),
    (("--to", "to_time"), time, "Created before this time (ISO 8601)."),
)


def filter_options(
    *options: tuple[tuple[str, ...], Any, str],
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add these options and `--type`."""

    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        for names, kind, text in reversed(options):
            function = click.option(*names, type=kind, help=text)(function)
        return click.option(
            "--type",
            "event_types",
            multiple=True,
            callback=_list_or_none,
            help="Any of these types.",
        )(function)

    return add


def _list_or_none(
    _: click.Context, __: click.Parameter, value: tuple[str, ...]
) -> list[str] | None:
    return list(value) or None


@click.group("events")
def command() -> None:
    """Read the ledger."""


@command.command()
@filter_options(*FILTERS, *TIMES)
@click.option("--after", "after_id", type=click.UUID, help="Last id of the page before.")
@click.option(
    "--limit", "page_size", default=100, type=click.IntRange(1, 10_000), show_default=True
)
@click.option("--oldest-first", is_flag=True, help="Default: newest first.")
@dsn_option
@json_option
def find(
    after_id: UUID | None,
    page_size: int,
    oldest_first: bool,
    dsn: str | None,
    as_json: bool,
    **filters: Any,
) -> None:
    """List events that match every condition, one per line."""
    with connect(dsn) as connection:
        page = Ledger(connection).find_events(
            after_id=after_id, page_size=page_size, newest_first=not oldest_first, **filters
        )
    for event in page:
        print_event(event, as_json)
    if len(page) == page_size:
        err.print(f"more: --after {page[-1].id}", style="dim")


@command.command()
@click.argument("event_id", type=click.UUID)
@click.option("--tenant-id", help="Whose ledger. Default: default")
@dsn_option
@json_option
@click.pass_context
def show(
    ctx: click.Context, event_id: UUID, tenant_id: str | None, dsn: str | None, as_json: bool
) -> None:
    """Show everything about one event."""
    with connect(dsn) as connection:
        ledger = Ledger(connection)
        event = ledger.get_event(event_id, tenant_id=tenant_id)
        description = ledger.describe_event(event_id, tenant_id=tenant_id) if event else None
        position = None if event else ledger.position_of(event_id, tenant_id=tenant_id)
    if event is None:
        err.print(f"no event {event_id} that you may see", style="red", markup=False)
        if position is not None:
            err.print(
                f"hint: The log has it at position {position}. Is it in a cold file? "
                "agent-events cold list, agent-events cold find"
            )
        ctx.exit(EXIT_REFUSED)
    if as_json:
        print_json(event)
        return
    for name, value in {"description": description, **asdict(event)}.items():
        if value is not None:
            out.print(Text.assemble((f"{name:<15}", "bold"), _readable(value)))


@command.command()
@filter_options(*FILTERS)
@click.option("-n", "count", default=10, type=click.IntRange(0, 10_000), show_default=True)
@click.option("-f", "--follow", is_flag=True, help="Go on printing new events until Ctrl-C.")
@dsn_option
@json_option
def tail(count: int, follow: bool, dsn: str | None, as_json: bool, **filters: Any) -> None:
    """Print the last events, oldest first.

    --follow then prints every event that is committed from now on, once, in the order of the log.
    """
    if not follow:
        with connect(dsn) as connection:
            _print_last(Ledger(connection), count, filters, as_json)
        return
    tenant_id, event_types = filters["tenant_id"], filters["event_types"]
    with suppress(KeyboardInterrupt), connect(dsn, autocommit=True) as connection:
        ledger = Ledger(connection)
        new = ledger.subscribe(only_new=True, event_types=event_types, tenant_id=tenant_id)
        with new:
            printed = _print_last(ledger, count, filters, as_json)
            for entry in new:
                if entry.event.id not in printed and _matches(entry.event, filters):
                    print_event(entry.event, as_json)


def _print_last(
    ledger: Ledger, count: int, filters: dict[str, Any], as_json: bool
) -> frozenset[UUID]:
    """Print the last events and return their ids; some may come again in a log read since."""
    events = ledger.find_events(page_size=count, **filters) if count else []
    for event in reversed(events):
        print_event(event, as_json)
    return frozenset(event.id for event in events)


def _matches(event: Event, filters: dict[str, Any]) -> bool:
    """Tell whether find_events would find it; a subscription knows types and tenant only."""
    prefix = filters["action_prefix"] or ""
    equal = filters.keys() - {"tenant_id", "event_types", "action_prefix"}
    return event.event_type.startswith(prefix) and all(
        getattr(event, name) == filters[name] for name in equal if filters[name] is not None
    )


@command.command()
@click.argument("correlation_id", type=click.UUID)
@click.option("--tenant-id", help="Whose ledger. Default: default")
@dsn_option
@json_option
@click.pass_context
def trace(
    ctx: click.Context, correlation_id: UUID, tenant_id: str | None, dsn: str | None, as_json: bool
) -> None:
    """Draw what caused what within a correlation (or deal)."""
    with connect(dsn) as connection:
        nodes = Ledger(connection).trace(correlation_id, tenant_id=tenant_id)
    if not nodes:
        err.print(f"no event of {correlation_id} that you may see", style="red", markup=False)
        ctx.exit(EXIT_REFUSED)
    if as_json:
        for node in nodes:
            print_json({"depth": node.depth, **asdict(node.event)})
        return
    Console(width=WIDE).print(draw(correlation_id, nodes))


def draw(correlation_id: UUID, nodes: list[TraceNode]) -> Tree:
    """Build the tree; in depth-first order a node's parent is the last one a level up."""
    root = Tree(f"correlation {correlation_id}")
    branches = [root]
    for node in nodes:
        del branches[node.depth + 1 :]
        branches.append(branches[-1].add(line(node.event)))
    return root


def print_event(event: Event, as_json: bool) -> None:
    """Print an event on one line."""
    if as_json:
        print_json(event)
    else:
        out.print(line(event))


def line(event: Event) -> Text:
    """Say when, what, about what, by whom, how it ended, and the id."""
    text = Text.assemble((_utc(event.created_at), "dim"), "  ", (event.event_type, "bold"))
    if event.aggregate_id is not None:
        text.append(f"  {event.aggregate_type}/{event.aggregate_id} #{event.sequence}", "cyan")
    if event.actor_type is not None:
        text.append(f"  {event.actor_type}:{event.actor_id}")
    if event.outcome is not None:
        text.append(f"  {event.outcome}", OUTCOME_STYLES[event.outcome])
    return text.append(f"  {event.id}", "dim")


def _utc(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%fZ")


def _readable(value: Any) -> str:
    if isinstance(value, datetime):
        return _utc(value)
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, indent=2)
    return plain(value) if isinstance(value, bytes | UUID) else str(value)
