-- Aggregates that got no snapshot, because their reducer failed or their events are not all in the
-- database. A row goes when they get one; until the reducer changes, they are not tried again.
create table ledger.snapshot_failures (
  tenant_id text collate "C" not null,
  aggregate_type text collate "C" not null,
  aggregate_id text collate "C" not null,
  reducer_fingerprint bytea not null,
  sqlstate text not null,
  error text not null,
  failed_at timestamptz not null default clock_timestamp(),
  primary key (tenant_id, aggregate_type, aggregate_id)
);

comment on table ledger.snapshot_failures is
  'Aggregates that ledger.maintain() could make no snapshot of, and why.';
comment on column ledger.snapshot_failures.error is 'What it failed with; it names the event.';
