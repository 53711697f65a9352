"""`agent-events relay`: deliver messages of the outbox, and see to those that have trouble."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict
from datetime import timedelta
from typing import Any, get_args

import click
from psycopg.rows import class_row
from rich.table import Table
from rich.text import Text

from agent_events import Ledger, RelaySettings, RelayStatus
from agent_events import dsn as dsn_module
from agent_events.cli._common import (
    EXIT_REFUSED,
    EXIT_UNREACHABLE,
    address,
    connect,
    dsn_option,
    json_option,
    out,
    print_json,
    print_table,
    report,
)
from agent_events.cli._log import LineLog
from agent_events.cli._units import duration, length
from agent_events.relay import health
from agent_events.relay.engine import Engine, Settings
from agent_events.relay.envelope import Mode
from agent_events.relay.failures import Unavailable
from agent_events.relay.metrics import Metrics
from agent_events.relay.transport import FORMS, MissingExtra, Transport, open_transport

SETTINGS = """
    select relay, event_types, max_attempts, min_backoff, max_backoff, created_at, created_by
    from ledger.relays
    where relay = %s
"""
BACKOFF = ("min_backoff", "max_backoff")

relay_argument = click.argument("relay")
tenant_option = click.option("--tenant-id", metavar="TENANT", help="Default: 'default'.")


@click.group("relay")
def command() -> None:
    """Deliver messages of the outbox to a broker, an address, a file or another ledger."""


@command.command(
    epilog="Exit codes: 0 told to stop, or with --once all is delivered, 1 refused by the ledger, "
    "or with --once messages were refused, 2 usage, 3 the database is unreachable, or with --once "
    "the destination."
)
@click.option(
    "--relay",
    "name",
    required=True,
    metavar="NAME",
    help="Its place in the log is kept under this name: one per destination.",
)
@click.option("--to", "url", required=True, metavar="URL", help=f"The destination: {FORMS}.")
@click.option(
    "--option",
    "options",
    multiple=True,
    metavar="KEY=VALUE",
    help="Of the destination; may be repeated.",
)
@click.option(
    "--tenant-id",
    metavar="TENANT",
    help="Only this tenant's. Default: of every tenant that the database role may relay for.",
)
@click.option(
    "--event-type",
    "event_types",
    multiple=True,
    metavar="TYPE",
    help="Only this type; may be repeated. Kept with the relay, as by `relay set`.",
)
@click.option("--topic", metavar="TEMPLATE", help="As ledger.{tenant_id}.{event_type}.")
@click.option(
    "--envelope",
    "mode",
    type=click.Choice(get_args(Mode)),
    help="CloudEvents in headers, or all in the body. Default: as the destination has it.",
)
@click.option(
    "--source",
    metavar="URI",
    help="CloudEvents source. Default: /<ledger name>/{tenant_id}.",
)
@click.option(
    "--batch-size",
    type=click.IntRange(1, 10_000),
    default=Settings.batch_size,
    show_default=True,
    help="Messages that are claimed at once.",
)
@click.option(
    "--window",
    type=click.IntRange(1, 100_000),
    default=Settings.window,
    show_default=True,
    help="Messages on their way without acknowledgement, at most.",
)
@click.option(
    "--lease",
    type=duration,
    default="30s",
    show_default=True,
    metavar="TIME",
    help="How long another process waits before it takes over from a silent one.",
)
@click.option(
    "--grace",
    type=duration,
    default="20s",
    show_default=True,
    metavar="TIME",
    help="How long to wait for acknowledgements when told to stop.",
)
@click.option(
    "--health",
    "listen",
    type=address,
    metavar="[HOST:]PORT",
    help="Answer /healthz, /readyz and /metrics here. Host: 127.0.0.1.",
)
@click.option("--once", is_flag=True, help="Deliver what is due, and end.")
@dsn_option
@json_option
@click.pass_context
def run(
    ctx: click.Context,
    name: str,
    url: str,
    options: Sequence[str],
    tenant_id: str | None,
    event_types: Sequence[str],
    topic: str | None,
    mode: Mode | None,
    source: str | None,
    batch_size: int,
    window: int,
    lease: timedelta,
    grace: timedelta,
    listen: tuple[str, int] | None,
    once: bool,
    dsn: str | None,
    as_json: bool,
) -> None:
    """Deliver until SIGTERM: each message at least once, those of an aggregate in order.

    Any number of processes may run for one relay; they share the tenants among them, and one takes
    over when another is gone. What happens is said on stderr, with --json as JSON.
    """
    if lease < timedelta(seconds=1):
        raise click.BadParameter("a second is the least", param_hint="--lease")
    settings = Settings(
        relay=name,
        tenant_id=tenant_id,
        batch_size=batch_size,
        window=window,
        lease=lease,
        topic=topic,
        mode=mode,
        source=source,
        grace=grace,
        once=once,
    )
    log = LineLog(as_json)
    try:
        transport = open_transport(url, **dict(_key_value(option) for option in options))
        if event_types:
            _filter(dsn, name, event_types)
        metrics = asyncio.run(_deliver(dsn_module.resolve(dsn), transport, settings, log, listen))
    except Unavailable as error:
        report(None, f"{transport.destination}: {error.reason}", None, None)
        ctx.exit(EXIT_UNREACHABLE)
    except MissingExtra as error:
        raise click.UsageError(str(error)) from error
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    if once and metrics.refused:
        ctx.exit(EXIT_REFUSED)


@command.command()
@click.argument("relay", required=False)
@dsn_option
@json_option
def status(relay: str | None, dsn: str | None, as_json: bool) -> None:
    """Show how far relays are: lag, parked and dead messages, and who works there."""
    with connect(dsn) as connection:
        rows = Ledger(connection).relays(relay)
    if as_json:
        for row in rows:
            print_json(row)
        return
    print_table(_status_table(rows))


@command.command()
@relay_argument
@click.option("--tenant-id", metavar="TENANT", help="Default: every tenant.")
@dsn_option
@json_option
def dead(relay: str, tenant_id: str | None, dsn: str | None, as_json: bool) -> None:
    """List what a relay gave up, with what its destination said last."""
    with connect(dsn) as connection:
        rows = Ledger(connection).dead_messages(relay, tenant_id=tenant_id)
    if as_json:
        for row in rows:
            print_json(row)
        return
    table = Table(box=None, pad_edge=False)
    for name in ("tenant", "position", "event type", "aggregate", "attempts", "last error"):
        table.add_column(name, no_wrap=True)
    for row in rows:
        aggregate = f"{row.aggregate_type}/{row.aggregate_id}" if row.aggregate_type else ""
        cells = (row.tenant_id, row.position, row.event_type, aggregate, row.attempts)
        table.add_row(*(Text(str(cell)) for cell in (*cells, row.last_error or "")))
    print_table(table)


@command.command()
@relay_argument
@click.option("--position", type=click.IntRange(min=0), help="Default: all that are dead.")
@tenant_option
@dsn_option
@json_option
def requeue(
    relay: str, position: int | None, tenant_id: str | None, dsn: str | None, as_json: bool
) -> None:
    """Have dead messages tried again."""
    with connect(dsn) as connection:
        count = Ledger(connection).requeue_dead(relay, position=position, tenant_id=tenant_id)
    _say_count("requeued", count, as_json)


@command.command()
@relay_argument
@click.option("--position", type=click.IntRange(min=0), required=True)
@click.option("--reason", required=True, help="Kept with the message.")
@tenant_option
@dsn_option
@json_option
def discard(
    relay: str, position: int, reason: str, tenant_id: str | None, dsn: str | None, as_json: bool
) -> None:
    """Give a dead message up for good."""
    with connect(dsn) as connection:
        count = Ledger(connection).discard_dead(relay, position, reason, tenant_id=tenant_id)
    _say_count("discarded", count, as_json)


@command.command()
@relay_argument
@click.option(
    "--to-position",
    type=click.IntRange(min=0),
    required=True,
    help="Of the next message that is delivered; 0 begins anew.",
)
@tenant_option
@dsn_option
@json_option
def rewind(
    relay: str, to_position: int, tenant_id: str | None, dsn: str | None, as_json: bool
) -> None:
    """Have a relay go on elsewhere in the log of a tenant: back, or forth to pass over."""
    with connect(dsn) as connection:
        Ledger(connection).rewind_relay(relay, to_position, tenant_id=tenant_id)
    if as_json:
        print_json({"relay": relay, "to_position": to_position})
    else:
        out.print(f"{relay} goes on at position {to_position}", markup=False)


@command.command("set")
@relay_argument
@click.option(
    "--event-type",
    "event_types",
    multiple=True,
    metavar="TYPE",
    help="What it delivers; may be repeated. Default: everything that is published.",
)
@click.option(
    "--max-attempts", type=click.IntRange(1, 1000), help="Before a message is dead. Default: 10."
)
@click.option(
    "--min-backoff", type=duration, metavar="TIME", help="After a first refusal. Default: 1s."
)
@click.option("--max-backoff", type=duration, metavar="TIME", help="At most. Default: 1h.")
@dsn_option
@json_option
def set_relay(
    relay: str,
    event_types: Sequence[str],
    max_attempts: int | None,
    min_backoff: timedelta | None,
    max_backoff: timedelta | None,
    dsn: str | None,
    as_json: bool,
) -> None:
    """Make a relay, or set all its settings anew: what is not given gets its default."""
    with connect(dsn) as connection:
        made = Ledger(connection).set_relay(
            relay,
            event_types=event_types or None,
            max_attempts=max_attempts,
            min_backoff=min_backoff,
            max_backoff=max_backoff,
        )
    if as_json:
        print_json(
            {
                name: value.total_seconds() if isinstance(value, timedelta) else value
                for name, value in asdict(made).items()
            }
        )
        return
    types = "everything that is published" if made.event_types is None else made.event_types
    out.print(
        f"{relay}: {types if isinstance(types, str) else ', '.join(types)}; dead after "
        f"{made.max_attempts} attempts, {length(made.min_backoff)} to {length(made.max_backoff)} "
        "apart",
        markup=False,
    )


@command.command()
@relay_argument
@click.confirmation_option(prompt="Forget where it stands, and what it parked?")
@dsn_option
def drop(relay: str, dsn: str | None) -> None:
    """Forget a relay. Should it run again, it begins at the first message."""
    with connect(dsn) as connection:
        Ledger(connection).drop_relay(relay)
    out.print(f"{relay} is dropped", markup=False)


async def _deliver(
    dsn: str,
    transport: Transport,
    settings: Settings,
    log: LineLog,
    listen: tuple[str, int] | None,
) -> Metrics:
    engine = Engine(dsn, transport, settings, log)
    async with AsyncExitStack() as stack:
        if listen is not None:
            host, wanted = listen
            try:
                port = await stack.enter_async_context(health.serve(engine, host, wanted))
            except OSError as error:
                raise click.UsageError(f"--health {host}:{wanted}: {error.strerror}") from error
            log("listening", host=host, port=port)
        await engine.run()
    return engine.metrics


def _key_value(option: str) -> tuple[str, str]:
    key, equals, value = option.partition("=")
    if not equals or not key:
        raise click.BadParameter(f"{option!r} is not KEY=VALUE", param_hint="--option")
    return key.replace("-", "_"), value


def _filter(dsn: str | None, relay: str, event_types: Sequence[str]) -> None:
    """Set which types the relay delivers, and leave its other settings as they are."""
    with connect(dsn) as connection:
        with connection.cursor(row_factory=class_row(RelaySettings)) as cursor:
            now = cursor.execute(SETTINGS, [relay]).fetchone()
        if now is not None and sorted(now.event_types or ()) == sorted(set(event_types)):
            return
        kept: dict[str, Any] = {}
        if now is not None:
            kept = {name: getattr(now, name) for name in ("max_attempts", *BACKOFF)}
        Ledger(connection).set_relay(relay, event_types=sorted(set(event_types)), **kept)


def _status_table(rows: Sequence[RelayStatus]) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("relay", "tenant"):
        table.add_column(name, no_wrap=True)
    for name in ("position", "behind", "for", "parked", "dead"):
        table.add_column(name, no_wrap=True, justify="right")
    table.add_column("worker", no_wrap=True)
    for row in rows:
        table.add_row(
            Text(row.relay),
            Text(row.tenant_id),
            f"{row.position:,}" if row.position >= 0 else "none",
            f"{row.lag_messages:,}",
            length(timedelta(seconds=row.lag_seconds)) if row.lag_messages else "",
            Text(f"{row.parked:,}", style="yellow" if row.parked else ""),
            Text(f"{row.dead:,}", style="bold red" if row.dead else ""),
            Text(row.leased_by or ""),
        )
    return table


def _say_count(what: str, count: int, as_json: bool) -> None:
    if as_json:
        print_json({what: count})
    else:
        out.print(f"{count:,} {what}", markup=False)
