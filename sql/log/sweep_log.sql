-- The work of seal_all(), and of who wants to read on: seals every tenant that has something new, in
-- one pass over the new events. Locks the sweep, and the logs of those tenants in the order of their
-- ids, until the transaction ends. Where another session is at it, waits for it, or (wait => false)
-- leaves it to that one.
create or replace function ledger.sweep_log(wait boolean default true)
returns setof ledger.seal_receipt
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  v_sweep ledger.log_sweep;
  v_seen pg_snapshot;
  v_tenants text[];
begin
  if sweep_log.wait then
    select s.* into strict v_sweep from ledger.log_sweep as s for update;
  else
    -- Who only looks, as an idle relay does, takes no lock and no transaction id.
    select s.* into strict v_sweep from ledger.log_sweep as s;
    if not exists (select from ledger.events_since(v_sweep.snapshot)) then
      return;
    end if;
    select s.* into v_sweep from ledger.log_sweep as s for update skip locked;
    if not found then
      return;
    end if;
  end if;
  v_sweep := ledger.carried_sweep(v_sweep);
  perform ledger.refuse_other_cluster(
    'this ledger', v_sweep.snapshot, v_sweep.system_identifier
  );

  -- Who has something new is found before their logs can be locked: the sweep has seen this
  -- snapshot, the logs will have seen a later one.
  v_seen := ledger.committed_snapshot();
  select array_agg(distinct e.tenant_id order by e.tenant_id) into v_tenants
  from ledger.events_since(v_sweep.snapshot) as e;
  perform ledger.lock_log_head(t.tenant_id) from unnest(v_tenants) as t (tenant_id);
  -- In a statement of its own: a head that was waited for may be later than the last snapshot.
  perform ledger.refuse_other_cluster(
    format('the log of tenant %s', h.tenant_id), h.snapshot, h.system_identifier
  )
  from ledger.log_heads as h
  where h.tenant_id = any(v_tenants);
  return query select r.* from ledger.seal_locked(v_tenants, v_sweep.snapshot) as r;

  update ledger.log_sweep
  set snapshot = v_seen, system_identifier = v_sweep.system_identifier
  where v_tenants is not null
    or ledger.is_far_behind(snapshot, v_seen)
    or not ledger.is_past(snapshot, system_identifier);
end
$$;

comment on function ledger.sweep_log(boolean) is
  'Part of seal_all() and of the relay: seals all tenants with new events.';
