"""A worker of a relay, by the SQL functions alone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, NamedTuple

import psycopg
from psycopg.rows import namedtuple_row

AnyConnection = psycopg.Connection[Any]

HAPPENED = "test.happened"
RELAY = "nats"


class Claim(NamedTuple):
    """A row of `ledger.claim_outbox()`."""

    relay: str
    tenant_id: str
    token: int
    after_position: int
    through_position: int
    retries: list[int]


def emit(
    connection: AnyConnection,
    *aggregates: str | None,
    tenant_id: str = "acme",
    publish: bool = True,
    event_type: str = HAPPENED,
) -> None:
    """An event for each of the aggregates, in a transaction of its own; None = without one."""
    for number, aggregate in enumerate(aggregates):
        connection.execute(
            """
            select from ledger.emit_event(
              %s, jsonb_build_object('n', %s::int), tenant_id => %s, aggregate_type => %s,
              aggregate_id => %s, publish => %s
            )
            """,
            [event_type, number, tenant_id, aggregate and "deal", aggregate, publish],
        )


def claim(connection: AnyConnection, relay: str = RELAY, **arguments: Any) -> Claim | None:
    """Claim messages; None when nothing is due."""
    named = ", ".join(f"{name} => %({name})s" for name in arguments)
    query = f"select * from ledger.claim_outbox(%(relay)s{', ' if named else ''}{named})"
    row = connection.execute(query, {"relay": relay, **arguments}).fetchone()  # type: ignore[arg-type]
    return None if row is None else Claim(*row)


def read(connection: AnyConnection, claimed: Claim) -> list[Any]:
    """The messages of a claim."""
    query = "select * from ledger.read_outbox(row(%s, %s, %s, %s, %s, %s)::ledger.outbox_claim)"
    with connection.cursor(row_factory=namedtuple_row) as cursor:
        return cursor.execute(query, claimed).fetchall()


def positions(messages: Sequence[Any]) -> list[int]:
    """Their positions, in the order they came."""
    return [message.position for message in messages]


def confirm(
    connection: AnyConnection,
    claimed: Claim,
    through_position: int | None = None,
    retried: Sequence[int] = (),
    *,
    release: bool = False,
) -> None:
    """Confirm; by default nothing, which renews the lease."""
    connection.execute(
        """
        select ledger.confirm_outbox(
          %s, %s, through_position => %s, retried => %s, release => %s, tenant_id => %s
        )
        """,
        [
            claimed.relay,
            claimed.token,
            through_position,
            list(retried),
            release,
            claimed.tenant_id,
        ],
    )


def fail(
    connection: AnyConnection,
    claimed: Claim,
    position: int,
    error: str = "no",
    *,
    retry_after: timedelta | None = None,
    is_permanent: bool = False,
) -> Any:
    """Fail a message; its row of relay_parked."""
    with connection.cursor(row_factory=namedtuple_row) as cursor:
        return cursor.execute(
            """
            select * from ledger.fail_outbox(
              %s, %s, %s, %s, retry_after => %s, is_permanent => %s, tenant_id => %s
            )
            """,
            [
                claimed.relay,
                claimed.token,
                position,
                error,
                retry_after,
                is_permanent,
                claimed.tenant_id,
            ],
        ).fetchone()


def deliver_all(connection: AnyConnection, relay: str = RELAY, **arguments: Any) -> list[Any]:
    """Everything that is due, delivered and confirmed."""
    delivered = []
    while claimed := claim(connection, relay, **arguments):
        messages = read(connection, claimed)
        retried = [message.position for message in messages if message.is_retry]
        confirm(connection, claimed, claimed.through_position, retried, release=True)
        delivered += messages
    return delivered


def make_due(connection: AnyConnection) -> None:
    """Let the pauses of all parked messages be over, as a superuser."""
    connection.execute(
        "update ledger.relay_parked set next_attempt_at = now() where next_attempt_at is not null"
    )


def end_leases(connection: AnyConnection) -> None:
    """Let the time of all leases be over, as a superuser."""
    connection.execute(
        "update ledger.relay_cursors set leased_until = now() where leased_until is not null"
    )
