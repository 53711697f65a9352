"""`agent-events migrate`: install, upgrade and remove the ledger's schema."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass

import click
from alembic.util import CommandError

from agent_events import dsn as dsn_module
from agent_events import migrate
from agent_events.cli._common import EXIT_REFUSED, dsn_option, json_option, out, print_json

lock_timeout_option = click.option(
    "--lock-timeout",
    default="5s",
    show_default=True,
    help="How long a statement may wait for a lock on a table of the ledger.",
)


@dataclass(frozen=True)
class Target:
    """The options of `migrate` itself; a subcommand's own win."""

    dsn: str | None
    as_json: bool


@click.group(invoke_without_command=True)
@dsn_option
@json_option
@click.pass_context
def command(ctx: click.Context, dsn: str | None, as_json: bool) -> None:
    """Install or upgrade the ledger; without a subcommand: to the newest revision."""
    ctx.obj = Target(dsn, as_json)
    if ctx.invoked_subcommand is None:
        ctx.invoke(upgrade)


@command.command()
@click.argument("revision", default="head")
@lock_timeout_option
@dsn_option
@json_option
@click.pass_obj
def upgrade(
    target: Target, revision: str, lock_timeout: str, dsn: str | None, as_json: bool
) -> None:
    """Install the ledger, or bring it to REVISION (default: head)."""
    with known_revision():
        resolved = dsn_module.resolve(dsn or target.dsn)
        steps = migrate.upgrade(resolved, revision, lock_timeout=lock_timeout)
    show_steps("upgraded", steps, migrate.current(resolved), as_json or target.as_json)


@command.command()
@click.argument("revision")
@lock_timeout_option
@dsn_option
@json_option
@click.pass_obj
def downgrade(
    target: Target, revision: str, lock_timeout: str, dsn: str | None, as_json: bool
) -> None:
    """Go back to REVISION; `base` removes the ledger, which is refused once it holds events."""
    with known_revision():
        resolved = dsn_module.resolve(dsn or target.dsn)
        steps = migrate.downgrade(resolved, revision, lock_timeout=lock_timeout)
    show_steps("downgraded", steps, migrate.current(resolved), as_json or target.as_json)


@command.command()
@click.option("--check", is_flag=True, help="Exit with 1 unless the database is at the newest.")
@dsn_option
@json_option
@click.pass_context
def current(ctx: click.Context, check: bool, dsn: str | None, as_json: bool) -> None:
    """Show which revision the database is at, and which is the newest."""
    at = migrate.current(dsn_module.resolve(dsn or ctx.obj.dsn))
    head = migrate.head()
    if as_json or ctx.obj.as_json:
        print_json({"current": at, "head": head, "is_head": at == head})
    elif at == head:
        out.print(f"{at} (head)", markup=False)
    else:
        out.print(f"{at or 'no ledger'}; the newest is {head}", markup=False)
    if check and at != head:
        ctx.exit(EXIT_REFUSED)


@command.command()
@click.argument("revision", default="head")
@lock_timeout_option
@json_option
@click.pass_obj
def sql(target: Target, revision: str, lock_timeout: str, as_json: bool) -> None:
    """Print the upgrade as one SQL script for psql: up to REVISION, or FROM:TO."""
    with known_revision():
        script = migrate.offline_sql(revision, lock_timeout=lock_timeout)
    if as_json or target.as_json:
        print_json({"sql": script})
    else:
        click.echo(script, nl=False)


@command.command()
@dsn_option
@json_option
@click.pass_obj
def history(target: Target, dsn: str | None, as_json: bool) -> None:
    """List every revision, oldest first, and mark the one the database is at."""
    for revision in migrate.history(dsn_module.resolve(dsn or target.dsn)):
        if as_json or target.as_json:
            print_json(asdict(revision))
        else:
            mark = "*" if revision.is_current else " "
            out.print(f"{mark} {revision.revision}  {revision.title}", markup=False)


def show_steps(done: str, steps: list[str], at: str | None, as_json: bool) -> None:
    """Say what was run and where the database is now."""
    if as_json:
        print_json({"steps": steps, "current": at})
    elif steps:
        out.print(f"{done} to {at or 'base: the ledger is gone, its roles remain'}", markup=False)
    else:
        out.print(f"nothing to do: the database is at {at or 'base'}", markup=False)


@contextmanager
def known_revision() -> Iterator[None]:
    """Report a revision that does not exist as a wrong argument."""
    try:
        yield
    except CommandError as error:
        raise click.BadParameter(str(error), param_hint="REVISION") from error
