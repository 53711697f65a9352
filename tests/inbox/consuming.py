"""The few statements that most tests of the inbox begin with."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import psycopg
from psycopg.rows import dict_row

AnyConnection = psycopg.Connection[Any]
Row = dict[str, Any]

ACCEPT = "select ledger.accept_event(%s, %s, 'deal.created', tenant_id => %s)"


def accept(
    connection: AnyConnection,
    event_id: UUID,
    *,
    consumer: str = "billing",
    tenant_id: str = "acme",
) -> bool:
    row = connection.execute(ACCEPT, [consumer, event_id, tenant_id]).fetchone()
    assert row is not None
    return bool(row[0])


def fail(connection: AnyConnection, event_id: UUID, error: str = "boom", **options: Any) -> Row:
    """The row that ledger.fail_event() returns, for consumer billing of acme."""
    given = {"consumer": "billing", "event_id": event_id, "error": error, "tenant_id": "acme"}
    given |= options
    named = ", ".join(f"{name} => %({name})s" for name in given)
    with connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute(f"select * from ledger.fail_event({named})", given)  # type: ignore[arg-type]
        row = cursor.fetchone()
    assert row is not None
    return row


def claim(connection: AnyConnection, consumer: str = "billing", **options: Any) -> list[UUID]:
    given = {"consumer": consumer} | options
    named = ", ".join(f"{name} => %({name})s" for name in given)
    query = f"select event_id from ledger.claim_failures({named})"
    return [row[0] for row in connection.execute(query, given)]  # type: ignore[arg-type]


def status(connection: AnyConnection) -> list[tuple[UUID, str, int]]:
    """Event, state and attempts of all failures, in the order in which they failed."""
    query = "select event_id, state, attempts from ledger.inbox_status order by failed_at"
    return connection.execute(query).fetchall()


def make_due(connection: AnyConnection) -> None:
    """As if the time had passed."""
    connection.execute(
        "update ledger.inbox_failures set next_attempt_at = clock_timestamp() - interval '1 second'"
        " where next_attempt_at is not null"
    )


def processed_ago(connection: AnyConnection, age: str, count: int = 1) -> list[UUID]:
    """So many events that consumer billing of acme processed that long ago."""
    ids = [uuid4() for _ in range(count)]
    connection.execute(
        "insert into ledger.inbox select 'acme', 'billing', id, null, now() - %s::interval"
        " from unnest(%s::uuid[]) as id",
        [age, ids],
    )
    return ids


def inbox(connection: AnyConnection) -> set[UUID]:
    return {row[0] for row in connection.execute("select event_id from ledger.inbox")}
