"""`agent-events anchors`: list and check what is kept outside the database."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar, cast

import click
from rich.progress import track
from rich.table import Table
from rich.text import Text

from agent_events.anchors import AnchorError, Entry, conflicts_between, open_store
from agent_events.anchors.store import FORMS
from agent_events.cli._common import (
    EXIT_REFUSED,
    EXIT_USAGE,
    err,
    json_option,
    out,
    print_json,
    report,
)
from agent_events.proofs.note import (
    BadSignature,
    Checkpoint,
    MalformedKey,
    MalformedNote,
    NoteError,
    UnknownKey,
    VerifierKey,
    open_checkpoint,
    read_checkpoint,
)

F = TypeVar("F", bound=Callable[..., Any])

STATUSES: dict[type[NoteError], str] = {
    MalformedNote: "malformed",
    UnknownKey: "unknown_key",
    BadSignature: "bad_signature",
    MalformedKey: "ambiguous_key",
}
SIGNED = ("verified", "damaged")  # with keys at hand, damaged ones are verified as well
STYLES = {"verified": "green", "unverified": "dim"}


@dataclass(frozen=True)
class Kept:
    """An entry of the anchor, and what came out when it was verified."""

    entry: Entry
    checkpoint: Checkpoint | None
    status: str
    detail: str | None = None

    def row(self) -> dict[str, Any]:
        """Return it for people and for `--json`."""
        return {
            "recorded_at": self.entry.recorded_at,
            **summary(self.checkpoint),
            "status": self.status,
            "where": self.entry.where,
            "detail": self.detail,
        }


def public_keys(text: str) -> tuple[VerifierKey, ...]:
    """Parse the value of an option that is a public key, or a file with one in each line."""
    try:
        return (VerifierKey.parse(text),)
    except MalformedKey as error:
        no_key = error
    try:
        keys = tuple(map(VerifierKey.parse, Path(text).read_text("utf-8").split()))
    except (OSError, ValueError) as error:
        reason = f"{text!r} is no public key ({no_key}) and no file with one ({error})"
        raise click.BadParameter(reason) from error
    except MalformedKey as error:
        raise click.BadParameter(f"{text}: {error}") from error
    if not keys:
        raise click.BadParameter(f"{text} is empty")
    return keys


def anchor_errors(function: F) -> F:
    """End with 2 where an anchor cannot be used."""

    @wraps(function)
    def guarded(*arguments: Any, **parameters: Any) -> Any:
        try:
            return function(*arguments, **parameters)
        except AnchorError as error:
            report(None, error.message, None, error.hint)
            click.get_current_context().exit(EXIT_USAGE)

    return cast(F, guarded)


def anchor_options(function: F) -> F:
    """Add `--anchor`, `--origin` and `--json`; an anchor that cannot be read exits with 2."""
    anchor = click.option("--anchor", "url", required=True, metavar="URL", help=f"{FORMS}.")
    origin = click.option("--origin", help="Only the checkpoints of <ledger name>/<tenant id>.")
    return anchor(origin(json_option(anchor_errors(function))))


def vkey_option(*, required: bool) -> Callable[[F], F]:
    """Add `--vkey` (parameter `keys`), which may be repeated."""
    return click.option(
        "--vkey",
        "keys",
        type=public_keys,
        metavar="FILE|TEXT",
        multiple=True,
        required=required,
        callback=lambda _ctx, _param, values: [key for keys in values for key in keys],
        help="A public key to trust, or a file with some; may be repeated.",
    )


@click.group("anchors")
def command() -> None:
    """Signed checkpoints that are kept outside the database."""


@command.command("list")
@anchor_options
@vkey_option(required=False)
def list_anchors(url: str, origin: str | None, as_json: bool, keys: Sequence[VerifierKey]) -> None:
    """List the kept checkpoints in the order of keeping, and whether they verify.

    Without --vkey nothing is verified. What is wrong is shown, but no reason to fail: see check.
    Roots are shortened; --json has them in full, and what is wrong in detail.
    """
    table = Table(box=None, pad_edge=False)
    for name in ("recorded at", "origin", "tree size", "root"):
        table.add_column(name, no_wrap=True)
    table.add_column("status", no_wrap=True)
    for kept in read(url, origin, keys):
        row = kept.row()
        if as_json:
            print_json(row)
            continue
        style = STYLES.get(kept.status, "bold red")
        root = row["root"] and f"{row['root'][:12]}…"
        cells = [row["recorded_at"], row["origin"], row["tree_size"], root]
        table.add_row(*(Text(_cell(cell)) for cell in cells), Text(kept.status, style=style))
    if not as_json:
        out.print(table)


@command.command()
@anchor_options
@vkey_option(required=True)
@click.pass_context
def check(
    ctx: click.Context,
    url: str,
    origin: str | None,
    as_json: bool,
    keys: Sequence[VerifierKey],
) -> None:
    """Check the kept checkpoints against their signatures and each other.

    Finds damaged entries, notes that are no checkpoints, unknown keys, bad signatures, one size
    with two roots, and sizes that go backwards. That the trees grew from each other is for verify,
    which has the log. Exits with 1 on a finding, also where nothing is kept at all.
    """
    everything = list(read(url, origin, keys))
    findings = list(find(everything))
    for finding in findings:
        if as_json:
            print_json(finding)
            continue
        out.print(finding["kind"], style="bold red", end=" ")
        out.print(finding["where"], markup=False)
        out.print(f"    {finding['detail']}", markup=False)
    if findings:
        ctx.exit(EXIT_REFUSED)
    if not as_json:
        count = f"{len(everything)} checkpoint{'s' if len(everything) != 1 else ''}"
        out.print(f"All is well: {count}.", style="green")


def read(url: str, origin: str | None, keys: Sequence[VerifierKey]) -> Iterator[Kept]:
    """Read an anchor and verify each entry, with a progress bar on a terminal."""
    entries = list(open_store(url).entries(origin))
    silent = not err.is_terminal or len(entries) < 200
    for entry in track(entries, "Verifying …", console=err, transient=True, disable=silent):
        yield verify(entry, keys)


def verify(entry: Entry, keys: Sequence[VerifierKey]) -> Kept:
    """Verify an entry; without keys it stays unverified."""
    if entry.note is None:
        return Kept(entry, None, "damaged", entry.problem)
    checkpoint = None
    try:
        checkpoint = read_checkpoint(entry.note)
        if keys:
            open_checkpoint(entry.note, keys)
    except NoteError as error:
        details = filter(None, (str(error), entry.problem))
        return Kept(entry, checkpoint, STATUSES[type(error)], "; ".join(details))
    if entry.problem:
        return Kept(entry, checkpoint, "damaged", entry.problem)
    return Kept(entry, checkpoint, "verified" if keys else "unverified")


def find(everything: Sequence[Kept]) -> Iterator[dict[str, Any]]:
    """Yield what is wrong with the entries, and then what the signed ones say to each other."""
    if not everything:
        yield _finding("empty", "the anchor", None, "no checkpoint is kept there")
    signed: list[tuple[str, Checkpoint]] = []
    for kept in everything:
        if kept.checkpoint is not None and kept.status in SIGNED:
            signed.append((kept.entry.where, kept.checkpoint))
        if kept.status != "verified":
            yield _finding(kept.status, kept.entry.where, kept.checkpoint, str(kept.detail))
    for conflict in conflicts_between(checkpoint for _, checkpoint in signed):
        where = " and ".join(signed[index][0] for index in conflict.indexes)
        yield _finding(conflict.kind, where, conflict.later, str(conflict))


def summary(checkpoint: Checkpoint | None) -> dict[str, Any]:
    """Return the fields of a checkpoint, or nothing for each."""
    if checkpoint is None:
        return {"origin": None, "tree_size": None, "root": None}
    root = b64encode(checkpoint.root).decode()
    return {"origin": checkpoint.origin, "tree_size": checkpoint.tree_size, "root": root}


def _finding(kind: str, where: str, checkpoint: Checkpoint | None, detail: str) -> dict[str, Any]:
    return {"kind": kind, "where": where, **summary(checkpoint), "detail": detail}


def _cell(value: Any) -> str:
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%SZ}"
    return "" if value is None else str(value)
