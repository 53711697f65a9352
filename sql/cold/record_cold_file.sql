-- Remembers that an archived partition was written to a file that was read back, and says so in an
-- event ledger.partition_exported. Whether the file is right, drop_cold() asks. Again for the same
-- file does nothing. Locks the partition's row of the manifest until the transaction ends.
create or replace function ledger.record_cold_file(
  partition_name name,
  file_name text,
  file_sha256 bytea,
  file_bytes bigint,
  row_count bigint,
  tenants jsonb
)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_partition ledger.partitions;
  v_known ledger.cold_files;
begin
  perform ledger.require_tenant('*', 'operate');
  if length(record_cold_file.file_name) between 1 and 1000 is not true
    or octet_length(record_cold_file.file_sha256) = 32 is not true
    or record_cold_file.file_bytes > 0 is not true
  then
    raise exception using
      errcode = 'LG009',
      message = 'a file needs a name of 1 to 1000 characters, a SHA-256 of 32 bytes and a size',
      hint = '`agent-events cold export` writes the file and calls this.';
  end if;
  perform ledger.refuse_tenants(record_cold_file.tenants, record_cold_file.row_count);
  v_partition := ledger.require_partition(record_cold_file.partition_name, '{archive}');

  select f.* into v_known
  from ledger.cold_files as f
  where f.partition_name = record_cold_file.partition_name
    and f.file_sha256 = record_cold_file.file_sha256;
  if found then
    if v_known.tenants <> record_cold_file.tenants then
      raise exception using
        errcode = 'LG009',
        message = format(
          'the file %s is on record with other contents',
          encode(record_cold_file.file_sha256, 'hex')
        ),
        hint = 'A file does not change: select * from ledger.cold_files;';
    end if;
    return;
  end if;
  insert into ledger.cold_files (
    partition_name, file_sha256, file_name, file_bytes, row_count, tenants, exported_by, exported_at
  )
  values (
    record_cold_file.partition_name, record_cold_file.file_sha256, record_cold_file.file_name,
    record_cold_file.file_bytes, record_cold_file.row_count, record_cold_file.tenants,
    ledger.caller(), clock_timestamp()
  );
  perform from ledger.emit_own_event(
    'ledger.partition_exported',
    ledger.partition_payload(v_partition, v_partition.tier) || jsonb_build_object(
      'row_count', record_cold_file.row_count,
      'file_name', record_cold_file.file_name,
      'file_sha256', encode(record_cold_file.file_sha256, 'hex'),
      'file_bytes', record_cold_file.file_bytes,
      'file_format', 'parquet',
      'exported_by', ledger.caller()
    ),
    tenant_id => 'ledger',
    aggregate_type => 'partition',
    aggregate_id => record_cold_file.partition_name::text
  );
end
$$;

comment on function ledger.record_cold_file(name, text, bytea, bigint, bigint, jsonb) is
  'Records that an archived partition was exported to a file (`agent-events cold export` calls '
  'it); the same file again does nothing. For operators of every tenant.';
