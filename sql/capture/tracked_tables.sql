-- Tables whose changes are events. What the triggers do stands in their own arguments, so that a
-- change costs no lookup here; this table is for people, untrack_table(), doctor(), and
-- capture_begin(): were a prefix there twice, who owns one table could hold up the other's events.
create table ledger.tracked_tables (
  table_id regclass primary key,
  table_name text not null,
  event_prefix text not null unique,
  aggregate_type text not null,
  key_columns text[] not null,
  excluded text[] not null default '{}',
  masked text[] not null default '{}',
  tenant_column text,
  publish boolean,
  deferred boolean not null,
  tracked_at timestamptz not null default clock_timestamp(),
  tracked_by name not null
);

comment on table ledger.tracked_tables is
  'Tables whose changes are events; written by ledger.track_table() and ledger.untrack_table().';
comment on column ledger.tracked_tables.key_columns is
  'Columns that make up aggregate_id: the value of one, a JSON array of several.';
comment on column ledger.tracked_tables.excluded is 'Columns that never appear in an event.';
comment on column ledger.tracked_tables.masked is 'Columns that appear as "***".';
comment on column ledger.tracked_tables.tenant_column is
  'Column that holds the tenant of a row; NULL: the tenant is that of the transaction''s context.';
comment on column ledger.tracked_tables.publish is
  'Whether the events get an outbox row; NULL: as their event types say.';
comment on column ledger.tracked_tables.deferred is
  'Whether changes wait for ledger.emit_captured() to make events of them.';
