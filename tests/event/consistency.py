"""What must hold between the ledger's tables after whatever happened."""

from __future__ import annotations

from typing import Any

import psycopg
from event.leaf import check_chains, read_leaves

# Each finds what breaks the rule it is named after. Events that were emitted with publish => false
# say so in their payload.
CONTRADICTIONS = {
    "an event has exactly its message": """
        select coalesce(e.id, m.id)
        from ledger.agent_events as e
        full join ledger.outbox as m using (tenant_id, created_at, id)
        where (m.id is not null) = (e.payload ? 'quiet') or e.id is null
          or (m.aggregate_type, m.aggregate_id, m.event_type, m.schema_version, m.payload,
              m.trace_id, m.correlation_id)
            is distinct from
            (e.aggregate_type, e.aggregate_id, e.event_type, e.schema_version, e.payload,
              e.trace_id, e.correlation_id)
          and m.id is not null""",
    "the head of a stream is its last event": """
        select tenant_id, aggregate_type, aggregate_id
        from ledger.streams as s
        full join (
          select distinct on (tenant_id, aggregate_type, aggregate_id) *
          from ledger.agent_events
          where aggregate_id is not null
          order by tenant_id, aggregate_type, aggregate_id, sequence desc
        ) as e using (tenant_id, aggregate_type, aggregate_id)
        where (s.sequence, s.created_at, s.hash, s.prev_hash)
          is distinct from (e.sequence, e.created_at, e.hash, e.prev_hash)""",
    "time only goes forward in a stream": """
        select id
        from (
          select id, created_at, lag(created_at) over (
            partition by tenant_id, aggregate_type, aggregate_id order by sequence
          ) as before
          from ledger.agent_events
          where aggregate_id is not null
        ) as e
        where before >= created_at""",
    "an idempotency key stands for an event": """
        select k.key
        from ledger.idempotency_keys as k
        left join ledger.agent_events as e
          on e.tenant_id = k.tenant_id and e.created_at = k.created_at and e.id = k.event_id
        where e.id is null""",
    "private data belongs to an event that commits to it": """
        select coalesce(e.id, p.event_id)
        from (select * from ledger.agent_events where private_hash is not null) as e
        full join ledger.event_private as p on p.tenant_id = e.tenant_id and p.event_id = e.id
        where e.private_hash is distinct from ledger.private_hash(p.salt, p.private)""",
}


def check_ledger(connection: psycopg.Connection[Any]) -> None:
    """Chains are intact, and the tables agree with each other."""
    check_chains(list(read_leaves(connection)))
    found = {
        rule: connection.execute(query).fetchall()  # type: ignore[arg-type]
        for rule, query in CONTRADICTIONS.items()
    }
    assert {rule: rows for rule, rows in found.items() if rows} == {}
