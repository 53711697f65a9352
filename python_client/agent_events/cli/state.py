"""`agent-events state`: an aggregate at any moment, and the snapshots that make it quick."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any, TypeVar

import click
import psycopg
from psycopg.types.json import set_json_loads
from rich.table import Table
from rich.text import Text

from agent_events import AggregateState, Ledger
from agent_events.cli._common import (
    EXIT_REFUSED,
    connect,
    dsn_option,
    err,
    json_option,
    json_text,
    out,
    print_json,
    print_table,
    time,
)
from agent_events.cli._units import size

F = TypeVar("F", bound=Callable[..., Any])
PAGE = 500
"""States that are asked for at a time."""


@contextmanager
def _connect(dsn: str | None) -> Iterator[psycopg.Connection[Any]]:
    """Connect so that numbers in JSON keep all their digits."""
    with connect(dsn) as connection:
        set_json_loads(partial(json.loads, parse_float=Decimal), connection)
        yield connection


def common_options(function: F) -> F:
    """Add the options of every command here."""
    tenant = click.option("--tenant-id", help="Whose ledger. Default: default")
    return tenant(dsn_option(json_option(function)))


def aggregate(function: F) -> F:
    """Add the arguments that name an aggregate."""
    return click.argument("aggregate_type")(click.argument("aggregate_id")(function))


@click.group("state")
def command() -> None:
    """Show what an aggregate was at any moment, and look after snapshots."""


@command.command()
@aggregate
@click.option("--at", "at_time", type=time, help="As of this time (ISO 8601). Default: now.")
@click.option("--sequence", "at_sequence", type=click.IntRange(1), help="After this event.")
@common_options
@click.pass_context
def show(
    ctx: click.Context,
    aggregate_type: str,
    aggregate_id: str,
    at_time: datetime | None,
    at_sequence: int | None,
    tenant_id: str | None,
    dsn: str | None,
    as_json: bool,
) -> None:
    """Show the state of an aggregate, now or at a moment."""
    with _connect(dsn) as connection:
        state = Ledger(connection).state_of(
            aggregate_type,
            aggregate_id,
            at_time=at_time,
            at_sequence=at_sequence,
            tenant_id=tenant_id,
        )
    if state is None:
        _no_event(ctx, aggregate_type, aggregate_id)
    elif as_json:
        print_json(state)
    else:
        out.print(_where(state), style="dim", markup=False)
        out.print(_pretty(state.state), markup=False)


@command.command()
@aggregate
@click.option("--from", "from_time", type=time, help="The earlier moment (ISO 8601).")
@click.option("--to", "to_time", type=time, help="The later moment. Default: now.")
@click.option("--from-sequence", type=click.IntRange(1), help="The same by sequence.")
@click.option("--to-sequence", type=click.IntRange(1), help="The same by sequence.")
@common_options
@click.pass_context
def diff(
    ctx: click.Context,
    aggregate_type: str,
    aggregate_id: str,
    from_time: datetime | None,
    to_time: datetime | None,
    from_sequence: int | None,
    to_sequence: int | None,
    tenant_id: str | None,
    dsn: str | None,
    as_json: bool,
) -> None:
    """Show what changed between two moments, field by field."""
    if from_time is None and from_sequence is None:
        raise click.UsageError("say --from or --from-sequence")
    if (from_time and from_sequence) or (to_time and to_sequence):
        raise click.UsageError("say each moment as a time or as a sequence")
    with _connect(dsn) as connection:
        before, after = (
            Ledger(connection).state_of(
                aggregate_type,
                aggregate_id,
                at_time=at_time,
                at_sequence=at_sequence,
                tenant_id=tenant_id,
            )
            for at_time, at_sequence in ((from_time, from_sequence), (to_time, to_sequence))
        )
    if after is None:
        _no_event(ctx, aggregate_type, aggregate_id)
        return
    old = before.state if before else {}
    for pointer, was, now in differences(old, after.state):
        if as_json:
            changed = {"old": was, "new": now}
            print_json({"path": pointer} | {k: v for k, v in changed.items() if v is not ABSENT})
            continue
        if was is not ABSENT:
            out.print(Text(f"- {pointer}: {_compact(was)}", style="red"))
        if now is not ABSENT:
            out.print(Text(f"+ {pointer}: {_compact(now)}", style="green"))


@command.command()
@aggregate
@click.option("--from-sequence", type=click.IntRange(1), default=1, show_default=True)
@click.option("--to-sequence", type=click.IntRange(1), help="Default: the last.")
@common_options
def replay(
    aggregate_type: str,
    aggregate_id: str,
    from_sequence: int,
    to_sequence: int | None,
    tenant_id: str | None,
    dsn: str | None,
    as_json: bool,
) -> None:
    """Print the state after each event."""
    with _connect(dsn) as connection:
        ledger = Ledger(connection)
        while to_sequence is None or from_sequence <= to_sequence:
            last = from_sequence + PAGE - 1
            page = ledger.replay_stream(
                aggregate_type,
                aggregate_id,
                from_sequence=from_sequence,
                to_sequence=last if to_sequence is None else min(last, to_sequence),
                tenant_id=tenant_id,
            )
            for state in page:
                if as_json:
                    print_json(state)
                else:
                    head = f"{state.sequence} {_time(state.created_at)} {state.event_type}"
                    out.print(Text.assemble((head, "bold"), f"  {_compact(state.state)}"))
            if len(page) < PAGE:
                return
            from_sequence += PAGE


@command.command()
@aggregate
@common_options
def snapshot(
    aggregate_type: str, aggregate_id: str, tenant_id: str | None, dsn: str | None, as_json: bool
) -> None:
    """Make a snapshot of an aggregate as it is now. For operators."""
    with _connect(dsn) as connection:
        made = Ledger(connection).create_snapshot(aggregate_type, aggregate_id, tenant_id=tenant_id)
    if as_json:
        print_json({"snapshot_id": made})
    else:
        out.print(str(made))


@command.command()
@click.argument("aggregate_type", required=False)
@click.argument("aggregate_id", required=False)
@common_options
def snapshots(
    aggregate_type: str | None,
    aggregate_id: str | None,
    tenant_id: str | None,
    dsn: str | None,
    as_json: bool,
) -> None:
    """List the snapshots of an aggregate, a type or the tenant."""
    with _connect(dsn) as connection:
        found = Ledger(connection).snapshots(aggregate_type, aggregate_id, tenant_id=tenant_id)
    if as_json:
        for row in found:
            print_json(row)
        return
    table = Table(box=None, pad_edge=False)
    for name in ("aggregate", "sequence", "as of", "size", "replayed", "id"):
        table.add_column(name, no_wrap=True)
    for row in found:
        table.add_row(
            Text(f"{row.aggregate_type}/{row.aggregate_id}"),
            f"{row.sequence:,}",
            _time(row.event_created_at),
            size(row.bytes),
            f"{row.replayed:,} in {row.replay_ms:,.0f} ms",
            str(row.id),
        )
    print_table(table)


@command.command()
@click.option("--deep", is_flag=True, help="Replay every aggregate, and compare the states.")
@common_options
@click.pass_context
def verify(
    ctx: click.Context, deep: bool, tenant_id: str | None, dsn: str | None, as_json: bool
) -> None:
    """Say which snapshots are forged or stale. Exits with 1 when one is forged or wrong."""
    with _connect(dsn) as connection:
        findings = Ledger(connection).verify_snapshots(deep=deep, tenant_id=tenant_id)
    for finding in findings:
        if as_json:
            print_json(finding)
        else:
            out.print(
                f"{finding.kind}: {finding.aggregate_type}/{finding.aggregate_id} sequence "
                f"{finding.sequence}, snapshot {finding.snapshot_id}: {finding.detail}",
                markup=False,
            )
    if any(finding.kind != "snapshot stale" for finding in findings):
        ctx.exit(EXIT_REFUSED)
    if not (findings or as_json):
        out.print("All snapshots are what was recorded.", style="green")


class _Absent:
    """What is not there, unlike null."""


ABSENT = _Absent()


def differences(old: Any, new: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Yield the JSON pointer and both values of each difference; objects are compared by field."""
    if isinstance(old, dict) and isinstance(new, dict):
        for name in sorted({*old, *new}):
            step = f"{path}/{name.replace('~', '~0').replace('/', '~1')}"
            yield from differences(old.get(name, ABSENT), new.get(name, ABSENT), step)
    elif old is ABSENT or new is ABSENT or _canonical(old) != _canonical(new):
        yield path, old, new


def _canonical(value: Any) -> str:
    """Return a text to compare by: to Python, true is 1."""
    return json_text(value, sort_keys=True)


def _no_event(ctx: click.Context, aggregate_type: str, aggregate_id: str) -> None:
    err.print(
        f"{aggregate_type}/{aggregate_id} had no event by then that you may see",
        style="red",
        markup=False,
    )
    ctx.exit(EXIT_REFUSED)


def _where(state: AggregateState) -> str:
    since = f"since snapshot {state.snapshot_id}" if state.snapshot_id else "from the first on"
    return (
        f"sequence {state.sequence:,}, {_time(state.created_at)}, event {state.event_id}; "
        f"{state.replayed:,} events replayed {since}"
    )


def _time(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S.%fZ}"


def _pretty(value: Any) -> str:
    return json_text(value, ensure_ascii=False, indent=2)


def _compact(value: Any) -> str:
    return json_text(value, ensure_ascii=False)
