"""`agent-events types`: list, show, apply and coverage."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import psycopg
from psycopg import sql
from psycopg.rows import dict_row
from rich.table import Table
from rich.text import Text

from agent_events import Ledger, LedgerError
from agent_events.cli._common import (
    EXIT_REFUSED,
    connect,
    dsn_option,
    err,
    json_option,
    out,
    print_json,
)

FILE_NAME = re.compile(r"(?P<event_type>.+)\.v(?P<version>[1-9][0-9]*)\.json")
CATALOG = re.compile(r"[a-z][a-z0-9_]{0,62}")
STYLES = {"registered": "green", "unchanged": "dim", "refused": "red"}

TYPES = """
    select event_type, current_version, catalog, publish, description
    from ledger.event_types
    where %(catalog)s::text is null or catalog = %(catalog)s
    order by catalog, event_type
"""
TYPE = """
    select
      s.event_type, s.schema_version, t.current_version, t.catalog, t.publish, t.description,
      t.summary, s.compatibility, s.private_paths, s.secret_paths, s.registered_at,
      s.registered_by, s.schema
    from ledger.event_schemas as s
    join ledger.event_types as t using (event_type)
    where s.event_type = %(event_type)s
      and s.schema_version = coalesce(%(version)s::int, t.current_version)
"""
VERSIONS = "select schema_version from ledger.event_schemas where event_type = %s"
COVERAGE = "select * from ledger.event_type_coverage order by catalog, event_type"

catalog_option = click.option("--catalog", help="Only the types of this catalog.")


@click.group("types")
def command() -> None:
    """Event types: what may be emitted, and with which payload."""


@command.command("list")
@catalog_option
@dsn_option
@json_option
def list_types(catalog: str | None, dsn: str | None, as_json: bool) -> None:
    """List the registered event types."""
    with connect(dsn) as connection:
        rows = _rows(connection, TYPES, {"catalog": catalog})
    print_rows(rows, as_json, ("event_type", "current_version", "publish", "description"))


@command.command()
@click.argument("event_type")
@click.option("--version", type=click.IntRange(min=1), help="Default: the current one.")
@dsn_option
@json_option
@click.pass_context
def show(
    ctx: click.Context, event_type: str, version: int | None, dsn: str | None, as_json: bool
) -> None:
    """Show the JSON Schema of an event type, and the rules that go with it."""
    with connect(dsn) as connection:
        rows = _rows(connection, TYPE, {"event_type": event_type, "version": version})
    if not rows:
        which = event_type if version is None else f"{event_type} version {version}"
        err.print(f"{which} is not registered", style="red", markup=False)
        ctx.exit(EXIT_REFUSED)
    if as_json:
        print_json(rows[0])
        return
    schema = rows[0].pop("schema")
    for name, value in rows[0].items():
        if value is not None:
            out.print(f"[bold]{name:<16}[/]", end="")
            out.print(_cell(value), markup=False)
    out.print_json(data=schema)


@command.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--catalog", help="Default: the file's folder, if its name is one word.")
@dsn_option
@json_option
@click.pass_context
def apply(
    ctx: click.Context, paths: tuple[Path, ...], catalog: str | None, dsn: str | None, as_json: bool
) -> None:
    """Register the JSON Schemas in PATHS: files, or folders with their subfolders.

    A file is named <event type>.v<version>.json; without .v<version> it is the next version, unless
    it is the current one already. "x-publish": false keeps the type's events out of the outbox;
    "x-summary" is an event of the type in a sentence. What is registered already stays as it is, so
    applying twice does nothing. Exits with 1 if a file was refused; the others are registered all
    the same.
    """
    refused = False
    with connect(dsn) as connection:
        for file in schema_files(paths):
            result = _apply(connection, file, catalog)
            refused = refused or result["result"] == "refused"
            _report(result, as_json)
    if refused:
        ctx.exit(EXIT_REFUSED)


@command.command()
@click.option("--unseen", is_flag=True, help="Only types that no event has.")
@catalog_option
@dsn_option
@json_option
def coverage(unseen: bool, catalog: str | None, dsn: str | None, as_json: bool) -> None:
    """Show which types have been seen, how often and when last: the gaps of an audit trail."""
    with connect(dsn) as connection:
        rows = _rows(connection, COVERAGE)
    chosen = [
        row for row in rows if catalog in (None, row["catalog"]) and not (unseen and row["is_seen"])
    ]
    print_rows(chosen, as_json, ("event_type", "is_registered", "event_count", "last_seen_at"))


@dataclass(frozen=True)
class SchemaFile:
    """A JSON Schema on disk; `schema_version` None means the next version."""

    path: Path
    event_type: str
    schema_version: int | None


def schema_files(paths: Iterable[Path]) -> Iterator[SchemaFile]:
    """Find the schemas, lower versions first."""
    for path in paths:
        found = path.rglob("*.json") if path.is_dir() else [path]
        yield from sorted(map(_identify, found), key=_order)


def _identify(path: Path) -> SchemaFile:
    if match := FILE_NAME.fullmatch(path.name):
        return SchemaFile(path, match["event_type"], int(match["version"]))
    return SchemaFile(path, path.name.removesuffix(".json"), None)


def _order(file: SchemaFile) -> tuple[str, float]:
    return file.event_type, file.schema_version or float("inf")


def _apply(
    connection: psycopg.Connection[Any], file: SchemaFile, catalog: str | None
) -> dict[str, Any]:
    result = {"event_type": file.event_type, "schema_version": file.schema_version}
    try:
        schema = json.loads(file.path.read_text("utf-8"))
        known = {row["schema_version"] for row in _rows(connection, VERSIONS, [file.event_type])}
        with connection.transaction():
            version = Ledger(connection).register_event_type(
                file.event_type,
                schema,
                schema_version=file.schema_version,
                catalog=catalog or _folder_name(file.path),
                **_annotations(schema),
            )
    except (OSError, ValueError, LedgerError) as error:
        return {**result, "result": "refused", "error": str(error), "path": str(file.path)}
    done = "unchanged" if version in known else "registered"
    return {**result, "schema_version": version, "result": done, "path": str(file.path)}


def _folder_name(path: Path) -> str | None:
    name = path.resolve().parent.name
    return name if CATALOG.fullmatch(name) else None


def _annotations(schema: Any) -> dict[str, Any]:
    if not isinstance(schema, dict):
        return {}
    return {
        "description": schema.get("description"),
        "publish": schema.get("x-publish"),
        "summary": schema.get("x-summary"),
    }


def _report(result: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(result)
        return
    version = result["schema_version"]
    name = result["event_type"] if version is None else f"{result['event_type']} v{version}"
    out.print(f"{result['result']:<10}", style=STYLES[result["result"]], end=" ")
    out.print(name, markup=False)
    if "error" in result:
        err.print(f"    {result['path']}: {result['error']}", markup=False)


def print_rows(rows: list[dict[str, Any]], as_json: bool, columns: tuple[str, ...]) -> None:
    """Print rows as lines of JSON, or these columns of them as a table."""
    if as_json:
        for row in rows:
            print_json(row)
        return
    table = Table(box=None, pad_edge=False)
    for name in columns:
        table.add_column(name.replace("_", " "), no_wrap=name == "event_type")
    for row in rows:
        table.add_row(*(Text(_cell(row[name])) for name in columns))
    out.print(table)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(value)
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%SZ}"
    return str(value)


def _rows(
    connection: psycopg.Connection[Any], query: str, parameters: Any = None
) -> list[dict[str, Any]]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(sql.SQL(query), parameters).fetchall()
