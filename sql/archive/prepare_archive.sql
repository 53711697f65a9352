-- First step of archiving: does what takes long without a lock, which is to count the partition's
-- events and to see that each is sealed. Then adds, unvalidated, the CHECK that lets ATTACH skip its
-- scan. Does nothing to a partition that is archived already. Locks the partition for a moment.
create or replace function ledger.prepare_archive(partition_name name)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_partition ledger.partitions;
  v_seen pg_snapshot := ledger.committed_snapshot();
  v_rows bigint;
  v_sealed bigint;
begin
  perform ledger.require_tenant('*', 'operate');
  v_partition := ledger.find_partition(prepare_archive.partition_name);
  if v_partition.tier = 'archive' then
    return;
  end if;
  perform ledger.refuse_archiving(v_partition);

  execute format(
    'select count(*), count(l.event_id)
    from ledger.%I as e
    left join ledger.log_entries as l on l.tenant_id = e.tenant_id and l.event_id = e.id',
    v_partition.partition_name
  ) into v_rows, v_sealed;
  if v_rows > v_sealed then
    perform ledger.refuse_unsealed(v_partition.partition_name, pg_snapshot '1:1:');
  end if;
  update ledger.partitions as p
  set row_count = v_rows, sealed_snapshot = v_seen
  where p.partition_name = v_partition.partition_name;
  perform ledger.add_bounds(v_partition.partition_name, v_partition.from_time, v_partition.to_time);
end
$$;

comment on function ledger.prepare_archive(name) is
  'First step of ledger.archive_partition(): every event is sealed, the bounds have a CHECK.';
