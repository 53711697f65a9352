"""`agent-events spool`: events that wait on this machine for the database."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar, cast
from urllib.parse import quote

import click
from rich.table import Table
from rich.text import Text

from agent_events import dsn as dsn_module
from agent_events.cli._common import (
    EXIT_REFUSED,
    dsn_option,
    event_progress,
    json_option,
    out,
    print_json,
    print_table,
    report,
)
from agent_events.cli._units import size
from agent_events.emitting import AuditEmitter
from agent_events.errors import EventsNotStored, FailedEvent
from agent_events.spooling import DiskJournal, default_dir, folder_for
from agent_events.spooling import refused as refused_file
from agent_events.spooling.folders import destination_of
from agent_events.spooling.listing import Listed, folders_in, list_folder
from agent_events.spooling.names import damaged_in

F = TypeVar("F", bound=Callable[..., Any])

STYLES = {"refused": "bold red", "damaged": "bold red", "held": "dim"}

dir_option = click.option(
    "--dir",
    "spool_dir",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="spool_dir of the emitters. Default: AGENT_EVENTS_SPOOL_DIR, else "
    "~/.local/state/agent-events/spool.",
)
destination_option = click.option(
    "--destination",
    metavar="NAME",
    help="Whose events, as `spool list` names it.",
)


def disk_errors(function: F) -> F:
    """End with 1 where the disk is at fault."""

    @wraps(function)
    def guarded(*arguments: Any, **parameters: Any) -> Any:
        try:
            return function(*arguments, **parameters)
        except OSError as error:
            report(None, str(error), None, None)
            click.get_current_context().exit(EXIT_REFUSED)

    return cast(F, guarded)


@click.group("spool")
def command() -> None:
    """Events that wait on this machine because their database could not be reached."""


@command.command("list")
@dir_option
@json_option
@disk_errors
def list_spool(spool_dir: Path | None, as_json: bool) -> None:
    """List what waits, for which database, and what was refused or damaged.

    waiting: for who comes first, an emitter or `spool flush`. held: by a running process, which
    delivers them itself. refused: by the ledger, because of the event. damaged: lines that cannot
    be read, kept as they are.
    """
    found = [each for folder in _folders(spool_dir) for each in list_folder(folder)]
    if as_json:
        for each in found:
            print_json(each)
    elif found:
        print_table(_table(found))
    else:
        out.print("nothing waits")


@command.command(
    epilog="Exit codes: 0 nothing is left but what running processes hold, 1 something is refused "
    "or damaged, 2 usage, 3 the database is unreachable."
)
@dir_option
@destination_option
@dsn_option
@json_option
@disk_errors
@click.pass_context
def flush(
    ctx: click.Context,
    spool_dir: Path | None,
    destination: str | None,
    dsn: str | None,
    as_json: bool,
) -> None:
    """Deliver what waits for the database of --dsn, now.

    With --destination what waits for another one: after the database has moved, for instance.
    """
    _deliver(ctx, _folder(spool_dir, destination, dsn), dsn, as_json)


@command.command(epilog="Exit codes: as those of `spool flush`.")
@dir_option
@destination_option
@dsn_option
@json_option
@disk_errors
@click.pass_context
def retry(
    ctx: click.Context,
    spool_dir: Path | None,
    destination: str | None,
    dsn: str | None,
    as_json: bool,
) -> None:
    """Deliver the refused events once more, when what they were refused for is mended."""
    _deliver(ctx, _folder(spool_dir, destination, dsn), dsn, as_json, is_retry=True)


@command.command()
@dir_option
@destination_option
@click.option("--refused", is_flag=True, help="Only what the ledger refused.")
@click.option("--damaged", is_flag=True, help="Only what cannot be read.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@disk_errors
def discard(
    spool_dir: Path | None,
    destination: str | None,
    refused: bool,
    damaged: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Delete what was refused or damaged, for good. What waits is not touched."""
    folders = _folders(spool_dir)
    if destination is not None:
        folders = [folder for folder in folders if destination_of(folder) == destination]
    states = {"refused": refused or not damaged, "damaged": damaged or not refused}
    counts = {
        state: sum(
            each.events for folder in folders for each in list_folder(folder) if each.state == state
        )
        for state, is_chosen in states.items()
        if is_chosen
    }
    if any(counts.values()) and not yes:
        what = ", ".join(f"{count:,} {state}" for state, count in counts.items())
        click.confirm(f"Delete {what}, which are in no ledger?", abort=True, err=True)
    for folder in folders:
        if states["refused"]:
            with refused_file.taken(folder):
                pass
        if states["damaged"]:
            for path in damaged_in(folder):
                path.unlink(missing_ok=True)
    if as_json:
        print_json({"discarded": counts})
    else:
        out.print(", ".join(f"{count:,} {state}" for state, count in counts.items()) + " discarded")


def _folders(spool_dir: Path | None) -> list[Path]:
    return folders_in((spool_dir or default_dir()).expanduser())


def _folder(spool_dir: Path | None, destination: str | None, dsn: str | None) -> Path:
    if destination is None:
        return folder_for(dsn_module.resolve(dsn), spool_dir)
    folder = (spool_dir or default_dir()).expanduser() / quote(destination, safe="@:,")
    if not folder.is_dir():
        raise click.UsageError(f"nothing waits for {destination}: see agent-events spool list")
    return folder


def _deliver(
    ctx: click.Context, folder: Path, dsn: str | None, as_json: bool, *, is_retry: bool = False
) -> None:
    delivered: list[None] = []
    refused: list[FailedEvent] = []
    if folder.is_dir():
        journal = DiskJournal(folder, max_bytes=sys.maxsize)
        try:
            if is_retry:
                journal.requeue_refused()
            _flush(journal, dsn, delivered, refused)
        finally:
            journal.close()
    left = {each.state: each.events for each in list_folder(folder)} if folder.is_dir() else {}
    if as_json:
        counts = {"delivered": len(delivered), "refused_now": len(refused)}
        print_json({"destination": destination_of(folder), **counts, "left": left})
    else:
        _say(len(delivered), left)
    if left.keys() - {"held"}:
        ctx.exit(EXIT_REFUSED)


def _flush(
    journal: DiskJournal, dsn: str | None, delivered: list[None], refused: list[FailedEvent]
) -> None:
    emitter = AuditEmitter(
        dsn_module.resolve(dsn),
        on_unavailable="spool",
        journal=journal,
        on_error=refused.append,
    )
    with event_progress("Delivering …") as advance:

        def tell(*_: object) -> None:
            delivered.append(None)
            advance(1)

        emitter.observers.append(tell)
        try:
            emitter.flush()
        except EventsNotStored:
            pass  # `refused` has them
        finally:
            emitter.close()


def _say(delivered: int, left: dict[Any, int]) -> None:
    out.print(f"{delivered:,} delivered")
    if "held" in left:
        out.print(f"{left['held']:,} are held by running processes, which deliver them")
    for state in ("waiting", "refused", "damaged"):
        if state in left:
            out.print(f"{left[state]:,} {state}: agent-events spool list", style="yellow")


def _table(found: Sequence[Listed]) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("destination", "state"):
        table.add_column(name, no_wrap=True)
    for name in ("events", "oldest", "size", "files"):
        table.add_column(name, no_wrap=True, justify="right")
    for each in found:
        table.add_row(
            Text(each.destination),
            Text(each.state, style=STYLES.get(each.state, "")),
            f"{each.events:,}",
            f"{each.oldest:%Y-%m-%d %H:%M:%SZ}" if each.oldest else "",
            size(each.bytes),
            f"{each.files:,}",
        )
    return table
