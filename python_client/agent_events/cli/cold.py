"""`agent-events cold`: partitions as Parquet files, outside the database and still provable."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast
from uuid import UUID

import click
from rich.console import Console
from rich.table import Table

from agent_events import dsn as dsn_module
from agent_events.anchors import open_store
from agent_events.anchors.store import FORMS
from agent_events.cli._common import (
    EXIT_REFUSED,
    EXIT_USAGE,
    dsn_option,
    err,
    event_progress,
    json_option,
    out,
    print_json,
    report,
)
from agent_events.cli.anchors import anchor_errors, vkey_option
from agent_events.cli.events import FILTERS, TIMES, WIDE, filter_options, print_event
from agent_events.cold.errors import ColdError
from agent_events.proofs.note import VerifierKey
from agent_events.verifying.checkpoints import Anchored, load
from agent_events.verifying.findings import Finding
from agent_events.verifying.session import open_session

if TYPE_CHECKING:
    from agent_events.cold.check import Checked, Witness
    from agent_events.cold.listing import Listed

F = TypeVar("F", bound=Callable[..., Any])

EXTRA = ("pyarrow", "adbc_driver_postgresql", "adbc_driver_manager")
FOLDER = click.Path(file_okay=False, path_type=Path)


def cold_errors(function: F) -> F:
    """End with 1 where it cannot be done, with 2 where the extra is missing."""

    @wraps(function)
    def guarded(*arguments: Any, **parameters: Any) -> Any:
        try:
            return function(*arguments, **parameters)
        except ColdError as error:
            report(None, error.message, None, error.hint)
            click.get_current_context().exit(EXIT_REFUSED)
        except ModuleNotFoundError as error:
            package = (error.name or "").partition(".")[0]
            if package not in EXTRA:
                raise
            hint = "pip install 'agent-events[cold]'"
            report(None, f"this needs the package {package}", None, hint)
            click.get_current_context().exit(EXIT_USAGE)

    return cast(F, guarded)


def checkpoint_options(*, required: bool) -> Callable[[F], F]:
    """Add `--anchor` (parameter `urls`) and `--vkey` (parameter `keys`)."""

    def add(function: F) -> F:
        anchor = click.option(
            "--anchor",
            "urls",
            multiple=True,
            required=required,
            metavar="URL",
            help=f"Where signed checkpoints are kept: {FORMS}. May be repeated.",
        )
        return anchor(vkey_option(required=required)(anchor_errors(function)))

    return add


@click.group("cold")
def command() -> None:
    """Partitions as Parquet files, outside the database and still provable."""


@command.command()
@click.argument("partitions", nargs=-1, metavar="[PARTITION]…")
@click.option("--due", "is_due", is_flag=True, help="All that the retention policy says.")
@click.option("--to", "folder", required=True, type=FOLDER, help="Folder for the files.")
@dsn_option
@json_option
@cold_errors
def export(
    partitions: tuple[str, ...], is_due: bool, folder: Path, dsn: str | None, as_json: bool
) -> None:
    """Write archived partitions to files, and record them in the ledger.

    The partitions stay in the database: cold drop removes them. A crash or a full disk leaves
    nothing that could be taken for a file; just export again.
    """
    from agent_events.cold.export import export_partition

    if bool(partitions) == is_due:
        raise click.UsageError("Which partitions? Name some, or give --due.")
    conninfo = dsn_module.resolve(dsn)
    names = _due(conninfo) if is_due else partitions
    for name in names:
        with event_progress(f"exporting {name}") as advance:
            done = export_partition(conninfo, name, folder, advance)
        manifest = done.manifest
        if as_json:
            print_json(
                {
                    "partition_name": name,
                    "path": str(done.path),
                    "row_count": manifest.row_count,
                    "tenants": len(manifest.tenants),
                    "file_bytes": manifest.file_bytes,
                    "file_sha256": manifest.file_sha256,
                    "is_new": done.is_new,
                }
            )
            continue
        what = "written" if done.is_new else "there already"
        counts = f"{manifest.row_count:,} events of {_tenants(len(manifest.tenants))}"
        out.print(f"{done.path}: {counts}, {_size(manifest.file_bytes)}, {what}", markup=False)
    if not names and not as_json:
        out.print("No partition is due.")


@command.command()
@click.argument(
    "paths", nargs=-1, required=True, metavar="FILE|DIR…", type=click.Path(path_type=Path)
)
@click.option("--offline", is_flag=True, help="Without a database.")
@checkpoint_options(required=False)
@dsn_option
@json_option
@click.pass_context
@cold_errors
def verify(
    ctx: click.Context,
    paths: Sequence[Path],
    offline: bool,
    urls: Sequence[str],
    keys: Sequence[VerifierKey],
    dsn: str | None,
    as_json: bool,
) -> None:
    """Read files again, all of them, and recompute every hash, chain, count and root.

    Held against their manifests, and unless --offline against the log in the database and what was
    recorded at export; with --anchor and --vkey against signed checkpoints. Exits with 1 on a
    finding.
    """
    from agent_events.cold.check import partitions_in

    if bool(urls) != bool(keys):
        raise click.UsageError("--anchor and --vkey go together: what is signed, and by whom")
    if offline and (urls or dsn):
        raise click.UsageError("--offline goes with neither --dsn nor --anchor")
    anchored = load([open_store(url) for url in urls], keys) if urls else None
    files = [each for path in paths for each in partitions_in(path)]
    if not files:
        raise ColdError(f"there is no cold file in {', '.join(map(str, paths))}")
    is_bad = False
    with _witnesses(None if offline else dsn_module.resolve(dsn), anchored) as witnesses:
        for folder, name in files:
            checked = _check(folder, name, witnesses())
            _tell(name, checked, as_json)
            is_bad |= bool(checked.findings)
    if is_bad:
        ctx.exit(EXIT_REFUSED)


@command.command()
@click.argument("partition")
@click.option("--from", "folder", required=True, type=FOLDER, help="Folder with the file.")
@checkpoint_options(required=True)
@dsn_option
@json_option
@click.pass_context
@cold_errors
def drop(
    ctx: click.Context,
    partition: str,
    folder: Path,
    urls: Sequence[str],
    keys: Sequence[VerifierKey],
    dsn: str | None,
    as_json: bool,
) -> None:
    """Drop an archived partition whose file is whole, in the log, and signed for.

    Does what verify does first, with the newest signed checkpoint of every tenant in the file; on
    any finding nothing is dropped. The database then decides once more, and refuses under a hold.
    """
    from agent_events.cold.drop import drop_partition

    anchored = load([open_store(url) for url in urls], keys)
    with event_progress(f"verifying {partition}") as advance:
        checked = drop_partition(dsn_module.resolve(dsn), partition, folder, anchored, advance)
    _conclude(ctx, partition, checked, as_json, "dropped", "It was not dropped.")


@command.command()
@click.argument("partition")
@click.option("--from", "folder", required=True, type=FOLDER, help="Folder with the file.")
@dsn_option
@json_option
@click.pass_context
@cold_errors
def restore(
    ctx: click.Context, partition: str, folder: Path, dsn: str | None, as_json: bool
) -> None:
    """Bring a partition back from its file into the archive, verified here and in the database."""
    from agent_events.cold.restore import restore_partition

    with event_progress(f"restoring {partition}", times=2) as advance:
        checked = restore_partition(dsn_module.resolve(dsn), partition, folder, advance)
    _conclude(ctx, partition, checked, as_json, "restored", "It was not restored.")


@command.command("list")
@click.argument("folder", required=False, type=FOLDER)
@dsn_option
@json_option
def list_files(folder: Path | None, dsn: str | None, as_json: bool) -> None:
    """List the partitions: where they are, which files they have, and what is due.

    With a folder it says which files are there, by name, size and manifest; verify reads them.
    """
    from agent_events.cold.listing import list_partitions

    with open_session(dsn_module.resolve(dsn)) as session:
        listed = list_partitions(session, folder)
    if as_json:
        for each in listed:
            print_json({**asdict(each), "age": each.age.total_seconds()})
        return
    Console(width=WIDE).print(_table(listed))  # the terminal breaks lines, nothing is cut off


@command.command()
@click.argument("path", metavar="FILE|DIR", type=click.Path(exists=True, path_type=Path))
@filter_options(*FILTERS, *TIMES)
@click.option("--after", "after_id", type=click.UUID, help="Last id of the page before.")
@click.option(
    "--limit", "page_size", default=100, type=click.IntRange(1, 10_000), show_default=True
)
@click.option("--oldest-first", is_flag=True, help="Default: newest first.")
@json_option
@cold_errors
def find(
    path: Path,
    after_id: UUID | None,
    page_size: int,
    oldest_first: bool,
    as_json: bool,
    **filters: Any,
) -> None:
    """List events in files that match every condition, as events find does in the database.

    Needs no database. The hash of what is found is recomputed; what is missing, verify says.
    """
    from agent_events.cold.search import find_events

    count, last = 0, None
    for event in find_events(
        path, after_id=after_id, page_size=page_size, newest_first=not oldest_first, **filters
    ):
        print_event(event, as_json)
        count, last = count + 1, event.id
    if count == page_size:
        err.print(f"more: --after {last}", style="dim")


@command.command()
@click.option("--from", "folder", required=True, type=FOLDER, help="Folder with the files.")
@click.option("--reason", default="retention policy", show_default=True, help="Kept as an event.")
@dsn_option
@json_option
@click.pass_context
@cold_errors
def expire(ctx: click.Context, folder: Path, reason: str, dsn: str | None, as_json: bool) -> None:
    """Delete the files whose time has passed (cold_for), after the ledger has let go of them.

    What they held is gone then; hashes, positions and proofs stay.
    """
    from agent_events.cold.expire import expire as expire_files

    done = expire_files(dsn_module.resolve(dsn), folder, reason)
    for each in done:
        if as_json:
            print_json({**asdict(each), "deleted": list(map(str, each.deleted))})
            continue
        for path in each.deleted:
            out.print(f"deleted: {path}", markup=False)
        if each.kept:
            out.print(f"kept: {each.kept}", markup=False)
    if not done and not as_json:
        out.print("Nothing has expired.")
    if any(each.kept for each in done):
        ctx.exit(EXIT_REFUSED)


def _due(dsn: str) -> list[str]:
    from agent_events.cold.listing import list_partitions

    with open_session(dsn) as session:
        return [each.partition_name for each in list_partitions(session) if each.due == "export"]


@contextmanager
def _witnesses(
    dsn: str | None, anchored: Anchored | None
) -> Iterator[Callable[[], Sequence[Witness]]]:
    """Give what makes new witnesses for each file, over one session."""
    if dsn is None:
        yield lambda: ()
        return
    from agent_events.cold.covered import SignedWitness
    from agent_events.cold.log import LogWitness
    from agent_events.cold.partitions import require_access

    with open_session(dsn) as session:
        require_access(session, "read")

        def witnesses() -> Sequence[Witness]:
            log = LogWitness(session)
            return (log,) if anchored is None else (log, SignedWitness(session, anchored))

        yield witnesses


def _check(folder: Path, name: str, witnesses: Sequence[Witness]) -> Checked:
    from agent_events.cold.check import check_file

    with event_progress(f"verifying {name}") as advance:
        return check_file(folder, name, witnesses, advance)


def _conclude(
    ctx: click.Context, name: str, checked: Checked, as_json: bool, done: str, refused: str
) -> None:
    if checked.findings:
        _tell(name, checked, as_json)
        if not as_json:
            out.print(refused, style="bold red")
        ctx.exit(EXIT_REFUSED)
    if as_json:
        print_json({"type": done, "partition_name": name, "row_count": checked.row_count})
    else:
        out.print(f"{name}: {checked.row_count:,} events, {done}", style="green", markup=False)


def _tell(name: str, checked: Checked, as_json: bool) -> None:
    """Print what is wrong with a file, or that nothing is."""
    for finding in checked.findings:
        if as_json:
            print_json({"type": "finding", "partition_name": name, **finding.as_dict()})
        else:
            _print_finding(name, finding)
    if as_json:
        summary = {"row_count": checked.row_count, "findings": len(checked.findings)}
        print_json({"type": "file", "partition_name": name, "path": str(checked.path), **summary})
    elif not checked.findings:
        out.print(f"{checked.path}: {checked.row_count:,} events, all is well", style="green")


def _print_finding(name: str, finding: Finding) -> None:
    where = [
        name,
        f"tenant {finding.tenant_id}" if finding.tenant_id else None,
        f"position {finding.position:,}" if finding.position is not None else None,
        f"event {finding.event_id}" if finding.event_id else None,
    ]
    out.print(finding.kind, style="bold red", end="")
    out.print(": " + ", ".join(filter(None, where)), markup=False)
    out.print(f"    {finding.detail}", markup=False)


def _table(listed: Sequence[Listed]) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("partition", "tier", "from", "to"):
        table.add_column(name, no_wrap=True)
    for name in ("age", "events", "size"):
        table.add_column(name, justify="right", no_wrap=True)
    for name in ("exported", "in folder", "due"):
        table.add_column(name, no_wrap=True)
    for each in listed:
        table.add_row(
            each.partition_name,
            each.tier,
            f"{each.from_time:%Y-%m-%d}",
            f"{each.to_time:%Y-%m-%d}",
            f"{each.age.days:,} d",
            "" if each.row_count is None else f"{each.row_count:,}",
            "" if each.file_bytes is None else _size(each.file_bytes),
            "" if each.exported_at is None else f"{each.exported_at:%Y-%m-%d}",
            each.in_folder or "",
            each.due or "",
        )
    return table


def _tenants(count: int) -> str:
    return f"{count:,} tenant{'s' * (count != 1)}"


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:,.1f} GB"
