-- What is committed and has no position yet, of one tenant or of all that the caller may read or
-- operate. Looks at events by their transaction, since the last seal_all() or, for one tenant, since
-- the last seal, and stops at 10,000 that are not sealed.
create or replace function ledger.seal_lag(of_tenant text default null)
returns table (tenant_id text, unsealed bigint, oldest_at timestamptz)
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
#variable_conflict use_column
declare
  v_permitted constant text[] := ledger.permitted_for_any('{read,operate}');
  v_since pg_snapshot;
begin
  select s.snapshot into v_since
  from (
    select s.snapshot, s.system_identifier from ledger.log_sweep as s
    union all
    select h.snapshot, h.system_identifier
    from ledger.log_heads as h
    where h.tenant_id = seal_lag.of_tenant
  ) as s
  where s.system_identifier = ledger.system_identifier()
  order by pg_snapshot_xmax(s.snapshot) desc
  limit 1;
  return query
  select u.tenant_id, count(*), min(u.created_at)
  from (
    select e.tenant_id, e.created_at
    from ledger.events_since(v_since) as e
    left join ledger.log_heads as h on h.tenant_id = e.tenant_id
    where (seal_lag.of_tenant is null or e.tenant_id = seal_lag.of_tenant)
      and not pg_visible_in_snapshot(e.xact_id, coalesce(h.snapshot, v_since))
      and not exists (
        select from ledger.log_entries as l
        where l.tenant_id = e.tenant_id and l.event_id = e.id
        offset 0
      )
    limit 10000
  ) as u
  where u.tenant_id = any(v_permitted) or '*' = any(v_permitted)
  group by u.tenant_id;
end
$$;

comment on function ledger.seal_lag(text) is
  'Events that are committed and not sealed, per tenant, 10,000 in all at most, and since when: no '
  'row when all are. A log of another cluster (LG012) is for doctor() to report.';
