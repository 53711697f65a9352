"""`agent-events import-audit`: a legacy SQLite audit trail becomes events."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click
import psycopg
from rich.markup import escape
from rich.progress import track

from agent_events.cli._common import (
    EXIT_REFUSED,
    connect,
    dsn_option,
    err,
    json_option,
    out,
    print_json,
)
from agent_events.errors import LedgerError
from agent_events.importing import (
    AuditSource,
    Importer,
    MappingError,
    Report,
    SourceError,
    Transformer,
    load_mapping,
    view,
)


class Timezone(click.ParamType[ZoneInfo]):
    """A name of the IANA time zone database."""

    name = "zone"

    def convert(  # noqa: D102 - click's
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> ZoneInfo:
        try:
            return ZoneInfo(str(value))
        except (ZoneInfoNotFoundError, ValueError):
            self.fail(f"{value!r} is no time zone; say for example Europe/Berlin", param, ctx)


@click.command(
    "import-audit",
    epilog="Exit codes: 0 every row is in the ledger, 1 rows were rejected, "
    "2 file or mapping cannot be used, 3 database unreachable.",
)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@dsn_option
@click.option("--tenant-id", "--tenant", help="Whose ledger. Default: default")
@click.option(
    "--source",
    "source_name",
    metavar="NAME",
    help="Name of the source, part of what makes a row known. Default: the file's name, no suffix.",
)
@click.option(
    "--mapping",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="TOML file laid over the built-in mapping of event names.",
)
@click.option("--unmapped-as", metavar="TYPE", help="Event type for names that nothing maps.")
@click.option(
    "--timezone",
    type=Timezone(),
    default="UTC",
    show_default=True,
    help="Zone of timestamps without an offset.",
)
@click.option("--batch", type=click.IntRange(1, 10_000), default=1000, show_default=True)
@click.option("--publish", is_flag=True, help="Write outbox rows too.")
@click.option(
    "--report",
    "report_file",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="Where the report goes as JSON, with every rejected row. "
    "Default, when rows were rejected: NAME.import-report.json here.",
)
@click.option("--dry-run", is_flag=True, help="Do everything, then roll it back.")
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    file: Path,
    dsn: str | None,
    tenant_id: str | None,
    source_name: str | None,
    mapping: Path | None,
    unmapped_as: str | None,
    timezone: ZoneInfo,
    batch: int,
    publish: bool,
    report_file: Path | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Import the table action_audit_events of a SQLite FILE.

    It may be interrupted and run again: every row is known by source name and audit_id, and is
    imported once. No row is dropped silently: what cannot become an event is in the report.
    """
    source_name = source_name or file.stem
    about = {
        "source": source_name,
        "file": str(file),
        "tenant_id": tenant_id or "default",
        "dry_run": dry_run,
    }
    with _usage_errors(), Report() as report:
        transform = Transformer(source_name, load_mapping(mapping, unmapped_as), timezone, publish)
        with AuditSource(file, timezone) as source, connect(dsn, autocommit=True) as connection:
            options: Any = {"tenant_id": tenant_id, "batch_size": batch, "dry_run": dry_run}
            _run(Importer(connection, transform, report, **options), source)
        if report.rejected and report_file is None:
            report_file = Path(f"{source_name}.import-report.json")
        if report_file is not None:
            report.write(report_file, about)
    if as_json:
        print_json({**about, **report.summary(), "report": report_file and str(report_file)})
    else:
        out.print(view(report, report_file, dry_run=dry_run))
    if report.rejected:
        ctx.exit(EXIT_REFUSED)


def _run(importer: Importer, source: AuditSource) -> None:
    try:
        importer.run(
            track(
                source,
                f"importing {escape(source.path.name)}",
                total=len(source),
                console=err,
                transient=True,
                disable=not err.is_terminal,
            )
        )
    except (LedgerError, psycopg.Error):
        rows = importer.report.imported
        err.print(f"The import stopped after {rows:,} events. They stay; run it again to go on.")
        raise


@contextmanager
def _usage_errors() -> Iterator[None]:
    """A file that cannot be used ends with exit code 2."""
    try:
        yield
    except (SourceError, MappingError) as error:
        raise click.UsageError(str(error)) from error
