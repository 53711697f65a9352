-- Whether a partition that was attached to the archive again holds exactly the events that went
-- with it when it was dropped: LG010 when not, else their number. Runs as ledger_append, so that
-- nobody who may attach tables can replace it.
create or replace function ledger.require_restored(partition_name name)
returns bigint
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_partition ledger.partitions;
  v_file_sha256 bytea;
  v_range ledger.cold_ranges;
  v_count bigint := 0;
  v_foreign record;
begin
  select p.* into strict v_partition
  from ledger.partitions as p
  where p.partition_name = require_restored.partition_name;
  select d.file_sha256 into v_file_sha256
  from ledger.cold_drops as d
  where d.partition_name = require_restored.partition_name
  order by d.dropped_at desc
  limit 1;

  select e.tenant_id, e.id into v_foreign
  from ledger.agent_events_archive as e
  where e.created_at >= v_partition.from_time
    and e.created_at < v_partition.to_time
    and not exists (
      select from ledger.cold_ranges as r
      where r.tenant_id = e.tenant_id
        and r.partition_name = v_partition.partition_name
        and r.file_sha256 = v_file_sha256
    )
  limit 1;
  if found then
    raise exception using
      errcode = 'LG010',
      message = format(
        'partition %s is not what was dropped: event %s: there were no events of tenant %s',
        v_partition.partition_name, v_foreign.id, v_foreign.tenant_id
      ),
      hint = 'Nothing was restored. `agent-events cold verify` tells what is wrong with the file.';
  end if;

  for v_range in
    select r.*
    from ledger.cold_ranges as r
    where r.partition_name = v_partition.partition_name and r.file_sha256 = v_file_sha256
    order by r.tenant_id
  loop
    v_count := v_count
      + ledger.refuse_restored(v_range, v_partition.from_time, v_partition.to_time);
  end loop;
  return v_count;
end
$$;

comment on function ledger.require_restored(name) is
  'Part of finish_restore(): LG010 unless a restored partition holds exactly what was dropped.';
