"""`agent-events demo`: the whole thing once, for real, in under a minute."""

from __future__ import annotations

import os
import shlex
import sys
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic

import click
import psycopg
from rich.console import Console
from rich.markup import escape

from agent_events import dsn as dsn_module
from agent_events import embedded
from agent_events.cli._common import EXIT_REFUSED, err, json_option, print_json
from agent_events.cli.explore import require_extra, serve
from agent_events.demo import AgentStory, NotRefused, Tour
from agent_events.demo.proving import Proven
from agent_events.proofs.note import VerifierKey

WIDTH = 90


@click.command("demo")
@click.option(
    "--dsn",
    metavar="DSN",
    help="A database to use instead of the embedded server's. The demo's events stay in it.",
)
@click.option(
    "--rows",
    type=click.IntRange(100, 1_000_000),
    default=5000,
    show_default=True,
    help="Size of the audit trail to import.",
)
@click.option("--explore", "explores", is_flag=True, help="Show the ledger in a browser then.")
@json_option
@click.pass_context
def command(ctx: click.Context, dsn: str | None, rows: int, explores: bool, as_json: bool) -> None:
    """Start a server, import a trail, let an agent work, try to change the past, prove it.

    With --explore it goes on until Ctrl-C, with the pages of `agent-events explore`.
    """
    if explores:
        require_extra()
    with TemporaryDirectory(prefix="agent-events-demo-") as folder:
        anchor = f"file:{Path(folder) / 'checkpoints.jsonl'}"
        where, proven, is_well = _tell(dsn, rows, anchor, as_json)
        if explores:
            _explore(where, anchor, proven.vkey)
    if not is_well:
        ctx.exit(EXIT_REFUSED)


def _tell(dsn: str | None, rows: int, anchor: str, as_json: bool) -> tuple[str, Proven, bool]:
    """Go through the tour; returns the database, what was proven and whether all is well."""
    began = monotonic()
    screen = Console(highlight=False, quiet=as_json)
    screen.width = min(screen.width, WIDTH)
    tour = Tour(screen)
    file = embedded.default_dir().with_name("demo-audit.sqlite")
    try:
        where = tour.start(dsn)
        with closing(psycopg.connect(where, autocommit=True)) as connection:
            tour.import_trail(connection, file, rows)
            story = tour.let_agent_work(connection)
            tour.tamper(connection, story)
            proven = tour.prove(connection, where, anchor)
            is_well = tour.look_around(connection) and not proven.findings
    except (embedded.EmbeddedServerError, NotRefused) as error:
        raise click.ClickException(str(error)) from error
    tour.summary["seconds"] = round(monotonic() - began, 1)
    if as_json:
        print_json(tour.summary)
    else:
        _say_what_next(screen, story, file, where)
    return where, proven, is_well


def _explore(where: str, anchor: str, vkey: str) -> None:
    """Show the ledger in a browser, on a free port, until Ctrl-C."""
    from agent_events.explorer.settings import Settings

    def say(what: str, **facts: str) -> None:
        if what == "listening":
            err.print(f"\nThe explorer: {facts['url']} (Ctrl-C ends it)", markup=False)

    keys = (VerifierKey.parse(vkey),)
    serve(Settings(where, port=0, anchors=(anchor,), keys=keys), say, open_browser=True)


def _say_what_next(screen: Console, story: AgentStory, file: Path, where: str) -> None:
    commands: tuple[tuple[str, str], ...] = (
        ("how the quote came about", f"events trace {story.deal_id}"),
        ("one event in full; the prompt is not in it", f"events show {story.model_call_id}"),
        ("what people turned down", "events find --type action.rejected --limit 5"),
        ("the same in a browser", "explore --open"),
        ("the whole log, every hash again", "verify"),
        ("the import again: nothing twice", f"import-audit {shlex.quote(str(file))}"),
        ("which registered types were never seen", "types coverage --unseen"),
        ("your own event", """emit deal.created '{"name": "My first deal"}'"""),
    )
    is_default = _is_default(where)
    if is_default:
        commands += (("the server runs on; this stops it", "dev down"),)
    program = escape(program_name())
    needed = "" if is_default else " (with AGENT_EVENTS_DSN set to the demo's database)"
    screen.print(f"\n[bold cyan]Try next[/]{needed}")
    for what, text in commands:
        screen.print(f"  [dim]# {what}[/]\n  {program} {escape(text)}", soft_wrap=True)


def program_name() -> str:
    """Return what to type for this command: its path, where it is in a venv that is not active."""
    program = Path(sys.argv[0])
    in_venv = program.parent == Path(sys.prefix) / "bin" and sys.prefix != sys.base_prefix
    if program.name != "agent-events" or not in_venv or os.environ.get("VIRTUAL_ENV") == sys.prefix:
        return "agent-events"
    here = Path.cwd()
    return shlex.quote(str(program.relative_to(here) if program.is_relative_to(here) else program))


def _is_default(where: str) -> bool:
    try:
        return dsn_module.resolve() == where
    except psycopg.OperationalError:
        return False
