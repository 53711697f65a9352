-- The events of every transaction that a snapshot has not seen over: those from its end on, and
-- those it saw in progress. What is read is what is new, however long some transaction stays open.
-- Inlined by the planner; OFFSET 0 keeps it from looking by tenant instead, which would read all
-- that a tenant ever emitted.
create or replace function ledger.events_since(since pg_snapshot)
returns table (tenant_id text, created_at timestamptz, id uuid, hash bytea, xact_id xid8)
language sql
stable
begin atomic
  select e.*
  from (
    select e.tenant_id, e.created_at, e.id, e.hash, e.xact_id
    from ledger.agent_events as e
    where e.xact_id >= pg_snapshot_xmax(events_since.since)
      and e.xact_id < pg_snapshot_xmax(pg_current_snapshot())
    union all
    select e.tenant_id, e.created_at, e.id, e.hash, e.xact_id
    from ledger.agent_events as e
    where e.xact_id = any(array(select pg_snapshot_xip(events_since.since)))
  ) as e
  offset 0;  -- noqa: AM09
end;

comment on function ledger.events_since(pg_snapshot) is
  'Part of seal(): events of the transactions that were not over in that snapshot.';
