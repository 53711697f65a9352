-- Cuts a partition that is still to come down to an earlier end; leaves one alone that holds rows
-- (of a clock that runs ahead).
create or replace function ledger.shorten_partition(
  partition_name name,
  parent_name name,
  from_time timestamptz,
  to_time timestamptz
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform ledger.lock_partition(
    shorten_partition.partition_name, shorten_partition.parent_name, shorten_partition.parent_name
  );
  if pg_relation_size(format('ledger.%I', shorten_partition.partition_name)::regclass) > 0 then
    return;
  end if;
  perform ledger.reattach_partition(
    shorten_partition.partition_name, shorten_partition.parent_name,
    shorten_partition.parent_name, shorten_partition.from_time, shorten_partition.to_time
  );
  update ledger.partitions as p
  set to_time = shorten_partition.to_time
  where p.partition_name = shorten_partition.partition_name;
end
$$;

comment on function ledger.shorten_partition(name, name, timestamptz, timestamptz) is
  'Part of change_partition_interval(): gives an empty partition an earlier end.';
