-- The committed events of these tenants that have no position yet. `since` is a snapshot whose
-- events are all sealed; NULL, for rebase_log(), asks the log itself about every event. STABLE: it
-- sees what the calling statement sees.
create or replace function ledger.unsealed_events(tenant_ids text[], since pg_snapshot)
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
    select e.tenant_id, e.created_at, e.id, e.hash
    from ledger.events as e
    where e.tenant_id = any(unsealed_events.tenant_ids)
      and not exists (
        select from ledger.log_entries as l
        where l.tenant_id = e.tenant_id and l.event_id = e.id
      );
    return;
  end if;

  return query
  select e.tenant_id, e.created_at, e.id, e.hash
  from ledger.events_since(unsealed_events.since) as e
  join ledger.log_heads as h on h.tenant_id = e.tenant_id
  where e.tenant_id = any(unsealed_events.tenant_ids)
    and pg_visible_in_snapshot(e.xact_id, v_now)
    and not pg_visible_in_snapshot(e.xact_id, h.snapshot)
    -- Events from before a rebase carry transaction ids that may come again. (In this form it is a
    -- look into the index per event, never a hash of the whole log.)
    and (
      h.epoch = 0 or (
        select l.position
        from ledger.log_entries as l
        where l.tenant_id = e.tenant_id and l.event_id = e.id
      ) is null
    );
end
$$;

comment on function ledger.unsealed_events(text[], pg_snapshot) is
  'Part of seal(): committed events without a position; since => NULL looks at every event.';
