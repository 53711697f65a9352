-- Decides whether a partition may be dropped, and records that it is: what the file holds is what
-- the partition holds, a checkpoint covers it, no hold forbids it. The partition is read before
-- anything is locked. Locks the holds of its tenants, in the order of their ids, until the
-- transaction ends. Runs as ledger_append: nobody else can write the row that the guards go by.
create or replace function ledger.permit_drop(
  partition_name name,
  file_sha256 bytea,
  tenants jsonb,
  checkpoints text[]
)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_partition ledger.partitions;
  v_file ledger.cold_files;
  v_tenant record;
  v_event_id uuid;
begin
  perform ledger.require_tenant('*', 'operate');
  v_partition := ledger.require_partition(permit_drop.partition_name, '{archive}');
  select f.* into v_file
  from ledger.cold_files as f
  where f.partition_name = permit_drop.partition_name and f.file_sha256 = permit_drop.file_sha256;
  if not found then
    raise exception using
      errcode = 'LG009',
      message = format(
        'no file %s of partition %s is on record',
        coalesce(encode(permit_drop.file_sha256, 'hex'), 'NULL'), permit_drop.partition_name
      ),
      hint = '`agent-events cold export` writes one, and records it.';
  end if;
  perform ledger.refuse_tenants(permit_drop.tenants, v_file.row_count);
  perform ledger.refuse_digest(permit_drop.partition_name, permit_drop.tenants);

  for v_tenant in
    select t.key as tenant_id, upper(ledger.listed_ranges(t.value -> 'ranges')) - 1 as last_position
    from jsonb_each(permit_drop.tenants) as t
    order by t.key collate "C"
  loop
    perform ledger.require_checkpoint(
      v_tenant.tenant_id, v_tenant.last_position, permit_drop.checkpoints
    );
    perform ledger.require_no_hold(
      null, v_partition.from_time, v_partition.to_time, v_tenant.tenant_id
    );
  end loop;

  select r.id into v_event_id
  from ledger.emit_own_event(
    'ledger.partition_dropped',
    ledger.partition_payload(v_partition, 'cold') || jsonb_build_object(
      'row_count', v_file.row_count,
      'file_name', v_file.file_name,
      'file_sha256', encode(v_file.file_sha256, 'hex'),
      'file_format', 'parquet',
      'dropped_by', ledger.caller()
    ),
    tenant_id => 'ledger',
    aggregate_type => 'partition',
    aggregate_id => v_partition.partition_name::text
  ) as r;
  insert into ledger.cold_ranges (
    tenant_id, partition_name, file_sha256, row_count, positions, root
  )
  select
    t.key, v_partition.partition_name, v_file.file_sha256, (t.value ->> 'row_count')::bigint,
    ledger.listed_ranges(t.value -> 'ranges'), decode(t.value ->> 'root', 'hex')
  from jsonb_each(permit_drop.tenants) as t
  on conflict do nothing;
  insert into ledger.cold_drops (
    partition_name, dropped_at, file_sha256, row_count, dropped_by, event_id, table_id
  )
  values (
    v_partition.partition_name, clock_timestamp(), v_file.file_sha256, v_file.row_count,
    ledger.caller(), v_event_id, to_regclass(format('ledger.%I', v_partition.partition_name))
  );
end
$$;

comment on function ledger.permit_drop(name, bytea, jsonb, text[]) is
  'Part of drop_cold(): refuses, or records that the partition is dropped.';
