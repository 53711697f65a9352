"""The few statements that most tests of the log begin with."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import psycopg
from log.consistency import Row, rows

AnyConnection = psycopg.Connection[Any]

HAPPENED = "test.happened"


def emit(
    connection: AnyConnection,
    tenant_id: str = "acme",
    stream: str | None = None,
    event_type: str = HAPPENED,
) -> UUID:
    """One event; its id."""
    kind = stream and "deal"
    emitted = connection.execute(
        """
        select id from ledger.emit_event(
          %s, tenant_id => %s, aggregate_type => %s, aggregate_id => %s
        )
        """,
        [event_type, tenant_id, kind, stream],
    ).fetchone()
    assert emitted is not None
    return UUID(str(emitted[0]))


def emit_many(connection: AnyConnection, count: int, tenant_id: str = "acme") -> list[UUID]:
    """A batch of events; their ids."""
    batch = json.dumps([{"event_type": HAPPENED, "publish": False}] * count)
    query = "select id from ledger.emit_events(%s, %s)"
    return [row[0] for row in connection.execute(query, [batch, tenant_id]).fetchall()]


def insert_many(
    connection: AnyConnection,
    count: int,
    tenant_id: str = "acme",
    *,
    age: str = "0",
    rare_every: int = 2**31 - 1,
) -> None:
    """So many events that share one microsecond, past emit_event: cheap, and in order of id.

    `age` is an interval; every `rare_every`-th event is a test.rare.
    """
    connection.execute(
        "select ledger.ensure_tenant(%s), ledger.ensure_partition(now() - %s::interval)",
        [tenant_id, age],
    )
    connection.execute("set role ledger_append")
    connection.execute(
        """
        insert into ledger.agent_events (
          tenant_id, id, created_at, run_id, trace_id, correlation_id, event_type, schema_version,
          payload, hash
        )
        select
          %s, e.id, t.at, repeat('0', 32)::uuid, e.id, e.id,
          case when n %% %s = 0 then 'test.rare' else 'test.happened' end, 1, '{}',
          sha256(uuid_send(e.id))
        from (select clock_timestamp() - %s::interval as at) as t
        cross join generate_series(1, %s) as n
        cross join lateral ledger.event_id(t.at, md5(n::text || random()::text)::uuid) as e (id)
        """,
        [tenant_id, rare_every, age, count],
    )
    connection.execute("reset role")


def seal(connection: AnyConnection, tenant_id: str = "acme") -> Row:
    """The receipt of a seal."""
    (receipt,) = rows(connection, "select * from ledger.seal(%s)", tenant_id)
    return receipt


def seal_all(connection: AnyConnection) -> dict[str, int]:
    """How many events of which tenant were sealed."""
    receipts = rows(connection, "select * from ledger.seal_all()")
    sealed = {receipt["tenant_id"]: receipt["sealed"] for receipt in receipts}
    assert len(sealed) == len(receipts)
    return sealed


def sealed_ids(connection: AnyConnection, tenant_id: str = "acme") -> list[UUID]:
    """Ids by position."""
    query = "select event_id from ledger.log_entries where tenant_id = %s order by position"
    return [row[0] for row in connection.execute(query, [tenant_id]).fetchall()]


def await_lock(connection: AnyConnection, waiting: AnyConnection) -> None:
    """Until the other connection's statement waits for a lock."""
    query = """
        select from pg_stat_activity where pid = %s and wait_event_type = 'Lock'
    """
    while connection.execute(query, [waiting.info.backend_pid]).fetchone() is None:
        pass
