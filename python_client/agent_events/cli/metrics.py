"""`agent-events metrics`: what Prometheus is told of a ledger, over HTTP or in a file."""

from __future__ import annotations

import asyncio
import signal
from contextlib import AsyncExitStack, suppress
from datetime import timedelta
from pathlib import Path

import click
import psycopg

from agent_events import dsn as dsn_module
from agent_events.cli._common import address, dsn_option
from agent_events.cli._log import LineLog
from agent_events.cli._units import duration
from agent_events.errors import LedgerError
from agent_events.monitoring.exporter import DOWN, Exporter, serve, write

BESIDE_LISTEN = timedelta(seconds=15)


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
@click.option(
    "--every",
    type=duration,
    metavar="TIME",
    help="Write --output so often, until SIGTERM. Default: once; with --listen every 15s.",
)
@click.option(
    "--max-tenants",
    type=click.IntRange(0, 10_000),
    default=200,
    show_default=True,
    help="How many are named; the smaller ones are added up.",
)
@dsn_option
@click.option("--json", "as_json", is_flag=True, help="The log on stderr as JSON.")
def command(
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
    if every is None and listen is not None and output is not None:
        every = BESIDE_LISTEN
    log = LineLog(as_json)

    async def run() -> None:
        exporter = Exporter(dsn_module.resolve(dsn), log, max_tenants)
        try:
            if listen is None and output is None:
                click.echo((await exporter.read()).decode(), nl=False)
            elif listen is None and every is None and output is not None:
                await _write_once(exporter, output)
            else:
                await _go_on(exporter, log, listen, output, every)
        finally:
            await exporter.close()

    asyncio.run(run())


async def _write_once(exporter: Exporter, output: Path) -> None:
    try:
        try:
            write(output, await exporter.read())
        except (psycopg.Error, LedgerError):
            write(output, DOWN)
            raise
    except OSError as error:
        raise click.UsageError(f"--output {output}: {error.strerror}") from error


async def _write_or_log(exporter: Exporter, log: LineLog, output: Path) -> None:
    try:
        write(output, await exporter.read_or_log() or DOWN)
    except OSError as error:
        log("not written", path=str(output), message=error.strerror)


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
                await _write_or_log(exporter, log, output)
            with suppress(TimeoutError):
                async with asyncio.timeout(every.total_seconds() if every else None):
                    await stop.wait()
    log("stopped")
