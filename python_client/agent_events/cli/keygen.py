"""`agent-events keygen`: a new key for signing checkpoints."""

from __future__ import annotations

from pathlib import Path

import click

from agent_events.cli._common import EXIT_REFUSED, err, json_option, out, print_json, report
from agent_events.proofs.keys import KeyFileError, SigningKey, write_new
from agent_events.proofs.note import MalformedNote


@click.command("keygen")
@click.argument("name")
@click.option(
    "--out",
    "path",
    required=True,
    type=click.Path(path_type=Path),
    help="File for the private key; the public one gets the suffix .vkey.",
)
@json_option
@click.pass_context
def command(ctx: click.Context, name: str, path: Path, as_json: bool) -> None:
    """Make an Ed25519 key that signs the checkpoints of NAME: <ledger name>/<tenant id>.

    The private key goes to a file that only you can read, and never into the database. The public
    key is printed: give it to whoever verifies. Existing files are never overwritten.
    """
    try:
        key = SigningKey.generate(name)
    except MalformedNote as error:
        raise click.BadParameter(str(error), param_hint="NAME") from error
    vkey = key.vkey().text()
    vkey_path = path.with_name(f"{path.name}.vkey")
    try:
        if vkey_path.exists():
            raise KeyFileError(f"{vkey_path} exists", "Choose another name for the new key.")
        key.save(path)
        write_new(vkey_path, f"{vkey}\n", 0o644)
    except KeyFileError as error:
        report(None, error.message, None, error.hint)
        ctx.exit(EXIT_REFUSED)
    if as_json:
        print_json({"name": name, "vkey": vkey, "key_file": str(path), "vkey_file": str(vkey_path)})
        return
    out.print(vkey, markup=False)
    err.print(f"private key: {path}, public key: {vkey_path}", style="dim", markup=False)
