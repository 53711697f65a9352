-- The message that goes out for an event: written in the same transaction, never updated. Delivery
-- state is kept per relay.
create table ledger.outbox (
  tenant_id text collate "C" not null,
  id uuid not null,
  aggregate_type text collate "C",
  aggregate_id text collate "C",
  event_type varchar(100) collate "C" not null,
  schema_version int not null,
  payload jsonb not null,
  trace_id uuid not null,
  correlation_id uuid not null,
  created_at timestamptz not null,
  headers jsonb,
  primary key (tenant_id, created_at, id)
) partition by range (created_at);

comment on table ledger.outbox is
  'Transactional outbox, append-only: one row per published event, id = the event''s id. CDC '
  'tools may read its inserts.';
comment on column ledger.outbox.headers is
  'Message headers as the caller gave them, e.g. {"traceparent": "..."}; not hashed.';
