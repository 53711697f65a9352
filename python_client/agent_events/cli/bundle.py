"""`agent-events bundle`: events and their proofs, for an auditor to check offline."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

import click
from rich.progress import Progress

from agent_events.cli._common import err, out, print_json
from agent_events.cli.prove import choose_checkpoint, evidence_options, reader
from agent_events.evidence.build import Made, Order, build_bundle
from agent_events.evidence.checkpoints import SignedCheckpoint
from agent_events.evidence.offline.manifest import CHAIN, DISCLOSED, EVENTS, Query
from agent_events.proofs.note import VerifierKey


@click.command("bundle")
@click.option(
    "--out",
    "path",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="A new zip file.",
)
@click.option(
    "--event", "event_ids", type=click.UUID, multiple=True, help="This event; may be repeated."
)
@click.option("--aggregate", metavar="TYPE/ID", help="All events about one thing, e.g. deal/7.")
@click.option("--correlation", type=click.UUID, help="All events of a correlation (or deal).")
@click.option(
    "--complete",
    is_flag=False,
    flag_value=CHAIN,
    type=click.Choice([CHAIN, DISCLOSED]),
    help="Prove that none was left out. chain, the default: by the gapless chain of an aggregate's "
    "events, which leaves later ones open. disclosed: by showing EVERY event of the range, "
    "whatever it is about; without --aggregate and --correlation it is about all of them.",
)
@click.option(
    "--from-position", type=click.IntRange(0), help="With disclosed: first position. Default: 0"
)
@click.option(
    "--to-position",
    type=click.IntRange(1),
    help="With disclosed: the position after the last. Default: up to the checkpoint",
)
@evidence_options
def command(
    path: Path,
    event_ids: tuple[UUID, ...],
    aggregate: str | None,
    correlation: UUID | None,
    complete: str | None,
    from_position: int | None,
    to_position: int | None,
    tenant_id: str,
    url: str,
    origin: str | None,
    keys: Sequence[VerifierKey],
    dsn: str | None,
    as_json: bool,
) -> None:
    """Make a zip file with events that an auditor can check offline, with Python alone.

    It holds the events as they are in the ledger (private data never), their proofs against the
    latest signed checkpoint, and verify.py. Its README.txt says what each mode proves and what not.
    The bundle is verified before it gets its name.
    """
    query = _query(event_ids, aggregate, correlation)
    mode = complete or EVENTS
    _check_options(query, mode, from_position, to_position)
    order = Order(tenant_id, query, mode, from_position or 0, to_position)
    signed = choose_checkpoint(url, origin, tenant_id, keys)
    made = _build(dsn, order, signed, path)
    if made.cold_count:
        err.print(
            f"warning: {made.cold_count} events of the tenant are in cold files, and were not "
            "looked at: agent-events cold restore",
            style="yellow",
            markup=False,
        )
    if made.uncovered_count:
        message = (
            f"note: the last checkpoint does not cover all of {query} yet: "
            f"{made.uncovered_count} left out"
        )
        err.print(message, style="yellow", markup=False)
    if as_json:
        print_json({**vars(made), "path": str(path), "origin": signed.checkpoint.origin})
        return
    out.print(
        f"{path}: {made.event_count} events, {made.matching_count} of them {query}, against the "
        f"checkpoint of {made.tree_size} events of {signed.checkpoint.origin}",
        markup=False,
    )


def _build(dsn: str | None, order: Order, signed: SignedCheckpoint, path: Path) -> Made:
    with (
        reader(dsn) as connection,
        Progress(console=err, transient=True, disable=not err.is_terminal) as progress,
    ):
        total = None
        if order.mode == DISCLOSED:
            total = (order.end or signed.checkpoint.tree_size) - order.first
        tasks = {
            "events": progress.add_task("Reading events …", total=total),
            "proofs": progress.add_task("Reading proofs …", total=None, visible=False),
        }
        return build_bundle(
            connection,
            order,
            signed,
            path,
            lambda what, count: progress.update(tasks[what], advance=count, visible=True),
        )


def _query(event_ids: tuple[UUID, ...], aggregate: str | None, correlation: UUID | None) -> Query:
    if sum(map(bool, (event_ids, aggregate, correlation))) > 1:
        raise click.UsageError("--event, --aggregate and --correlation exclude each other.")
    if aggregate is not None:
        kind, slash, id_ = aggregate.partition("/")
        if not kind or not slash or not id_:
            raise click.BadParameter("TYPE/ID is needed, e.g. deal/7", param_hint="--aggregate")
        return Query(aggregate=(kind, id_))
    ids = tuple(dict.fromkeys(map(str, event_ids)))
    return Query(event_ids=ids, correlation_id=None if correlation is None else str(correlation))


def _check_options(query: Query, mode: str, first: int | None, end: int | None) -> None:
    if mode != DISCLOSED:
        if (first, end) != (None, None):
            raise click.UsageError("--from-position and --to-position go with disclosed.")
        if query == Query():
            raise click.UsageError("Which events? --event, --aggregate or --correlation.")
    if mode == CHAIN and query.aggregate is None:
        raise click.UsageError(
            "Only an aggregate's events form a chain: --complete=disclosed proves it for others, "
            "by showing all events of the range."
        )
