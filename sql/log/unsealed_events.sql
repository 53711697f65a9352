-- The committed events of these tenants that have no position yet. `since` is a snapshot whose
-- events are all sealed; what comes after it is asked about its transaction only, unless is_careful,
-- which asks the log about each event too: transaction ids from before a rebase may come again, and
-- a forged row may carry the id of an event. since => NULL looks at every event there is. STABLE: it
-- sees what the calling statement sees.
create or replace function ledger.unsealed_events(
  tenant_ids text[],
  since pg_snapshot,
  is_careful boolean
)
returns table (tenant_id text, created_at timestamptz, id uuid, hash bytea)
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  v_now pg_snapshot := ledger.committed_snapshot();
begin
  if unsealed_events.since is null then
    return query
    select distinct on (e.tenant_id, e.id) e.tenant_id, e.created_at, e.id, e.hash
    from ledger.events as e
    where e.tenant_id = any(unsealed_events.tenant_ids)
      and not exists (
        select from ledger.log_entries as l
        where l.tenant_id = e.tenant_id and l.event_id = e.id
      )
    order by e.tenant_id, e.id, e.created_at;
  elsif unsealed_events.is_careful then
    return query
    select distinct on (e.tenant_id, e.id) e.tenant_id, e.created_at, e.id, e.hash
    from ledger.unsealed_events(unsealed_events.tenant_ids, unsealed_events.since, false) as e
    where not exists (
      select from ledger.log_entries as l
      where l.tenant_id = e.tenant_id and l.event_id = e.id
      offset 0  -- a look into the index per event, never a hash of the whole log
    )
    order by e.tenant_id, e.id, e.created_at;
  else
    return query
    select e.tenant_id, e.created_at, e.id, e.hash
    from ledger.events_since(unsealed_events.since) as e
    join ledger.log_heads as h on h.tenant_id = e.tenant_id
    where e.tenant_id = any(unsealed_events.tenant_ids)
      and pg_visible_in_snapshot(e.xact_id, v_now)
      and not pg_visible_in_snapshot(e.xact_id, h.snapshot);
  end if;
end
$$;

comment on function ledger.unsealed_events(text[], pg_snapshot, boolean) is
  'Part of seal(): committed events without a position; since => NULL looks at every event.';
