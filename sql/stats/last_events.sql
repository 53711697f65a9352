-- The last event of a type per tenant: of those tenants that have one by the counts.
create or replace function ledger.last_events(event_type text)
returns table (tenant_id text, created_at timestamptz, outcome text)
language sql
stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_sort = off
as $$
  select c.tenant_id, e.created_at, e.outcome
  from ledger.event_counts as c
  cross join lateral (
    select o.created_at, o.outcome
    from ledger.events as o
    where o.tenant_id = c.tenant_id and o.event_type = c.value
    order by o.created_at desc
    limit 1
  ) as e
  where c.dimension = 'type' and c.period = 'all' and c.value = last_events.event_type
$$;

comment on function ledger.last_events(text) is
  'Part of metrics(): when each tenant had its last event of a type.';
