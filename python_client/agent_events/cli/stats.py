"""`agent-events stats`: a tenant at a glance, or its events by type, actor, day and the like."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, get_args

import click
import psycopg
from psycopg.rows import dict_row
from rich.table import Table
from rich.text import Text

from agent_events import Ledger, Statistics
from agent_events.cli._common import (
    connect,
    dsn_option,
    err,
    json_option,
    out,
    print_json,
    print_table,
    time,
)
from agent_events.cli._units import length, size

By = Literal["type", "outcome", "actor", "day", "hour", "tenant"]

BAR = 30
"""Characters of the longest bar."""

LATEST = {"day": timedelta(days=30), "hour": timedelta(hours=48)}
"""What --by day and --by hour show without --from."""

# Compared as dates and times in UTC, which is what the counts go by.
QUERIES = {
    "day": """
        select day, events, failures, payload_bytes from ledger.events_per_day
        where tenant_id = coalesce(%(tenant_id)s, ledger.setting('tenant_id'), 'default')
          and day >= (%(from)s at time zone 'UTC')::date
          and day < coalesce((%(to)s::timestamptz at time zone 'UTC'), 'infinity')
        order by day
    """,
    "hour": """
        select hour, events, failures, payload_bytes from ledger.events_per_hour
        where tenant_id = coalesce(%(tenant_id)s, ledger.setting('tenant_id'), 'default')
          and hour >= date_trunc('hour', %(from)s, 'UTC')
          and hour < coalesce(%(to)s::timestamptz, 'infinity')
        order by hour
    """,
    "tenant": """
        select tenant_id, events, share::float8, payload_bytes, uncounted
        from ledger.events_per_tenant
        where %(tenant_id)s::text is null or tenant_id = %(tenant_id)s
        order by events desc, tenant_id
    """,
}


@click.command("stats")
@click.option("--tenant-id", metavar="TENANT", help="Default: 'default'.")
@click.option("--by", type=click.Choice(get_args(By)), help="A table instead of the overview.")
@click.option("--from", "from_time", type=time, metavar="TIME", help="Count from then on.")
@click.option("--to", "to_time", type=time, metavar="TIME", help="Count until then.")
@dsn_option
@json_option
def command(
    tenant_id: str | None,
    by: By | None,
    from_time: datetime | None,
    to_time: datetime | None,
    dsn: str | None,
    as_json: bool,
) -> None:
    """Show how many events there are, how far they are sealed and delivered, and what they are.

    TIME is as 2026-01-31 or 2026-01-31T12:00:00Z, and is rounded to whole hours, with --by actor
    and --by day to whole days, in UTC. --by day shows the last 30 days and --by hour the last 48
    hours unless told.
    """
    if by == "tenant" and (from_time or to_time):
        raise click.UsageError("--by tenant counts all there is: leave --from and --to out")
    if from_time and to_time and from_time > to_time:
        raise click.UsageError("--from is after --to")
    with connect(dsn) as connection:
        if by in QUERIES:
            start = from_time or _before(to_time or datetime.now(UTC), by)
            rows = _rows(connection, by, tenant_id, start, to_time)
        if by == "tenant":
            _print(by, rows, as_json)
            return
        stats = Ledger(connection).stats(
            tenant_id=tenant_id,
            from_time=from_time,
            to_time=to_time,
            with_actors=by == "actor" or None,
        )
    if by:
        _print(by, rows if by in QUERIES else _shares(stats, by), as_json)
    elif as_json:
        print_json(stats)
    else:
        _overview(stats)
    if stats.uncounted:
        _say_uncounted(stats)


def _before(end: datetime, by: str) -> datetime:
    try:
        return end - LATEST.get(by, timedelta())
    except OverflowError:
        return datetime.min.replace(tzinfo=UTC)


def _print(by: str, rows: Sequence[dict[str, Any]], as_json: bool) -> None:
    if not as_json:
        print_table(_table(by, rows))
        return
    for row in rows:
        print_json(row)


def _rows(
    connection: psycopg.Connection[Any],
    by: str,
    tenant_id: str | None,
    start: datetime,
    end: datetime | None,
) -> list[dict[str, Any]]:
    with connection.cursor(row_factory=dict_row) as cursor:
        arguments = {"tenant_id": tenant_id, "from": start, "to": end}
        return cursor.execute(QUERIES[by], arguments).fetchall()


def _shares(stats: Statistics, by: str) -> list[dict[str, Any]]:
    ranking = {"type": stats.by_type, "outcome": stats.by_outcome, "actor": stats.by_actor}[by]
    return [{by: s.value, "events": s.events, "share": s.share} for s in ranking]


def _table(by: str, rows: Sequence[dict[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False)
    most = max((row["events"] for row in rows), default=0)
    names = list(rows[0]) if rows else [by, "events"]
    for name in names:
        justify: Any = "left" if name == names[0] else "right"
        table.add_column(name.replace("payload_bytes", "payloads"), no_wrap=True, justify=justify)
    table.add_column("", no_wrap=True)
    for row in rows:
        bar = Text("█" * max(1, round(BAR * row["events"] / most)), style="cyan")
        table.add_row(*(_cell(name, value) for name, value in row.items()), bar)
    return table


def _cell(name: str, value: Any) -> Text:
    if name == "share":
        return Text("" if value is None else f"{value:.1%}")
    if name == "payload_bytes":
        return Text(size(value))
    if name == "failures":
        return Text(f"{value:,}", style="red" if value else "dim")
    if isinstance(value, datetime):
        return Text(f"{value.astimezone(UTC):%Y-%m-%d %H:00}")
    if isinstance(value, int):
        return Text(f"{value:,}")
    return Text(str(value) or "(none)")


def _overview(stats: Statistics) -> None:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column()
    for name, value in _lines(stats):
        table.add_row(Text(name, style="bold"), value)
    print_table(table)
    for by in ("type", "outcome", "actor"):
        rows = _shares(stats, by)
        if any(row[by] for row in rows):
            out.print()
            print_table(_table(by, rows[:10]))
            if len(rows) > 10:
                out.print(f"… more with --by {by}", style="dim")


def _lines(stats: Statistics) -> Iterable[tuple[str, Text]]:
    yield "tenant", Text(stats.tenant_id)
    span = ""
    if stats.first_event_at and stats.last_event_at:
        span = f", from {_day(stats.first_event_at)} to {_day(stats.last_event_at)}"
    yield "events", Text(f"{stats.events:,}{span}; {stats.events_today:,} today")
    if stats.from_time or stats.to_time:
        start = _day(stats.from_time) if stats.from_time else "the beginning"
        end = _day(stats.to_time) if stats.to_time else "now"
        yield "in time", Text(f"{stats.counted:,} from {start} to {end}")
    yield "payloads", Text(size(stats.payload_bytes))
    yield "runs", Text(f"{stats.runs:,}")
    late = stats.seal_lag_seconds > 60
    sealing = "all" if not stats.unsealed else f"all but {stats.unsealed:,}"
    age = length(timedelta(seconds=stats.seal_lag_seconds))
    lag = f", the oldest {age} old" if stats.unsealed else ""
    yield "sealed", Text(sealing + lag, style="yellow" if late else "")
    yield "outbox", _outbox(stats)
    if stats.snapshots:
        yield "snapshots", Text(f"{stats.snapshots:,}, {size(stats.snapshot_bytes)}")
    for tier, storage in (stats.storage or {}).items():
        name = f"in {tier}"
        text = f"{storage.partitions:,} partitions, {size(storage.bytes)}, all tenants"
        yield name, Text(text)


def _outbox(stats: Statistics) -> Text:
    text = "nothing waits"
    if stats.outbox_lag_messages:
        age = length(timedelta(seconds=stats.outbox_lag_seconds))
        text = f"{stats.outbox_lag_messages:,} behind, the oldest {age} old"
    if stats.parked or stats.dead:
        text += f"; {stats.parked:,} parked, {stats.dead:,} dead"
    return Text(text, style="yellow" if stats.dead else "")


def _day(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M}"


def _say_uncounted(stats: Statistics) -> None:
    since = f" since {_day(stats.counted_at)} UTC" if stats.counted_at else ""
    err.print(
        f"{stats.uncounted:,} events{since} are not counted yet: agent-events maintain does it.",
        style="yellow",
    )
