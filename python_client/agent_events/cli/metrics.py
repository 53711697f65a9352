"""`agent-events metrics`: what Prometheus is told of a ledger, over HTTP or in a file."""

from __future__ import annotations

import asyncio
import signal
from contextlib import AsyncExitStack, suppress
from datetime import timedelta
from pathlib import Path

import click

from agent_events import dsn as dsn_module
from agent_events.cli._common import EXIT_UNREACHABLE, address, dsn_option
from agent_events.cli._log import LineLog
from agent_events.cli._units import duration
from agent_events.monitoring.exporter import DOWN, Exporter, serve, write


@click.command(
    "metrics",
    epilog="Exit codes: 0 done or told to stop, 1 refused by the ledger, 2 usage, 3 the database "
    "is unreachable; a process that goes on waits until it is not.",
)
@click.option(
    "--listen",
    type=address,
    metavar="[HOST:]PORT",
    help="Answer GET /metrics here until SIGTERM; 503 while the database does not answer. "
    "Host: 127.0.0.1.",
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write this file, as for node_exporter's textfile collector; agent_events_up is 0 in it "
    "when the database does not answer.",
)
@click.option("--every", type=duration, metavar="TIME", help="With --output: until SIGTERM.")
@click.option(
    "--max-tenants",
    type=click.IntRange(0, 10_000),
    default=200,
    show_default=True,
    help="How many are named; the smaller ones are added up.",
)
@dsn_option
@click.option("--json", "as_json", is_flag=True, help="The log on stderr as JSON.")
@click.pass_context
def command(
    ctx: click.Context,
    listen: tuple[str, int] | None,
    output: Path | None,
    every: timedelta | None,
    max_tenants: int,
    dsn: str | None,
    as_json: bool,
) -> None:
    """Print metrics in Prometheus' text format, serve them, or write them to a file.

    The role needs to read, or operate, every tenant. TIME is as 15s or 1m.
    """
    if every is not None and (output is None or not every):
        raise click.UsageError("--every goes with --output, and is longer than nothing")
    log = LineLog(as_json)

    async def run() -> bool:
        exporter = Exporter(dsn_module.resolve(dsn), log, max_tenants)
        try:
            if listen is None and output is None:
                click.echo((await exporter.read()).decode(), nl=False)
                return True
            if listen is None and every is None and output is not None:
                return await _write(exporter, output)
            await _go_on(exporter, log, listen, output, every)
        finally:
            await exporter.close()
        return True

    if not asyncio.run(run()):
        ctx.exit(EXIT_UNREACHABLE)


async def _write(exporter: Exporter, output: Path) -> bool:
    answer = await exporter.read_or_log()
    try:
        write(output, DOWN if answer is None else answer)
    except OSError as error:
        raise click.UsageError(f"--output {output}: {error.strerror}") from error
    return answer is not None


async def _go_on(
    exporter: Exporter,
    log: LineLog,
    listen: tuple[str, int] | None,
    output: Path | None,
    every: timedelta | None,
) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with AsyncExitStack() as stack:
        if listen is not None:
            host, wanted = listen
            try:
                port = await stack.enter_async_context(serve(exporter, host, wanted))
            except OSError as error:
                raise click.UsageError(f"--listen {host}:{wanted}: {error.strerror}") from error
            log("listening", host=host, port=port)
        while not stop.is_set():
            if output is not None:
                await _write(exporter, output)
            with suppress(TimeoutError):
                async with asyncio.timeout(every.total_seconds() if every else None):
                    await stop.wait()
    log("stopped")
