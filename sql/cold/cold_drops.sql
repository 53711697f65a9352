-- Every drop of a partition into its file. The row is what lets the table be dropped: where event
-- triggers guard the ledger, this table (table_id) and no other, in this transaction and no later.
create table ledger.cold_drops (
  partition_name name not null,
  dropped_at timestamptz not null,
  file_sha256 bytea not null,
  row_count bigint not null,
  dropped_by name not null,
  event_id uuid not null,
  table_id oid not null,
  xact_id xid8 not null default pg_current_xact_id(),
  primary key (partition_name, dropped_at)
);

comment on table ledger.cold_drops is
  'Every drop of a partition whose events are in a cold file, written by ledger.drop_cold().';
comment on column ledger.cold_drops.event_id is
  'The event ledger.partition_dropped of tenant ledger that records it.';
comment on column ledger.cold_drops.table_id is 'oid of the table that was dropped.';
