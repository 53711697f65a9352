-- The sweep; or, where it is not of this cluster's past and every log was carried over already, the
-- one that those logs allow: what the earliest of their snapshots has seen.
create or replace function ledger.carried_sweep(sweep ledger.log_sweep)
returns ledger.log_sweep
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_snapshot pg_snapshot;
begin
  if ledger.is_past((carried_sweep.sweep).snapshot, (carried_sweep.sweep).system_identifier)
    or exists (
      select from ledger.tenants as t
      left join ledger.log_heads as h
        on h.tenant_id = t.tenant_id and ledger.is_past(h.snapshot, h.system_identifier)
      where h.tenant_id is null
    )
  then
    return carried_sweep.sweep;
  end if;

  select h.snapshot into v_snapshot
  from ledger.log_heads as h
  order by
    pg_snapshot_xmax(h.snapshot),
    cardinality(array(select pg_snapshot_xip(h.snapshot))) desc
  limit 1;
  return row(true, coalesce(v_snapshot, ledger.committed_snapshot()), ledger.system_identifier());
end
$$;

comment on function ledger.carried_sweep(ledger.log_sweep) is
  'Part of seal_all() and rebase_log(): the sweep, carried over to this cluster once every log is.';
