-- Takes a partition that lock_partition() has locked from one parent to another, or to other bounds,
-- as a change of the catalog: where a CHECK proves the bounds, no row is read.
create or replace function ledger.reattach_partition(
  partition_name name,
  old_parent name,
  new_parent name,
  from_time timestamptz,
  to_time timestamptz
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
as $$
begin
  execute format(
    'alter table ledger.%I detach partition ledger.%I',
    reattach_partition.old_parent, reattach_partition.partition_name
  );
  execute format(
    'alter table ledger.%I attach partition ledger.%I for values from (%L) to (%L)',
    reattach_partition.new_parent, reattach_partition.partition_name,
    reattach_partition.from_time, reattach_partition.to_time
  );
end
$$;

comment on function ledger.reattach_partition(name, name, name, timestamptz, timestamptz) is
  'Part of moving a partition: DETACH and ATTACH in one transaction.';
