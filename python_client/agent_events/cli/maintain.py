"""`agent-events maintain`: what has to happen on a schedule, once or as a process."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict
from datetime import timedelta

import click
from rich.table import Table
from rich.text import Text

from agent_events import Ledger
from agent_events import dsn as dsn_module
from agent_events.cli._common import (
    EXIT_REFUSED,
    connect,
    dsn_option,
    err,
    json_option,
    print_json,
    print_table,
)
from agent_events.cli._log import LineLog
from agent_events.cli._units import duration, duration_or_never
from agent_events.maintaining import Schedule, Step, keep, take_steps

EVERY = timedelta(hours=1)
SEAL_EVERY = timedelta(seconds=1)

WHO_HOLDS = (
    "Somebody holds its locks: select pid, usename, state, xact_start, query "
    "from pg_stat_activity where xact_start < now() - interval '1 second' order by xact_start;"
)


@click.command(
    "maintain",
    epilog="Exit codes: 0 done, or other maintenance is at it, 1 a step failed, 2 usage, "
    "3 database unreachable. A process ends with 0 when it is told to.",
)
@click.option("--dry-run", is_flag=True, help="Only say what is due.")
@click.option(
    "--every",
    type=duration_or_never,
    metavar="TIME",
    help="Run until SIGTERM, maintain this often. Default with --seal-every: 1h.",
)
@click.option(
    "--seal-every",
    type=duration_or_never,
    metavar="TIME",
    help="Run until SIGTERM, seal this often. Default with --every: 1s.",
)
@click.option(
    "--count-every",
    type=duration_or_never,
    default="1m",
    show_default=True,
    metavar="TIME",
    help="With --every or --seal-every: count events for statistics this often.",
)
@click.option(
    "--max-wait",
    type=duration,
    default="5m",
    show_default=True,
    metavar="TIME",
    help="How long a step goes on trying to get its locks.",
)
@dsn_option
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    dry_run: bool,
    every: timedelta | None,
    seal_every: timedelta | None,
    count_every: timedelta | None,
    max_wait: timedelta,
    dsn: str | None,
    as_json: bool,
) -> None:
    """Make partitions ahead, emit what was captured, seal, and archive what is due.

    Schedule it once an hour.

    With --every or --seal-every it goes on until it is told to stop: it seals, counts and maintains
    on a connection each, comes back after a lost one, and says on stderr what happens. TIME is as
    1s, 30m, 1h or never.
    """
    given = {name for name in ("every", "seal_every") if _is_given(ctx, name)}
    if not given:
        _once(ctx, dry_run, max_wait, dsn, as_json)
        return
    if dry_run:
        raise click.UsageError("--dry-run looks once: leave --every and --seal-every out")
    schedule = Schedule(
        maintain_every=every if "every" in given else EVERY,
        seal_every=seal_every if "seal_every" in given else SEAL_EVERY,
        count_every=count_every,
        max_wait=max_wait,
    )
    if timedelta(0) in (schedule.maintain_every, schedule.seal_every, schedule.count_every):
        raise click.UsageError("a pause of no length: 1s is often enough")
    if schedule.maintain_every is None and schedule.seal_every is None:
        raise click.UsageError("neither to maintain nor to seal: there is nothing to do")
    keep(dsn_module.resolve(dsn), schedule, LineLog(as_json))


def _is_given(ctx: click.Context, name: str) -> bool:
    return ctx.get_parameter_source(name) is not click.core.ParameterSource.DEFAULT


def _once(
    ctx: click.Context, dry_run: bool, max_wait: timedelta, dsn: str | None, as_json: bool
) -> None:
    with connect(dsn, autocommit=True) as connection:
        if dry_run:
            steps = [Step(p.step, p.object) for p in Ledger(connection).maintenance_plan()]
        else:
            showing = err.status("maintaining …") if err.is_terminal else nullcontext()
            with showing:
                steps = list(take_steps(connection, max_wait=max_wait))
    busy = [taken for taken in steps if taken.is_busy]
    steps = [taken for taken in steps if not taken.is_busy]
    if as_json:
        for taken in steps:
            given = asdict(taken)
            print_json({k: given[k] for k in ("step", "object")} if dry_run else given)
    elif steps:
        print_table(_table(steps, dry_run))
        _explain(steps)
    if busy:
        err.print("Other maintenance is running, and does what is due.")
    elif dry_run and not as_json:
        err.print("This is what is due; nothing was done.", style="dim")
    if any(taken.error for taken in steps):
        ctx.exit(EXIT_REFUSED)


def _table(steps: Sequence[Step], is_planned: bool) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("step", no_wrap=True)
    table.add_column("partition", no_wrap=True)
    if not is_planned:
        table.add_column("took", no_wrap=True, justify="right")
        table.add_column("result", no_wrap=True)
    for taken in steps:
        cells = [Text(taken.step), Text(taken.object or "")]
        if not is_planned:
            cells += [Text(f"{taken.seconds:,.2f} s"), _result(taken)]
        table.add_row(*cells)
    return table


def _result(taken: Step) -> Text:
    attempts = f", {taken.attempts} attempts" if taken.attempts > 1 else ""
    if taken.error is None:
        return Text(f"done{attempts}", style="green")
    return Text(f"failed{attempts}", style="bold red")


def _explain(steps: Sequence[Step]) -> None:
    """Say of each step that failed what happened, in full, below the table."""
    for taken in steps:
        if taken.error is None:
            continue
        what = " ".join(filter(None, (taken.step, taken.object)))
        state, message = taken.error["sqlstate"], taken.error["message"]
        err.print(f"{what}: {state} {message}", style="red", markup=False)
        hint = taken.error["hint"] or (WHO_HOLDS if state == "55P03" else None)
        for text in filter(None, (taken.error["detail"], hint)):
            err.print(f"    {text}", markup=False)
