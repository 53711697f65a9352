-- Decides whether a partition of the outbox may be dropped, and records that it is. Locks writers out
-- of it, to whom nothing new comes any longer, and rewind_relay(). Runs as ledger_append: nobody else
-- can write the row that the guards go by.
create or replace function ledger.permit_purge(partition_name name)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set lock_timeout = '100ms'
as $$
#variable_conflict use_column
declare
  v_partition ledger.partitions;
  v_count bigint;
  v_event_id uuid;
begin
  perform ledger.require_tenant('*', 'operate');
  perform ledger.require_read_committed('purging the outbox');
  select p.* into v_partition
  from ledger.partitions as p
  where p.partition_name = permit_purge.partition_name and p.parent_name = 'outbox';
  if (
    v_partition.tier = 'hot' and v_partition.to_time <= clock_timestamp() - interval '1 hour'
  ) is not true then
    raise exception using
      errcode = 'object_not_in_prerequisite_state',
      message = format('%s cannot be purged', coalesce(permit_purge.partition_name, 'NULL')),
      detail = case
        when v_partition.tier is null then 'It is no partition of ledger.outbox.'
        else format('It is %s and ends at %s.', v_partition.tier, v_partition.to_time)
      end,
      hint = 'select * from ledger.partition_status where parent_name = ''outbox'';';
  end if;

  lock table ledger.relays in share mode;
  v_count := ledger.require_delivered(permit_purge.partition_name);
  select r.id into v_event_id
  from ledger.emit_own_event(
    'ledger.outbox_purged',
    ledger.partition_payload(v_partition, 'dropped') || jsonb_build_object(
      'row_count', v_count, 'purged_by', ledger.caller()
    ),
    tenant_id => 'ledger',
    aggregate_type => 'partition',
    aggregate_id => v_partition.partition_name::text
  ) as r;
  insert into ledger.outbox_purges (
    partition_name, purged_at, row_count, purged_by, event_id, table_id
  )
  values (
    v_partition.partition_name, clock_timestamp(), v_count, ledger.caller(), v_event_id,
    to_regclass(format('ledger.%I', v_partition.partition_name))
  );
  delete from ledger.relay_parked as p
  where p.created_at >= v_partition.from_time and p.created_at < v_partition.to_time;
  delete from ledger.relay_confirmations as f where f.confirmed_at < v_partition.to_time;
end
$$;

comment on function ledger.permit_purge(name) is
  'Part of purge_outbox(): refuses, or records that the partition is dropped.';
