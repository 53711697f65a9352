"""`agent-events prove`: a proof file for one event."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import click
from psycopg import Connection

from agent_events.anchors import open_store
from agent_events.cli._common import (
    EXIT_REFUSED,
    connect,
    dsn_option,
    err,
    out,
    print_json,
    report,
)
from agent_events.cli.anchors import anchor_options, vkey_option
from agent_events.evidence.checkpoints import SignedCheckpoint, latest, origin_of
from agent_events.evidence.errors import EvidenceError
from agent_events.evidence.inclusion import prove
from agent_events.evidence.rows import use_utf8
from agent_events.evidence.writer import new_file
from agent_events.proofs.note import VerifierKey

F = TypeVar("F", bound=Callable[..., Any])


def evidence_options(function: F) -> F:
    """Add `--tenant`, `--anchor`, `--vkey`, `--origin`, `--dsn` and `--json`.

    The command exits with 1 where the evidence cannot be made, and says why.
    """

    @wraps(function)
    def guarded(*arguments: Any, **parameters: Any) -> Any:
        try:
            return function(*arguments, **parameters)
        except EvidenceError as error:
            report(None, error.message, None, error.hint)
            click.get_current_context().exit(EXIT_REFUSED)

    tenant = click.option(
        "--tenant",
        "--tenant-id",
        "tenant_id",
        default="default",
        show_default=True,
        help="Whose ledger.",
    )
    return tenant(anchor_options(vkey_option(required=True)(dsn_option(guarded))))  # type: ignore[return-value]


def choose_checkpoint(
    url: str, origin: str | None, tenant_id: str, keys: Sequence[VerifierKey]
) -> SignedCheckpoint:
    """Return the largest checkpoint in the anchor that verifies, and warn of those that do not."""
    origin = origin or origin_of(tenant_id, keys)
    if origin.rpartition("/")[2] != tenant_id:
        raise click.BadParameter(f"{origin} is not of tenant {tenant_id}", param_hint="--origin")
    signed, unusable = latest(open_store(url).entries(origin), origin, keys)
    if unusable:
        entries = "entry" if unusable == 1 else "entries"
        message = f"warning: {unusable} {entries} of the anchor cannot be used"
        err.print(f"{message}: agent-events anchors check", style="yellow", markup=False)
    return signed


@contextmanager
def reader(dsn: str | None) -> Iterator[Connection[Any]]:
    """Connect to read: texts come in UTF-8, and every statement is a transaction of its own."""
    with connect(dsn, autocommit=True) as connection:
        use_utf8(connection)
        yield connection


@click.command("prove")
@click.argument("event_id", type=click.UUID)
@click.option(
    "--out",
    "path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A new file for the proof. Default: standard output.",
)
@evidence_options
def command(
    event_id: UUID,
    path: Path | None,
    tenant_id: str,
    url: str,
    origin: str | None,
    keys: Sequence[VerifierKey],
    dsn: str | None,
    as_json: bool,
) -> None:
    """Prove that an event is in the log: a C2SP tlog-proof@v1 file.

    It goes against the latest signed checkpoint that the anchor has, and is verified, with the hash
    computed from the event's own bytes, before it is written; for an event in a cold file with the
    hash that the log has. For events together with their proofs see bundle. Exits with 1 where
    there is no such proof (yet).
    """
    signed = choose_checkpoint(url, origin, tenant_id, keys)
    with reader(dsn) as connection:
        leaf, proof, is_cold = prove(connection, tenant_id, event_id, signed, keys)
    if is_cold:
        err.print(
            f"The event is in a cold file; proven is the hash that the log has: {leaf.hex()}",
            markup=False,
        )
    if path is not None:
        with new_file(path) as partial:
            partial.write_text(proof.text(), "utf-8", newline="\n")
    if as_json:
        print_json(
            {
                "event_id": event_id,
                "position": proof.index,
                "hash": leaf,
                "is_cold": is_cold,
                "origin": signed.checkpoint.origin,
                "tree_size": signed.checkpoint.tree_size,
                "out": None if path is None else str(path),
                "proof": proof.text(),
            }
        )
    elif path is None:
        click.echo(proof.text(), nl=False)
    else:
        out.print(
            f"{path}: event {event_id} is at position {proof.index} of the "
            f"{signed.checkpoint.tree_size} that {signed.checkpoint.origin} signed for",
            markup=False,
        )
