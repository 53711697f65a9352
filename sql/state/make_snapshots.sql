-- A batch of the snapshots that are due, in the caller's transaction; true when more may be left.
-- First what newly sealed events want, then what a change of a reducer wants.
create or replace function ledger.make_snapshots(max_events int default 20000)
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_left int := make_snapshots.max_events;
  v_aggregate record;
begin
  perform ledger.require_tenant('*', 'operate');
  perform ledger.require_read_committed('making snapshots');
  if ledger.snapshot_log(make_snapshots.max_events) is not null then
    return true;
  end if;
  for v_aggregate in select * from ledger.snapshot_backlog(1000) loop
    v_left := v_left - ledger.snapshot_again(
      v_aggregate.tenant_id, v_aggregate.aggregate_type, v_aggregate.aggregate_id, v_left
    );
    exit when v_left <= 0;
  end loop;
  return found;
end
$$;

comment on function ledger.make_snapshots(int) is
  'Part of maintain(): a batch of the snapshots that are due; true when more may be left. For '
  'operators of every tenant.';
