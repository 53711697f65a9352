"""`agent-events export`: events out of the ledger, into a file."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from agent_events import dsn as dsn_module
from agent_events.cli._common import (
    EXIT_REFUSED,
    dsn_option,
    err,
    event_progress,
    json_option,
    print_json,
    report,
)
from agent_events.cli.cold import cold_errors
from agent_events.cli.events import FILTERS, TIMES, filter_options
from agent_events.exporting import FORMATS, Exported, export_events


@click.command("export")
@filter_options(*FILTERS, *TIMES)
@click.option("--format", "file_format", type=click.Choice(FORMATS), required=True)
@click.option(
    "--output",
    default="-",
    show_default=True,
    metavar="FILE",
    help="Where to; - is standard output. A file is there once it is complete.",
)
@click.option("--force", is_flag=True, help="Write over a file that is there.")
@click.option("--proof", "with_proof", is_flag=True, help="Hashes, positions, inclusion proofs.")
@click.option("--unredacted", is_flag=True, help="With private data; needs the privilege privacy.")
@click.option("--purpose", help="What for; kept as an event. Required by --unredacted.")
@click.option("--bom", is_flag=True, help="Begin a CSV file as older spreadsheets need it.")
@dsn_option
@json_option
@cold_errors
def command(
    file_format: str,
    output: str,
    force: bool,
    with_proof: bool,
    unredacted: bool,
    purpose: str | None,
    bom: bool,
    dsn: str | None,
    as_json: bool,
    **filters: Any,
) -> None:
    """Export the events that match every condition, oldest first, as of one moment.

    Redacted: private data and what is marked in any version of a type stay out. Events
    ledger.export_started and ledger.export_created say who exported what.
    """
    if unredacted and not purpose:
        raise click.UsageError("--unredacted needs --purpose: what for?")
    if bom and file_format != "csv":
        raise click.UsageError("--bom goes with --format csv")
    path = None if output == "-" else Path(output)
    if path is not None and path.is_dir():
        raise click.UsageError(f"{path} is a folder; --output names a file")
    if path is not None and path.exists() and not force:
        raise click.UsageError(f"{path} exists; --force writes over it")
    with _standard_output(), event_progress("exporting") as advance:
        done = export_events(
            dsn_module.resolve(dsn),
            path or sys.stdout.buffer,
            file_format,
            with_proof=with_proof,
            redacted=not unredacted,
            purpose=purpose,
            bom=bom,
            progress=advance,
            **filters,
        )
    _tell(done, path, as_json)


@contextmanager
def _standard_output() -> Iterator[None]:
    """End with 1 where standard output takes no more, as on a full disk."""
    try:
        yield
    except BrokenPipeError:
        raise  # click's: who read it has enough
    except OSError as error:
        report(None, f"standard output: {error.strerror}", None, None)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what is left in it
        click.get_current_context().exit(EXIT_REFUSED)


def _tell(done: Exported, path: Path | None, as_json: bool) -> None:
    """Say what was written: on stderr, so that standard output holds events only."""
    if as_json:
        print_json({**asdict(done), "path": path and str(path)}, to_stderr=path is None)
    else:
        where = f" to {path}" if path else ""
        err.print(
            f"{done.event_count:,} events{where}, export {done.export_id}, "
            f"SHA-256 {done.file_sha256}",
            markup=False,
        )
    if done.cold_count:
        err.print(
            f"{done.cold_count:,} events of the log are in cold files and not in this export: "
            "agent-events cold find"
        )
