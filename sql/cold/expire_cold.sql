-- Gives a cold partition up: its files may be deleted, and `agent-events cold expire` does that next.
-- Its log stays: what was proven can be proven from a copy. Refused before its time (retention_policy,
-- from the partition's end), and under any hold of a tenant in it whose time overlaps: what else a
-- hold is limited to, only the file knows. Locks the holds of these tenants, in the order of their
-- ids, until the transaction ends.
create or replace function ledger.expire_cold(partition_name name, reason text)
returns text[]
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_partition ledger.partitions;
  v_cold_for interval;
  v_tenant_id text;
  v_hold ledger.legal_holds;
  v_file ledger.cold_files;
begin
  perform ledger.require_tenant('*', 'operate');
  perform ledger.require_reason('reason', expire_cold.reason);
  v_partition := ledger.require_partition(expire_cold.partition_name, '{cold}');
  v_cold_for := (select r.cold_for from ledger.retention_policy as r);
  if v_partition.to_time + v_cold_for <= clock_timestamp() is not true then
    raise exception using
      errcode = 'object_not_in_prerequisite_state',
      message = format('partition %s is to be kept', v_partition.partition_name),
      detail = case
        when v_cold_for is null then 'For ever: the retention policy has no cold_for.'
        else format(
          'Until %s: it ended at %s, and cold_for is %s.',
          v_partition.to_time + v_cold_for, v_partition.to_time, v_cold_for
        )
      end,
      hint = 'select * from ledger.retention_policy; ledger.set_retention() changes it.';
  end if;

  for v_tenant_id in
    select distinct r.tenant_id
    from ledger.cold_ranges as r
    where r.partition_name = v_partition.partition_name
    order by r.tenant_id
  loop
    perform ledger.lock_holds(v_tenant_id);
    select h.* into v_hold
    from ledger.active_holds as a
    join ledger.legal_holds as h on h.tenant_id = a.tenant_id and h.id = a.id
    where a.tenant_id = v_tenant_id
      and coalesce(h.from_time < v_partition.to_time, true)
      and coalesce(h.to_time > v_partition.from_time, true)
    order by h.placed_at, h.id
    limit 1;
    if found then
      perform ledger.refuse_held(v_hold);
    end if;
  end loop;

  select f.* into strict v_file
  from ledger.cold_files as f
  join ledger.cold_drops as d
    on d.partition_name = f.partition_name and d.file_sha256 = f.file_sha256
  where f.partition_name = v_partition.partition_name
  order by d.dropped_at desc
  limit 1;
  perform ledger.record_move(
    v_partition, 'dropped',
    jsonb_build_object(
      'row_count', v_file.row_count,
      'file_name', v_file.file_name,
      'file_sha256', encode(v_file.file_sha256, 'hex'),
      'file_format', 'parquet',
      'reason', expire_cold.reason
    )
  );
  update ledger.partitions as p
  set tier = 'dropped', moved_at = clock_timestamp()
  where p.partition_name = v_partition.partition_name;
  return array(
    select distinct f.file_name
    from ledger.cold_files as f
    where f.partition_name = v_partition.partition_name
    order by f.file_name
  );
end
$$;

comment on function ledger.expire_cold(name, text) is
  'Gives a cold partition up whose time is over (retention_policy.cold_for): returns the names of '
  'the files that may be deleted. 55000 before its time, LG008 under a hold. For operators of every '
  'tenant.';
