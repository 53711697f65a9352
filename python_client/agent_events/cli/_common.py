"""What every command shares: the connection, the output, and how errors end the process."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from secrets import token_hex
from typing import Any, TypeVar
from uuid import UUID

import click
import psycopg
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from agent_events import _http
from agent_events import dsn as dsn_module
from agent_events.errors import LedgerError, UnversionedLedger

F = TypeVar("F", bound=Callable[..., Any])

_NUMBER = f"number {token_hex()} "
"""Begins what is to be a number in JSON; nobody guesses it."""

EXIT_REFUSED = 1
EXIT_USAGE = 2
EXIT_UNREACHABLE = 3

out = Console(soft_wrap=True, highlight=False)
err = Console(stderr=True, soft_wrap=True, highlight=False)


def dsn_option(function: F) -> F:
    """Add `--dsn`; `connect` resolves it."""
    return click.option(
        "--dsn",
        metavar="DSN",
        help="Connection string. Default: AGENT_EVENTS_DSN, else the PG* variables of libpq, "
        "else the embedded server if it runs.",
    )(function)


def json_option(function: F) -> F:
    """Add `--json` (parameter `as_json`)."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")(
        function
    )


def json_object(text: str) -> dict[str, Any]:
    """Parse the value of an option that is a JSON object; '-' reads it from standard input."""
    try:
        value = json.loads(sys.stdin.read() if text == "-" else text)
    except ValueError as error:
        raise click.BadParameter(f"not JSON: {error}") from error
    if not isinstance(value, dict):
        raise click.BadParameter("a JSON object is needed, as {...}")
    return value


def time(text: str) -> datetime:
    """Parse the value of an option that is a time, ISO 8601; without an offset it is local."""
    try:
        return datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError) as error:
        raise click.BadParameter(f"{text!r} is no time, as 2026-01-31T12:00:00Z") from error


def address(text: str) -> tuple[str, int]:
    """Parse the value of an option that is where to listen: PORT, or HOST:PORT."""
    host, _, port = text.rpartition(":")
    if not (port.isascii() and port.isdigit() and int(port) < 65536):
        raise click.BadParameter(f"{text!r} has no port, as 9464")
    return host.strip("[]") or _http.HOST, int(port)


@contextmanager
def connect(dsn: str | None, *, autocommit: bool = False) -> Iterator[psycopg.Connection]:
    """Connect to what `--dsn` or its defaults name; commit at the end, roll back on an error."""
    with psycopg.connect(
        dsn_module.resolve(dsn), autocommit=autocommit, application_name="agent-events"
    ) as connection:
        yield connection


def print_json(value: Any, *, to_stderr: bool = False) -> None:
    """Print a dataclass or a dict as one line of JSON."""
    document = asdict(value) if is_dataclass(value) else value  # type: ignore[arg-type]
    click.echo(json_text(document), err=to_stderr)


def json_text(value: Any, **options: Any) -> str:
    """Write JSON as json.dumps does, and a Decimal as a number, to its last digit."""

    def known(each: object) -> str:
        return f"{_NUMBER}{each:f}" if isinstance(each, Decimal) else plain(each)

    text = json.dumps(value, default=known, **options)
    return re.sub(rf'"{_NUMBER}([^"]*)"', r"\1", text)


def print_table(table: Table) -> None:
    """Print a table with nothing cut, however narrow the terminal: names are there to be copied."""
    Console(width=10_000, highlight=False).print(table)


def plain(value: object) -> str:
    """Return the text of a value that JSON has no form for: hex, ISO 8601, UUID."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


@contextmanager
def event_progress(text: str, times: int = 1) -> Iterator[Callable[[int], object]]:
    """Show how many events went by, where stderr is a terminal."""
    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("events"),
        TimeRemainingColumn(),
        console=err,
        transient=True,
        disable=not err.is_terminal,
    )
    with progress:
        task = progress.add_task(text, total=None)
        yield lambda rows: progress.advance(task, rows / times)


class ReportingGroup(click.Group):
    """Ends with the documented exit code, and says SQLSTATE, message, detail and hint."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except LedgerError as error:
            report(error.sqlstate, error.message, error.detail, error.hint)
            ctx.exit(EXIT_REFUSED)
        except UnversionedLedger as error:
            report(None, error.message, error.detail, error.hint)
            ctx.exit(EXIT_USAGE)
        except psycopg.Error as error:
            diag = error.diag
            message = diag.message_primary or str(error)
            hint = diag.message_hint or missing_ledger_hint(diag)
            report(diag.sqlstate, message, diag.message_detail, hint)
            ctx.exit(EXIT_UNREACHABLE if is_unreachable(error) else EXIT_REFUSED)


def is_unreachable(error: psycopg.Error) -> bool:
    """Tell a connection that failed or broke from a statement that was refused."""
    state = error.diag.sqlstate or error.sqlstate
    return isinstance(error, psycopg.OperationalError) and (
        state is None or state.startswith(("08", "57P"))
    )


def missing_ledger_hint(diag: psycopg.errors.Diagnostic) -> str | None:
    """Return what to do where the database holds no ledger at all."""
    message = diag.message_primary or ""
    if (diag.sqlstate == "3F000" and '"ledger"' in message) or (
        diag.sqlstate == "42P01" and '"ledger.' in message
    ):
        return "Install the ledger first: agent-events migrate"
    return None


def report(sqlstate: str | None, message: str, detail: str | None, hint: str | None) -> None:
    """Print an error to stderr."""
    err.print(f"error{f' {sqlstate}' if sqlstate else ''}: {message}", style="red", markup=False)
    if detail:
        err.print(f"detail: {detail}", markup=False)
    if hint:
        err.print(f"hint: {hint}", markup=False)
