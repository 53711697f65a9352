-- What led to what: the events of one correlation as trees, depth first. No nested loops, for
-- causation_order()'s reason.
create or replace function ledger.trace(correlation_id uuid, tenant_id text default null)
returns table (
  depth int,
  tenant_id text,
  id uuid,
  created_at timestamptz,
  run_id uuid,
  trace_id uuid,
  correlation_id uuid,
  causation_id uuid,
  event_type varchar,
  schema_version int,
  payload jsonb,
  deal_id uuid,
  action_id uuid,
  aggregate_type text,
  aggregate_id text,
  sequence bigint,
  actor_type text,
  actor_id text,
  outcome text,
  proof jsonb,
  metadata jsonb,
  occurred_at timestamptz,
  private_hash bytea,
  prev_hash bytea,
  hash bytea,
  xact_id xid8,
  tier text
)
language sql
stable
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
as $$
  select ledger.require_tenant(coalesce($2, ledger.setting('tenant_id'), 'default'), 'read');

  select o.depth, e.*
  from ledger.causation_order(coalesce($2, ledger.setting('tenant_id'), 'default'), $1) as o
  join ledger.events as e on e.id = o.event_id
  where e.tenant_id = coalesce($2, ledger.setting('tenant_id'), 'default') and e.correlation_id = $1
  order by o.place
$$;

comment on function ledger.trace(uuid, text) is
  'The events of a correlation (or deal) as a tree of causes and effects, depth first; depth 0 '
  '= root, an event whose cause is not part of the correlation.';
