-- Whose events, at which positions of its log, went with a dropped partition: what verify() does
-- not miss. Per tenant, so that each reads its own.
create table ledger.cold_ranges (
  tenant_id text collate "C" not null,
  partition_name name not null,
  file_sha256 bytea not null,
  row_count bigint not null,
  positions int8multirange not null,
  root bytea not null,
  primary key (tenant_id, partition_name, file_sha256)
);

comment on table ledger.cold_ranges is
  'The positions of a tenant''s events in each partition that was dropped into a cold file, and '
  'the RFC 6962 tree hash over them. ledger.partitions says whether it still is.';
