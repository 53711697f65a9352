-- Third step of archiving: counts the partition's events and sees that each is sealed, so that the
-- move has to look only at what came since. Does nothing to a partition that is archived already.
-- Reads the partition and its entries of the log; blocks neither readers nor writers.
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
  perform ledger.refuse_unsealed(v_partition.partition_name, v_rows - v_sealed);
  update ledger.partitions as p
  set row_count = v_rows, sealed_snapshot = v_seen
  where p.partition_name = v_partition.partition_name;
end
$$;

comment on function ledger.prepare_archive(name) is
  'Third step of ledger.archive_partition(): counts the events; every one is sealed.';
