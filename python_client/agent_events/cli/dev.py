"""`agent-events dev`: a PostgreSQL for trying things out, without installing one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click
from psycopg.conninfo import make_conninfo

from agent_events import embedded
from agent_events.cli._common import EXIT_UNREACHABLE, json_option, print_json

_data_option = click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    help="Data directory. Default: AGENT_EVENTS_DEV_DIR, else a folder of the user's own.",
)
_version_option = click.option(
    "--pg",
    "version",
    type=int,
    default=embedded.DEFAULT_VERSION,
    show_default=True,
    help="Major version of the server.",
)


@click.group("dev")
def command() -> None:
    """Run a PostgreSQL of your own, bundled with agent-events[embedded]."""


@command.command()
@_data_option
@_version_option
@click.option("--port", type=click.IntRange(1, 65535), help="Listen on 127.0.0.1 at this port too.")
@json_option
def up(data: Path | None, version: int, port: int | None, as_json: bool) -> None:
    """Start the server unless it runs; print how to reach it."""
    data = data or embedded.default_dir(version)
    try:
        info = embedded.ensure_server(data, version, port=port)
    except embedded.EmbeddedServerError as error:
        raise click.ClickException(str(error)) from error
    _print_state(data, info, as_json)


@command.command()
@_data_option
@_version_option
@json_option
def down(data: Path | None, version: int, as_json: bool) -> None:
    """Stop the server; its data stays."""
    data = data or embedded.default_dir(version)
    try:
        stopped = embedded.stop_server(data, version)
    except embedded.EmbeddedServerError as error:
        raise click.ClickException(str(error)) from error
    if as_json:
        print_json({"data": str(data), "stopped": stopped})
    else:
        click.echo("stopped" if stopped else "was not running")


@command.command()
@_data_option
@_version_option
@json_option
@click.pass_context
def status(context: click.Context, data: Path | None, version: int, as_json: bool) -> None:
    """Say whether the server runs; exit code 3 when it does not."""
    data = data or embedded.default_dir(version)
    info = embedded.connection_info(data)
    _print_state(data, info, as_json)
    if info is None:
        context.exit(EXIT_UNREACHABLE)


@command.command()
@_data_option
@_version_option
@json_option
def dsn(data: Path | None, version: int, as_json: bool) -> None:
    """Print the server's connection string."""
    info = _running(data, version)
    if as_json:
        print_json(info)
    else:
        click.echo(make_conninfo(**info))


@command.command(
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False}
)
@_data_option
@_version_option
@click.argument("psql_args", nargs=-1, type=click.UNPROCESSED)
def psql(data: Path | None, version: int, psql_args: tuple[str, ...]) -> None:
    """Open psql on the server; further arguments are psql's, e.g. `-c 'select 1'`."""
    info = _running(data, version)
    program = embedded.client_program("psql")
    os.execv(program, [program.name, "-d", make_conninfo(**info), *psql_args])


def _running(data: Path | None, version: int) -> dict[str, Any]:
    info = embedded.connection_info(data or embedded.default_dir(version))
    if info is None:
        raise click.ClickException("the server does not run; start it with: agent-events dev up")
    return info


def _print_state(data: Path, info: dict[str, Any] | None, as_json: bool) -> None:
    connection = make_conninfo(**info) if info else None
    if as_json:
        print_json({"data": str(data), "running": info is not None, "dsn": connection})
    elif connection:
        click.echo(f"running: {connection}\ndata:    {data}")
    else:
        click.echo("not running")
