"""`agent-events checkpoint`: sign the log as it stands, and keep that outside the database."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path

import click

from agent_events import dsn as dsn_module
from agent_events.anchors import open_store
from agent_events.anchors.store import FORMS
from agent_events.cli._common import (
    EXIT_REFUSED,
    connect,
    dsn_option,
    err,
    json_option,
    out,
    print_json,
    report,
)
from agent_events.cli.anchors import anchor_errors
from agent_events.proofs.keys import KeyFileError, SigningKey
from agent_events.signing import CannotSign, Signing, sign
from agent_events.verifying.checkpoints import tenant_of
from agent_events.verifying.recording import record_checkpoint


@click.command(
    "checkpoint",
    epilog="Exit codes: 0 signed and kept everywhere, or nothing new, 1 refused to sign, or not "
    "kept everywhere, 2 usage, key or anchor cannot be read, 3 database unreachable.",
)
@click.option(
    "--key",
    "key_file",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="File with the private key, as keygen makes it; its name says which ledger and tenant.",
)
@click.option(
    "--anchor",
    "urls",
    required=True,
    multiple=True,
    metavar="URL",
    help=f"Where it is kept: {FORMS}. May be repeated; the first must be readable.",
)
@click.option("--tenant", "--tenant-id", "tenant_id", help="Whose log; must be the key's.")
@click.option("--seal", "is_sealing", is_flag=True, help="Seal what is new first.")
@click.option(
    "--record",
    "is_recording",
    is_flag=True,
    help="Leave an event ledger.checkpoint_signed for one that was signed and kept.",
)
@dsn_option
@json_option
@click.pass_context
@anchor_errors
def command(
    ctx: click.Context,
    key_file: Path,
    urls: Sequence[str],
    tenant_id: str | None,
    is_sealing: bool,
    is_recording: bool,
    dsn: str | None,
    as_json: bool,
) -> None:
    """Sign the log of the key's tenant, after checking that it continues what was signed last.

    Reads and hashes every event since the last checkpoint, which the anchors must hold. Only --seal
    and --record write to the database.
    """
    try:
        key = SigningKey.load(key_file)
    except KeyFileError as error:
        raise click.UsageError("\n".join(filter(None, (error.message, error.hint)))) from error
    if tenant_id not in (None, tenant_of(key.name)):
        raise click.UsageError(f"the key signs for {key.name}, not for tenant {tenant_id}")
    stores = {url: open_store(url) for url in urls}
    if is_sealing:
        with connect(dsn) as connection:
            connection.execute("select ledger.seal(%s)", [tenant_of(key.name)])
    try:
        done = sign(dsn_module.resolve(dsn), key, stores)
    except CannotSign as error:
        report(None, f"nothing was signed: {error}", None, "agent-events verify says more.")
        ctx.exit(EXIT_REFUSED)
    _tell(key.name, done, as_json)
    if is_recording and done and done.note and done.kept:
        _record(done.note, tenant_of(key.name), dsn)
    if done and done.failed:
        ctx.exit(EXIT_REFUSED)


def _tell(origin: str, done: Signing | None, as_json: bool) -> None:
    if as_json:
        print_json(_summary(origin, done))
    elif done is None:
        out.print(f"{origin}: nothing is sealed yet, so nothing was signed.", markup=False)
    elif done.note is None:
        size = done.checkpoint.tree_size
        out.print(f"{origin}: nothing new since the checkpoint of {size:,} events.", markup=False)
    else:
        out.print(done.note, markup=False, end="")
    if done is None or as_json:
        return
    for where in done.kept.values():
        err.print(f"kept: {where}", style="dim", markup=False)
    for url, reason in done.failed.items():
        report(None, f"not kept at {url}: {reason}", None, None)


def _record(note: str, tenant_id: str, dsn: str | None) -> None:
    with connect(dsn, autocommit=True) as connection:
        reason = record_checkpoint(connection, note, tenant_id)
    if reason:
        err.print(f"Not recorded as an event: {reason}", markup=False)


def _summary(origin: str, done: Signing | None) -> dict[str, object]:
    if done is None:
        return {"origin": origin, "tree_size": 0, "root": None, "signed": False}
    return {
        "origin": origin,
        "tree_size": done.checkpoint.tree_size,
        "root": b64encode(done.checkpoint.root).decode(),
        "previous_size": done.previous.tree_size if done.previous else None,
        "signed": done.note is not None,
        "note": done.note,
        "kept": dict(done.kept),
        "failed": dict(done.failed),
    }
