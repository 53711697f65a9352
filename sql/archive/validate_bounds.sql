-- Second step of archiving: reads the partition once, so that ATTACH does not have to while everybody
-- waits. Blocks neither readers nor writers.
create or replace function ledger.validate_bounds(partition_name name)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set lock_timeout = '100ms'
as $$
declare
  v_partition ledger.partitions;
begin
  perform ledger.require_tenant('*', 'operate');
  v_partition := ledger.find_partition(validate_bounds.partition_name);
  if v_partition.tier = 'archive' then
    return;
  end if;
  perform ledger.refuse_archiving(v_partition);
  perform ledger_guard.open_window('partition');
  execute format(
    'alter table ledger.%I validate constraint ledger_bounds', v_partition.partition_name
  );
end
$$;

comment on function ledger.validate_bounds(name) is
  'Second step of ledger.archive_partition(): proves the bounds without a lock that blocks.';
