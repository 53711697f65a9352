"""`agent-events emit`: one event from the shell."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

import click

from agent_events import Ledger
from agent_events.cli._common import (
    connect,
    dsn_option,
    json_object,
    json_option,
    out,
    print_json,
    time,
)
from agent_events.models import ActorType, Outcome

OPTIONS: tuple[tuple[str, Any, str], ...] = (
    ("--tenant-id", str, "Whose ledger. Default: default"),
    ("--run-id", click.UUID, "The agent run it belongs to. Default: outside any run"),
    ("--trace-id", click.UUID, "OpenTelemetry trace id, as a UUID."),
    ("--correlation-id", click.UUID, "What the event is part of."),
    ("--causation-id", click.UUID, "The event that caused this one."),
    ("--schema-version", int, "Version of the event type. Default: the current one"),
    ("--deal-id", click.UUID, "The deal it is about."),
    ("--action-id", click.UUID, "The action it is about."),
    ("--aggregate-type", str, "With --aggregate-id: the stream, e.g. deal."),
    ("--aggregate-id", str, "See --aggregate-type."),
    ("--expected-sequence", int, "Last sequence of the stream as you know it; 0 = new."),
    ("--actor-type", click.Choice(get_args(ActorType)), "Who did it."),
    ("--actor-id", str, "Who did it."),
    ("--outcome", click.Choice(get_args(Outcome)), "How it ended."),
    ("--proof", json_object, 'Proof, e.g. {"type": "url", "url": "..."}.'),
    ("--metadata", json_object, "Anything else worth keeping."),
    ("--private", json_object, "Data that must stay erasable."),
    ("--subject-id", str, "The person whom --private is about."),
    ("--occurred-at", time, "When it happened, if not now."),
    ("--idempotency-key", str, "Emit once per key; a retry returns the first receipt."),
    ("--publish/--no-publish", bool, "Write an outbox row. Default: as the event type says"),
    ("--headers", json_object, "Message headers for the outbox row."),
)

EXAMPLE = """\b
Example:
  agent-events emit deal.created '{"name": "Acme renewal"}' \\
    --aggregate-type deal --aggregate-id d-1 --actor-type user --actor-id ann"""


def event_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add an option for each of `OPTIONS`."""
    for flag, kind, text in reversed(OPTIONS):
        function = click.option(flag, type=kind, default=None, help=text)(function)
    return function


@click.command("emit", epilog=EXAMPLE)
@click.argument("event_type")
@click.argument("payload", type=json_object, required=False)
@event_options
@dsn_option
@json_option
def command(
    event_type: str, payload: dict[str, Any] | None, dsn: str | None, as_json: bool, **options: Any
) -> None:
    """Append one event. PAYLOAD is a JSON object, or - to read it from standard input."""
    with connect(dsn) as connection:
        receipt = Ledger(connection).emit_event(event_type, payload, **options)
    if as_json:
        print_json(receipt)
        return
    place = "" if receipt.sequence is None else f" sequence {receipt.sequence}"
    seen = " (emitted before, with this idempotency key)" if receipt.duplicate else ""
    out.print(f"{receipt.id}{place} hash {receipt.hash.hex()}{seen}", markup=False)
