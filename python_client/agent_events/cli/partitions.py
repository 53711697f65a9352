"""`agent-events partitions`: where the partitions are, and what is to become of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from time import monotonic, sleep
from typing import Any, get_args

import click
import psycopg
from psycopg.rows import class_row
from rich.table import Table
from rich.text import Text

from agent_events import Ledger, PartitionStatus, RetentionPolicy
from agent_events.cli._common import connect, dsn_option, json_option, out, print_json, print_table
from agent_events.cli._units import duration_or_never, length, size
from agent_events.models import PartitionInterval

LOCK_WAIT = 30.0
"""Seconds for which set-interval tries to get its locks."""

POLICY = """
    select hot_for, warm_for, cold_for, archive_tablespace, archive_access_method, outbox_for,
      inbox_for, changed_at, changed_by
    from ledger.retention_policy
"""
SETTINGS = "select partition_interval, premake from ledger.partition_settings"
STYLES = {"hot": "green", "archive": "cyan", "cold": "blue", "dropped": "dim"}
DONE_BY = {
    "archive": "agent-events maintain",
    "relocate": "agent-events maintain",
    "cold": "agent-events cold export, then cold drop",
    "expire": "agent-events cold expire",
    "purge": "agent-events maintain, once every relay has delivered it",
}


@click.group("partitions", invoke_without_command=True)
@click.option("--outbox", "with_outbox", is_flag=True, help="Those of the outbox, too.")
@dsn_option
@json_option
@click.pass_context
def command(ctx: click.Context, with_outbox: bool, dsn: str | None, as_json: bool) -> None:
    """List the partitions: tier, age, size, and what is due by the retention policy.

    With --json: every partition, those of the outbox too.
    """
    ctx.obj = (dsn, as_json)
    if ctx.invoked_subcommand is None:
        _list(dsn, with_outbox, as_json)


@command.command("set-interval")
@click.argument("interval", type=click.Choice(get_args(PartitionInterval)))
@click.option(
    "--ahead",
    "premake",
    type=click.IntRange(0, 366),
    help="How many are made ahead. Default: as many as before.",
)
@dsn_option
@json_option
@click.pass_obj
def set_interval(
    parent: tuple[str | None, bool],
    interval: PartitionInterval,
    premake: int | None,
    dsn: str | None,
    as_json: bool,
) -> None:
    """Make a partition per day, week or month from now on.

    What exists stays. A shorter interval holds from the next partition on, a longer one when those
    made ahead are used up.
    """
    with connect(dsn or parent[0], autocommit=True) as connection:
        _until_locked(lambda: Ledger(connection).set_partition_interval(interval, premake=premake))
        settings = _settings(connection)
    if as_json or parent[1]:
        print_json({"partition_interval": settings[0], "premake": settings[1]})
    else:
        out.print(_interval_line(*settings), markup=False)


@command.command("set-retention")
@click.option(
    "--hot",
    "hot_for",
    type=duration_or_never,
    metavar="AGE",
    help="Age at which a partition is archived.",
)
@click.option(
    "--warm",
    "warm_for",
    type=duration_or_never,
    metavar="AGE",
    help="Age at which it is due to leave the database, for a file.",
)
@click.option(
    "--cold",
    "cold_for",
    type=duration_or_never,
    metavar="AGE",
    help="Age at which its file may be deleted.",
)
@click.option(
    "--outbox",
    "outbox_for",
    type=duration_or_never,
    metavar="AGE",
    help="Age at which messages that every relay has delivered are dropped.",
)
@click.option(
    "--inbox",
    "inbox_for",
    type=duration_or_never,
    metavar="AGE",
    help="Age at which consumers forget what they processed; later duplicates are processed again.",
)
@click.option("--tablespace", help="Where archived partitions go; '' leaves them where they are.")
@click.option("--access-method", help="Of archived partitions; '' leaves them as they are.")
@dsn_option
@json_option
@click.pass_context
def set_retention(
    ctx: click.Context,
    hot_for: timedelta | None,
    warm_for: timedelta | None,
    cold_for: timedelta | None,
    outbox_for: timedelta | None,
    inbox_for: timedelta | None,
    tablespace: str | None,
    access_method: str | None,
    dsn: str | None,
    as_json: bool,
) -> None:
    """Set how long events stay in each tier, outbox and inbox. AGE is as 30d, or never.

    The tiers and the outbox count from the end of a partition, the inbox from when an event was
    processed. What is not given stays as it is. Moves and deletes nothing by itself: `agent-events
    maintain` archives and purges, `agent-events cold` does the rest.
    """
    given = {
        "hot_for": hot_for,
        "warm_for": warm_for,
        "cold_for": cold_for,
        "outbox_for": outbox_for,
        "inbox_for": inbox_for,
        "archive_tablespace": tablespace or None,
        "archive_access_method": access_method or None,
    }
    options = {name: name.removeprefix("archive_") for name in given}
    unset = click.core.ParameterSource.DEFAULT
    changes = {
        name: value
        for name, value in given.items()
        if ctx.get_parameter_source(options[name]) is not unset
    }
    if not changes:
        raise click.UsageError("say at least one of --hot, --warm, --cold, --outbox, --inbox")
    with connect(dsn or ctx.obj[0]) as connection:
        now = asdict(_policy(connection))
        kept = {name: now[name] for name in given}
        ledger = Ledger(connection)
        policy = ledger.set_retention(**{**kept, **changes})
        partitions = ledger.partitions()
    if as_json or ctx.obj[1]:
        print_json(_json(policy))
        return
    out.print(_policy_line(policy), markup=False)
    _print_due(partitions)


def _until_locked(change: Any) -> None:
    deadline = monotonic() + LOCK_WAIT
    while True:
        try:
            change()
            return
        except psycopg.errors.LockNotAvailable:
            if monotonic() > deadline:
                raise
        sleep(0.5)


def _list(dsn: str | None, with_outbox: bool, as_json: bool) -> None:
    with connect(dsn) as connection:
        partitions = Ledger(connection).partitions()
        settings, policy = _settings(connection), _policy(connection)
    if as_json:
        for partition in partitions:
            print_json(_json(partition))
        return
    shown = [p for p in partitions if with_outbox or p.parent_name == "agent_events"]
    print_table(_table(shown, datetime.now(UTC)))
    out.print()
    out.print(_totals(partitions), markup=False)
    out.print(_interval_line(*settings), markup=False)
    out.print(_policy_line(policy), markup=False)
    _print_due(partitions)


def _table(partitions: Sequence[PartitionStatus], now: datetime) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("partition", "tier", "from", "to"):
        table.add_column(name, no_wrap=True)
    for name in ("age", "events", "size"):
        table.add_column(name, no_wrap=True, justify="right")
    table.add_column("due", no_wrap=True)
    for p in partitions:
        table.add_row(
            Text(p.partition_name),
            Text(p.tier, style=STYLES[p.tier]),
            f"{p.from_time.astimezone(UTC):%Y-%m-%d}",
            f"{p.to_time.astimezone(UTC):%Y-%m-%d}",
            _age(p, now),
            _count(p),
            size(p.bytes),
            Text(p.due or "", style="yellow"),
        )
    return table


def _age(partition: PartitionStatus, now: datetime) -> str:
    if partition.from_time > now:
        return "ahead"
    return "now" if partition.to_time > now else length(partition.age)


def _count(partition: PartitionStatus) -> str:
    if partition.row_count is None:
        return ""
    return f"{'' if partition.is_counted else '~'}{partition.row_count:,}"


def _totals(partitions: Sequence[PartitionStatus]) -> str:
    parts = []
    for tier in STYLES:
        of_tier = [p for p in partitions if (p.parent_name, p.tier) == ("agent_events", tier)]
        if of_tier:
            space = sum(p.bytes or 0 for p in of_tier)
            parts.append(f"{len(of_tier):,} {tier}" + (f" ({size(space)})" if space else ""))
    outbox = sum(p.bytes or 0 for p in partitions if p.parent_name == "outbox")
    return f"Partitions: {', '.join(parts)}; outbox {size(outbox)}"


def _interval_line(interval: str, premake: int) -> str:
    return f"Interval:   {interval}, {premake} ahead"


def _policy_line(policy: RetentionPolicy) -> str:
    ages = (("hot", policy.hot_for), ("warm", policy.warm_for), ("cold", policy.cold_for))
    if not any(age for _, age in ages):
        text = "for ever: nothing is archived, nothing leaves the database"
    else:
        text = ", ".join(f"{tier} {length(age) if age else 'for ever'}" for tier, age in ages)
    if policy.inbox_for:
        text += f"; inbox {length(policy.inbox_for)}"
    where = ", ".join(filter(None, (policy.archive_tablespace, policy.archive_access_method)))
    outbox = f"; outbox {length(policy.outbox_for)}" if policy.outbox_for else ""
    return f"Retention:  {text}{outbox}" + (f"; archived to {where}" if where else "")


def _print_due(partitions: Sequence[PartitionStatus]) -> None:
    for due, by in DONE_BY.items():
        count = sum(p.due == due for p in partitions)
        if count:
            noun = "partition" if count == 1 else "partitions"
            out.print(f"Due:        {due} {count:,} {noun} ({by})", style="yellow", markup=False)


def _json(value: PartitionStatus | RetentionPolicy) -> dict[str, Any]:
    """Its fields; lengths of time in seconds, times as ISO 8601."""
    return {
        name: field.total_seconds() if isinstance(field, timedelta) else field
        for name, field in asdict(value).items()
    }


def _settings(connection: psycopg.Connection[Any]) -> tuple[str, int]:
    row = connection.execute(SETTINGS).fetchone()
    if row is None:
        raise click.ClickException("ledger.partition_settings is empty")
    return row[0], row[1]


def _policy(connection: psycopg.Connection[Any]) -> RetentionPolicy:
    with connection.cursor(row_factory=class_row(RetentionPolicy)) as cursor:
        policy = cursor.execute(POLICY).fetchone()
    if policy is None:
        raise click.ClickException("ledger.retention_policy is empty")
    return policy
