-- The files that partitions were exported to, as they were when they had been written and read
-- back. A partition may be exported more than once; drop_cold() says which file it was dropped for.
create table ledger.cold_files (
  partition_name name not null,
  file_sha256 bytea not null,
  file_name text not null,
  file_bytes bigint not null,
  row_count bigint not null,
  tenants jsonb not null,
  exported_by name not null,
  exported_at timestamptz not null,
  primary key (partition_name, file_sha256)
);

comment on table ledger.cold_files is
  'Every file that a partition was exported to, written by ledger.record_cold_file().';
comment on column ledger.cold_files.tenants is
  'What it holds: {"acme": {"row_count": 3, "ranges": [[0, 1], [5, 5]], "root": "<64 hex>"}}. '
  'ranges: first and last position, both included; root: RFC 6962 tree hash over these events.';
