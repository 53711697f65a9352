-- Every drop of a partition of the outbox. The row is what lets the table be dropped: where event
-- triggers guard the ledger, this table (table_id) and no other, in this transaction and no later.
create table ledger.outbox_purges (
  partition_name name primary key,
  purged_at timestamptz not null,
  row_count bigint not null,
  purged_by name not null,
  event_id uuid not null,
  table_id oid not null,
  xact_id xid8 not null default pg_current_xact_id()
);

comment on table ledger.outbox_purges is
  'Every partition of the outbox that was dropped, written by ledger.purge_outbox().';
comment on column ledger.outbox_purges.event_id is
  'The event ledger.outbox_purged of tenant ledger that records it.';
comment on column ledger.outbox_purges.table_id is 'oid of the table that was dropped.';
