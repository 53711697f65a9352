-- First step of archiving: adds the CHECK that lets ATTACH skip its scan, without looking at the
-- rows. Does nothing where it is there, nor to a partition that is archived already. Locks the
-- partition for a moment; gives up (55P03) when it is read for longer than 100 ms.
create or replace function ledger.add_bounds(partition_name name)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set lock_timeout = '100ms'
set timezone = 'UTC'
set datestyle = 'ISO'
as $$
declare
  v_partition ledger.partitions;
begin
  perform ledger.require_tenant('*', 'operate');
  v_partition := ledger.find_partition(add_bounds.partition_name);
  if v_partition.tier = 'archive' or exists (
    select from pg_constraint as c
    where c.conrelid = to_regclass(format('ledger.%I', v_partition.partition_name))
      and c.conname = 'ledger_bounds'
  ) then
    return;
  end if;
  perform ledger.refuse_archiving(v_partition);
  perform ledger_guard.open_window('partition');
  execute format(
    'alter table ledger.%I add constraint ledger_bounds '
    'check (created_at >= %L and created_at < %L) not valid',
    v_partition.partition_name, v_partition.from_time, v_partition.to_time
  );
end
$$;

comment on function ledger.add_bounds(name) is
  'First step of ledger.archive_partition(): a CHECK of the bounds, not yet validated.';
